// Medians and ratios of what was measured, as a table for people and as JSON.

import { peers, plainName, targets } from './targets.js'

export interface Measurement {
  readonly target: string
  readonly workload: string
  readonly seconds: number
  /** Of the target's own processes, meanwhile. */
  readonly cpuSeconds: number
  /** The most that one of them ever had. */
  readonly peakMiB: number
}

export interface Row {
  readonly workload: string
  readonly target: string
  readonly rounds: number
  /** Seconds. */
  readonly median: number
  readonly least: number
  readonly most: number
  /** The median's, to the plain directory's, and to the better peer's. */
  readonly toPlain: number
  readonly toPeer: number
  /** Medians. */
  readonly cpuSeconds: number
  readonly peakMiB: number
}

const head = ['', 'median s', 'least', 'most', 'to plain', 'to peer', 'CPU s', 'peak MiB']

export function tableReport(rows: readonly Row[]): string {
  const lines = rows.flatMap((row, i) => {
    const figures = [row.median, row.least, row.most].map((seconds) => seconds.toFixed(3))
    const ratios = [row.toPlain, row.toPeer].map((ratio) => `${ratio.toFixed(2)}x`)
    const used = [row.cpuSeconds.toFixed(2), row.peakMiB.toFixed(0)]
    const line = [`  ${row.target}`, ...figures, ...ratios, ...used]
    return rows[i - 1]?.workload === row.workload ? [line] : [[row.workload], line]
  })
  return [head, ...lines].map(aligned).join('\n')
}

const aligned = (cells: string[]) =>
  cells.map((cell, i) => (i === 0 ? cell.padEnd(32) : cell.padStart(10))).join('')

/** A row for each target that a work was measured on, work by work. */
export function rowsOf(measurements: readonly Measurement[]): Row[] {
  const workloads = [...new Set(measurements.map(({ workload }) => workload))]
  return workloads.flatMap((workload) => {
    const of = (target: string) =>
      measurements.filter((one) => one.workload === workload && one.target === target)
    const time = (target: string) => median(of(target).map(({ seconds }) => seconds))
    const plain = time(plainName)
    const peer = Math.min(...peers.map(time).filter((seconds) => !Number.isNaN(seconds)))
    return targets
      .map(({ name }) => ({ name, all: of(name) }))
      .filter(({ all }) => all.length > 0)
      .map(({ name, all }) => {
        const seconds = all.map((one) => one.seconds)
        const middle = median(seconds)
        return {
          workload,
          target: name,
          rounds: all.length,
          median: middle,
          least: Math.min(...seconds),
          most: Math.max(...seconds),
          toPlain: middle / plain,
          toPeer: middle / peer,
          cpuSeconds: median(all.map((one) => one.cpuSeconds)),
          peakMiB: median(all.map((one) => one.peakMiB)),
        }
      })
  })
}

/** NaN of nothing. */
export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  const half = (sorted.length - 1) / 2
  return (sorted[Math.floor(half)]! + sorted[Math.ceil(half)]!) / 2
}
