// What a replay has done, in words: while it runs and at its end.

import { shownBytes, shownDifferences } from '#mirror'
import type { AssertionCounts, MirrorResult, MirrorStatus, Progress } from '#mirror'
import type { StatusReport } from '#relay'

/**
 * One line: messages, bytes, rate since the start, how far behind the source; what was stated of a
 * tree that is being made whole or compared, the whole of which nobody knows before.
 */
export function progressLine({ counts, timeMs, underway }: Progress, elapsedMs: number): string {
  const rate = counts.bytes / Math.max(elapsedMs / 1000, 0.001)
  const lag = timeMs === 0 ? '' : `  ${shownSeconds((Date.now() - timeMs) / 1000)} behind`
  const how = `${shownBytes(rate)}/s${lag}`
  if (underway) return `${shownCounts(underway)}  ${how}`
  return `${totalOf(counts.applied)} messages  ${shownBytes(counts.bytes)}  ${how}`
}

/** What an assertion has come to. */
export function shownCounts({ directories, files, compared, received }: AssertionCounts): string {
  const bytes = `${shownBytes(compared)} compared, ${shownBytes(received)} received`
  return `${directories} directories, ${files} files, ${bytes}`
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
  const { assertion = null, verified = null } = status
  return { object: { state, ...status, assertion, verified }, lines: statusLines(status) }
}

function statusLines(status: MirrorStatus): string[] {
  const { position, durable, lagMessages, lagBytes, lagMs, faults, assertion } = status
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
    `assertion: ${assertion ? shownAssertion(assertion) : 'none is under way'}`,
    `last compared: ${shownVerified(status.verified)}`,
    `connection: ${connection}`,
  ]
}

const whys: Readonly<Record<NonNullable<MirrorStatus['assertion']>['why'], string>> = {
  sought: 'its position is lost: waits for what the source states',
  whole: 'makes it whole',
  verify: 'compares it',
  heal: 'heals what was in doubt',
  check: 'compares it in passing',
}

const shownAssertion = (assertion: NonNullable<MirrorStatus['assertion']>) =>
  `${whys[assertion.why]}, '${assertion.path}': ${shownCounts(assertion)} so far`

function shownVerified(verified: MirrorStatus['verified']): string {
  if (!verified) return 'never'
  const { time, path, differences, repaired, position } = verified
  const found = shownDifferences(differences, repaired)
  return `${time} at ${shownPosition(position)}, '${path}': ${found}`
}

const shownPosition = ({ epoch, seq }: MirrorStatus['position']) =>
  epoch === 0 ? 'none' : `${epoch}:${seq}`

const totalOf = (applied: ReadonlyMap<string, number>) =>
  [...applied.values()].reduce((sum, n) => sum + n, 0)

const shownSeconds = (s: number) => (s < 120 ? `${s.toFixed(1)} s` : `${(s / 60).toFixed(1)} min`)
