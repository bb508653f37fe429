// Medians and ratios of what was measured, as a table for people and as JSON.

import { targets } from './targets.js'

export interface Measurement {
  readonly target: string
  readonly workload: string
  readonly seconds: number
}

interface Row {
  readonly workload: string
  readonly target: string
  readonly rounds: number
  /** Seconds. */
  readonly median: number
  readonly least: number
  readonly most: number
  /** The median's, to the other target's. */
  readonly toPlain: number
  readonly toPassthrough: number
}

/** `assertion` is what was measured of that, where it was. */
export function jsonReport(measurements: readonly Measurement[], assertion?: object): string {
  const rows = rowsOf(measurements)
  return JSON.stringify(assertion ? { rows, assertion } : rows, null, 2)
}

export function tableReport(measurements: readonly Measurement[]): string {
  const head = ['', 'median s', 'least', 'most', 'to plain', 'to passthrough_ll']
  const lines = rowsOf(measurements).flatMap((row, i) => {
    const figures = [row.median, row.least, row.most].map((seconds) => seconds.toFixed(3))
    const ratios = [row.toPlain, row.toPassthrough].map((ratio) => `${ratio.toFixed(2)}x`)
    const line = [`  ${row.target}`, ...figures, ...ratios]
    return i % targets.length === 0 ? [[row.workload], line] : [line]
  })
  return [head, ...lines].map(aligned).join('\n')
}

const aligned = (cells: string[]) =>
  cells.map((cell, i) => (i === 0 ? cell.padEnd(24) : cell.padStart(i === 5 ? 19 : 10))).join('')

function rowsOf(measurements: readonly Measurement[]): Row[] {
  const workloads = [...new Set(measurements.map(({ workload }) => workload))]
  return workloads.flatMap((workload) => {
    const secondsOf = (target: string | undefined) =>
      measurements
        .filter((one) => one.workload === workload && one.target === target)
        .map(({ seconds }) => seconds)
    const [plain, passthrough] = targets.map(({ name }) => median(secondsOf(name))) as [
      number,
      number,
    ]
    return targets.map(({ name }) => {
      const all = secondsOf(name)
      const middle = median(all)
      return {
        workload,
        target: name,
        rounds: all.length,
        median: middle,
        least: Math.min(...all),
        most: Math.max(...all),
        toPlain: middle / plain,
        toPassthrough: middle / passthrough,
      }
    })
  })
}

export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  const half = (sorted.length - 1) / 2
  return (sorted[Math.floor(half)]! + sorted[Math.ceil(half)]!) / 2
}
