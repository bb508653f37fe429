// Reads all of a spool and checks every message, its numbering and the segments' names.

import { close } from '#posix'
import { isEnd, WireError, type Position } from '#wire'
import { SegmentScan, seqBehind } from './scan-segment.js'
import { sizeOfFile, type Segment } from './spool-directory.js'
import { isTrimmed } from './look-again.js'
import { damaged, SpoolError } from './spool-error.js'
import type { Spool } from './spool.js'
import { SegmentIndex } from './segment-index.js'

export interface SpoolSummary {
  segments: number
  messages: number
  bytes: number
  /** The newest message, epoch 0 where there is none. */
  newest: Position
  /** Whether that ends its epoch. */
  ended: boolean
  /** What is wrong, in order: the first of each segment. */
  faults: SpoolError[]
  /** Bytes of a message at the end that is not whole: it may be on its way. */
  pending: number
}

/** Throws SystemError. */
export function verifySpool(spool: Spool): SpoolSummary {
  const summary: SpoolSummary = {
    segments: 0,
    messages: 0,
    bytes: 0,
    newest: { epoch: 0, seq: 0 },
    ended: true,
    faults: [],
    pending: 0,
  }
  let segments: Segment[]
  try {
    segments = spool.segments()
  } catch (error) {
    if (!(error instanceof SpoolError)) throw error
    return { ...summary, faults: [error] }
  }
  summary.segments = segments.length
  for (let at = 0; at < segments.length; at++)
    try {
      verifySegment(spool, segments, at, summary)
    } catch (error) {
      if (!isTrimmed(error)) throw error
      // What was before it has gone as well by now: the next one is the first.
      summary.newest = { epoch: 0, seq: 0 }
      summary.segments--
    }
  const [oldest] = spool.segments(Infinity)
  if (oldest && oldest.seq !== 1 && !spool.hello(oldest.epoch)) {
    const text = `the hello of epoch ${oldest.epoch} is missing`
    summary.faults.push(new SpoolError('ESPOOL_MISSING', text))
  }
  return summary
}

function verifySegment(
  spool: Spool,
  segments: readonly Segment[],
  at: number,
  summary: SpoolSummary,
): void {
  const segment = segments[at]!
  const { epoch, seq, name } = segment
  const next = segments[at + 1]
  const { newest } = summary
  // What is lost at the end of a segment was told with it.
  const isTold = at > 0 && summary.faults.at(-1)?.damage?.file === segments[at - 1]!.name
  const fault = (offset: number, from: number, to: number | undefined, why: string) =>
    void summary.faults.push(damaged({ file: name, offset, epoch, from, to }, why))
  if (newest.epoch === epoch && newest.seq + 1 < seq && !isTold)
    fault(0, newest.seq + 1, seq - 1, `it begins with message ${seq}`)
  else if (newest.epoch !== 0 && newest.epoch !== epoch && seq !== 1)
    fault(0, 1, seq - 1, `epoch ${epoch} begins with message ${seq}`)
  const fd = spool.open(name)
  try {
    const index = new SegmentIndex(segment, 0n)
    const why = scanAll(fd, index, summary)
    const behind = why === undefined ? undefined : seqBehind(fd, index.size, index)
    const to = behind ?? (next?.epoch === epoch ? next.seq : undefined)
    const isTail = why === endOfFile && !next && behind === undefined
    const expected = next ? (spool.stored(segment)?.size ?? 0) : 0
    if (isTail) summary.pending = sizeLeft(fd, index.size)
    else if (why !== undefined) fault(index.size, index.seq + 1, to && to - 1, why)
    else if (expected > index.size)
      fault(index.size, index.seq + 1, to && to - 1, 'it ends too early')
    if (index.size === 0) return
    summary.newest = { epoch, seq: index.seq }
    summary.ended = isEnd(index.lastType)
  } finally {
    close(fd)
  }
}

const endOfFile = 'bytes that are no message'

// Why the bytes behind what `index` then knows are no message that may come there.
function scanAll(fd: number, index: SegmentIndex, summary: SpoolSummary): string | undefined {
  const scan = new SegmentScan(fd)
  try {
    for (let message = scan.next(); message; message = scan.next()) {
      const why = index.succession.fault(message)
      if (why !== undefined) return why
      index.add(message)
      summary.messages++
      summary.bytes += message.length
    }
    return sizeLeft(fd, index.size) > 0 ? endOfFile : undefined
  } catch (error) {
    if (error instanceof WireError) return error.reason
    throw error
  }
}

const sizeLeft = (fd: number, from: number): number => sizeOfFile(fd, 'segment') - from
