// What a replay has done, in words: while it runs and at its end.

import type { MirrorResult, MirrorStatus, Progress } from '#mirror'
import type { StatusReport } from '#relay'

/** One line: messages, bytes, rate since the start, how far behind the source. */
export function progressLine({ counts, timeMs }: Progress, elapsedMs: number): string {
  const rate = counts.bytes / Math.max(elapsedMs / 1000, 0.001)
  const lag = timeMs === 0 ? '' : `  ${shownSeconds((Date.now() - timeMs) / 1000)} behind`
  const total = totalOf(counts.applied)
  return `${total} messages  ${shownBytes(counts.bytes)}  ${shownBytes(rate)}/s${lag}`
}

/** Lines for --stats. */
export function statsLines(
  { counts, leftOut, suspects }: MirrorResult,
  elapsedMs: number,
): string[] {
  const bytes = counts.bytes.toLocaleString('en-US')
  return [
    `Messages applied: ${totalOf(counts.applied).toLocaleString('en-US')}`,
    ...[...counts.applied]
      .toSorted(([a], [b]) => a.localeCompare(b))
      .map(([name, n]) => `  ${name}: ${n.toLocaleString('en-US')}`),
    `Messages applied before: ${counts.skipped.toLocaleString('en-US')}`,
    `Messages of unknown kinds: ${counts.unknown.toLocaleString('en-US')}`,
    ...[...leftOut].map(([kind, n]) => `Left out, ${kind}: ${n.toLocaleString('en-US')}`),
    `Suspect paths: ${suspects.toLocaleString('en-US')}`,
    `Stream bytes: ${bytes}`,
    `Elapsed seconds: ${(elapsedMs / 1000).toFixed(3)}`,
  ]
}

/** For SIGUSR1: the state is `healthy` only of a current, exact copy. */
export function statusReport(status: MirrorStatus): StatusReport {
  const state = status.faults.length === 0 ? 'healthy' : 'not healthy'
  return { object: { state, ...status }, lines: statusLines(status) }
}

function statusLines(status: MirrorStatus): string[] {
  const { position, durable, lagMessages, lagBytes, lagMs, faults } = status
  const connection =
    status.isConnected === undefined
      ? 'none, the source is a pipe or a record'
      : `${status.isConnected ? 'there' : 'lost'}, ${status.connections} so far`
  const messages = lagMessages === undefined ? '' : `${lagMessages} messages, `
  const seconds = lagMs === undefined ? '' : `, ${(lagMs / 1000).toFixed(1)} s`
  return [
    faults.length === 0 ? 'healthy' : `not healthy: ${faults.join('; ')}`,
    `position: ${shownPosition(position)}, ${status.messages} messages in all`,
    `lag: ${messages}${lagBytes} bytes${seconds}`,
    `durable: ${durable ? shownPosition(durable) : 'never, as --sync none says'}`,
    `suspects: ${status.suspects}`,
    `connection: ${connection}`,
  ]
}

const shownPosition = ({ epoch, seq }: MirrorStatus['position']) =>
  epoch === 0 ? 'none' : `${epoch}:${seq}`

const totalOf = (applied: ReadonlyMap<string, number>) =>
  [...applied.values()].reduce((sum, n) => sum + n, 0)

function shownBytes(n: number): string {
  const power = n < 1 ? 0 : Math.min(4, Math.floor(Math.log2(n) / 10))
  return `${(n / 1024 ** power).toFixed(power ? 1 : 0)} ${['B', 'KiB', 'MiB', 'GiB', 'TiB'][power]}`
}

const shownSeconds = (s: number) => (s < 120 ? `${s.toFixed(1)} s` : `${(s / 60).toFixed(1)} min`)
