// Reads all of a spool and checks every message, its numbering and the segments' names.

import { close, O_RDONLY } from '#posix'
import { epochOf, seqOf, WireError } from '#wire'
import { findHello } from './retained.js'
import { SegmentScan } from './scan-segment.js'
import { openSegment, type Segment } from './spool-directory.js'
import { SpoolError } from './spool-error.js'

export interface SpoolSummary {
  segments: number
  messages: number
  bytes: number
}

/**
 * Throws SpoolError ESPOOL_DAMAGED or ESPOOL_MISSING at the first fault, with its place. Only the
 * last segment may end within a message, since that may be on its way.
 */
export function verifySpool(directory: number, segments: readonly Segment[]): SpoolSummary {
  const summary: SpoolSummary = { segments: segments.length, messages: 0, bytes: 0 }
  let before: { epoch: number; seq: number } | undefined
  for (const [i, segment] of segments.entries()) {
    before = verifySegment(directory, segment, before, i === segments.length - 1, summary)
  }
  const [oldest] = segments
  if (oldest && oldest.seq !== 1 && !findHello(directory, segments, oldest.epoch))
    throw new SpoolError('ESPOOL_MISSING', `the hello of epoch ${oldest.epoch} is missing`)
  return summary
}

function verifySegment(
  directory: number,
  segment: Segment,
  before: { epoch: number; seq: number } | undefined,
  isLast: boolean,
  summary: SpoolSummary,
): { epoch: number; seq: number } | undefined {
  const { name, epoch, seq, size } = segment
  const fd = openSegment(directory, name, O_RDONLY)
  if (fd === undefined) throw new SpoolError('ESPOOL_MISSING', `${name}: is gone`)
  const scan = new SegmentScan(fd)
  const fault = (why: string) =>
    new SpoolError('ESPOOL_DAMAGED', `${name}, byte ${scan.offset}: ${why}`)
  const continues = before?.epoch === epoch
  const expected = continues ? before.seq + 1 : seq
  if (before && !continues && seq !== 1) throw fault(`epoch ${epoch} begins with message ${seq}`)
  if (expected !== seq) throw fault(`begins with message ${seq}, not ${expected}`)
  let next = seq
  try {
    for (let message = scan.next(); message; message = scan.next()) {
      if (epochOf(message) !== epoch || seqOf(message) !== next)
        throw fault(
          `message ${seqOf(message)} of epoch ${epochOf(message)}, not ${next} of ${epoch}`,
        )
      next++
      summary.messages++
    }
  } catch (error) {
    throw error instanceof WireError ? fault(error.reason) : error
  } finally {
    close(fd)
  }
  summary.bytes += scan.offset
  if (!isLast && scan.offset < size) throw fault(`${size - scan.offset} bytes that are no message`)
  return { epoch, seq: next - 1 }
}
