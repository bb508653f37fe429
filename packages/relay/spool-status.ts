// What tfs-spool says of itself: the spool that it writes or reads, who reads the output, and the
// registered readers.

import { listReaders, type Spool, type SpoolWriter } from '#spool'
import type { Position } from '#wire'
import { isFaultOfSpool } from './reader-after.js'
import type { IntakeCounts } from './spool-intake.js'
import { lagIn, lagText, lateSeconds, silence, silentMsOf, stateOf } from './status-report.js'
import type { Lag, StatusReport } from './status-report.js'

/** Who reads standard output. */
export interface OutputState {
  readonly position: Position
  readonly bytes: number
  /** Why it gets nothing more. */
  readonly gone?: string | undefined
  readonly hasLost: boolean
}

interface OutputStatus extends Position {
  readonly bytes: number
  readonly lag: Lag
}

interface ReaderStatus extends Position {
  readonly name: string
  readonly lag: Lag
}

export interface SpoolStreamState {
  readonly writer: Pick<SpoolWriter, 'spool' | 'position' | 'ordinal' | 'ended'>
  readonly counts: IntakeCounts
  /** Why the input waits. */
  readonly trouble: string | undefined
  /** Since anything has come. */
  readonly silentMs: number
  readonly output: OutputState | undefined
}

export function describeSpoolStream(of: SpoolStreamState): StatusReport {
  const { writer, counts, trouble } = of
  const { spool, position, ordinal: segment } = writer
  const output = of.output && describeOutput(spool, of.output)
  const readers = describeReaders(spool)
  const faults = [
    ...(trouble === undefined ? [] : [trouble]),
    ...(position.epoch === 0 ? ['waits for its source'] : []),
    ...(position.epoch !== 0 && writer.ended ? ['the stream has ended'] : silence(of.silentMs)),
    ...(counts.missing > 0 ? ['messages are missing'] : []),
    ...(of.output && output ? outputFaults(of.output, output) : []),
  ]
  const isHeld = trouble !== undefined
  const object = {
    state: stateOf(faults),
    spool: { isHeld, ...position, segment, ...counts, silentSeconds: of.silentMs / 1000 },
    output: output ?? null,
    readers,
  }
  const line =
    `spool: ${isHeld ? 'held' : 'flowing'} at ${shown(position)}, ` +
    `segment ${segment}, ${counts.bytes} bytes in ${counts.messages} messages, ` +
    `${counts.duplicates} had been there, ${counts.missing} are missing`
  const lines = [line, outputLine(output), ...readers.map(readerLine), `state: ${object.state}`]
  return { object, lines }
}

export function describeSpoolReader(spool: Spool, state: OutputState): StatusReport {
  const output = describeOutput(spool, state)
  const silentMs = silentMsOf(spool)
  const faults = [
    ...(isEnded(spool) ? ['the stream has ended'] : silence(silentMs)),
    ...outputFaults(state, output),
  ]
  const object = { state: stateOf(faults), silentSeconds: silentMs / 1000, output }
  return { object, lines: [outputLine(output), `state: ${object.state}`] }
}

function isEnded(spool: Spool): boolean {
  try {
    return spool.newest().ended
  } catch (error) {
    if (isFaultOfSpool(error)) return false
    throw error
  }
}

const describeOutput = (spool: Spool, { position, bytes }: OutputState): OutputStatus => ({
  ...position,
  bytes,
  lag: lagIn(spool, position),
})

function describeReaders(spool: Spool): ReaderStatus[] {
  try {
    return listReaders(spool.fd).flatMap(({ name, position }) =>
      position ? [{ name, ...position, lag: lagIn(spool, position) }] : [],
    )
  } catch (error) {
    if (isFaultOfSpool(error)) return []
    throw error
  }
}

function outputFaults({ gone, hasLost }: OutputState, { lag }: OutputStatus): string[] {
  if (gone !== undefined) return [`its reader gets nothing more: ${gone}`]
  const isLate = lag.seconds === null || lag.seconds > lateSeconds
  return [
    ...(hasLost ? ['its reader has lost messages'] : []),
    ...(isLate ? ['its reader is behind'] : []),
  ]
}

const outputLine = (output: OutputStatus | undefined) =>
  output
    ? `output: at ${shown(output)}, ${output.bytes} bytes, ${lagText(output.lag)}`
    : 'output: none'

const readerLine = (reader: ReaderStatus) =>
  `reader ${reader.name}: at ${shown(reader)}, ${lagText(reader.lag)}`

const shown = ({ epoch, seq }: Position): string => `${epoch}:${seq}`
