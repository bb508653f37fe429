// Removes the oldest segments of a spool. The last one always stays.

import { check, close, errno, O_RDONLY, unlinkat } from '#posix'
import { timeOf } from '#wire'
import { findHello, keepHello } from './retained.js'
import { SegmentScan } from './scan-segment.js'
import { openSegment, type Segment } from './spool-directory.js'

/** How much to keep: at least this, in whole segments. */
export interface Keep {
  readonly bytes?: number
  /** By the times in the messages. */
  readonly ageMs?: number
}

/** Removes what need not be kept, oldest first, and says what. Throws SystemError. */
export function trim(
  directory: number,
  segments: readonly Segment[],
  keep: Keep,
  nowMs: number = Date.now(),
): Segment[] {
  const drop = removable(directory, segments, keep, nowMs)
  const oldest = segments[drop.length]
  if (drop.length === 0 || !oldest) return []
  // First what replaces them, so that the hello is never nowhere.
  keepHello(directory, oldest.seq === 1 ? undefined : findHello(directory, segments, oldest.epoch))
  for (const { name } of drop) {
    const gone = unlinkat(directory, Buffer.from(name))
    if (gone !== -errno.ENOENT) check(gone, 'unlink', name)
  }
  return drop
}

function removable(
  directory: number,
  segments: readonly Segment[],
  { bytes, ageMs }: Keep,
  nowMs: number,
): Segment[] {
  let left = segments.reduce((sum, { size }) => sum + size, 0)
  const drop: Segment[] = []
  for (const [i, segment] of segments.slice(0, -1).entries()) {
    left -= segment.size
    const isLarge = bytes !== undefined && left >= bytes
    // All of a segment is at least as old as the beginning of the next.
    const isOld = ageMs !== undefined && nowMs - startMs(directory, segments[i + 1]!) > ageMs
    if (!isLarge && !isOld) break
    drop.push(segment)
  }
  return drop
}

/** When the first message of a segment was made, in milliseconds since 1970; 0 for an empty one. */
export function startMs(directory: number, { name }: Segment): number {
  const fd = openSegment(directory, name, O_RDONLY)
  if (fd === undefined) return 0
  try {
    const message = new SegmentScan(fd).next()
    return message ? Number(timeOf(message) / 1_000_000n) : 0
  } finally {
    close(fd)
  }
}
