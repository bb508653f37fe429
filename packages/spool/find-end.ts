// Where the good messages of the last segment end: what follows may be the rest of a write that a
// crash cut short, which is to be dropped, or the first sign of damage.

import { WireError } from '#wire'
import { SegmentScan, seqBehind } from './scan-segment.js'
import { SegmentIndex } from './segment-index.js'
import { sizeOfFile, type Segment } from './spool-directory.js'
import { damagedAt } from './spool.js'

export interface SegmentEnd {
  /** What is known of the good messages. */
  readonly index: SegmentIndex
  /** Why the bytes behind them are no message; undefined where there are none. */
  readonly torn: string | undefined
}

/**
 * Reads the segment open at `fd`. Throws SpoolError ESPOOL_DAMAGED where good messages come after
 * bytes that are none.
 */
export function findEnd(fd: number, segment: Segment, timeBefore: bigint): SegmentEnd {
  const size = sizeOfFile(fd, segment.name)
  const index = new SegmentIndex(segment, timeBefore)
  const scan = new SegmentScan(fd)
  let fault: WireError | undefined
  try {
    for (let message = scan.next(); message; message = scan.next()) {
      const why = index.succession.fault(message)
      if (why !== undefined) throw new WireError('EWIRE_ORDER', why)
      index.add(message)
    }
    // A size that was changed may look like the beginning of a message that ends beyond the file.
    const left = size - index.size
    if (left > 0)
      fault = new WireError('EWIRE_TRUNCATED', `${left} bytes that are no whole message`)
  } catch (error) {
    if (!(error instanceof WireError)) throw error
    fault = error
  }
  // A good message in the wrong place was not left by a write that was cut short.
  const { epoch, seq } = index.succession
  const isDamage =
    fault &&
    (fault.code === 'EWIRE_ORDER' || seqBehind(fd, index.size, { epoch, seq }) !== undefined)
  if (fault && isDamage) throw damagedAt(fd, segment, index, undefined, fault)
  return { index, torn: fault?.reason }
}
