// Removes the oldest segments of a spool, but what registered readers still need. The last one
// always stays.

import { check, close, errno, flock, LOCK_EX, LOCK_NB, O_RDONLY, openat } from '#posix'
import type { Position } from '#wire'
import { listReaders, type ReaderState } from './readers.js'
import { fitRetained, mendRetained, removeSegment } from './retained.js'
import { openFile, sizeOfFile, type Segment } from './spool-directory.js'
import { SpoolError } from './spool-error.js'
import type { Spool } from './spool.js'

/** How much is kept: at least so much of each that is given, in whole segments. */
export interface Amount {
  readonly bytes?: number
  /** By the times in the messages. */
  readonly ageMs?: number
}

export interface Keep {
  readonly keep: Amount
  /** Beyond this even what a reader needs is removed; never, if left out. */
  readonly most?: Amount | undefined
}

export interface Trimmed {
  readonly segments: readonly Segment[]
  readonly bytes: number
  /** Readers that need some of it. */
  readonly losers: readonly string[]
}

/**
 * Removes what need not be kept, oldest first; with `dryRun` only says what. Throws SystemError,
 * and SpoolError: ESPOOL_LOCKED where another process does so just now.
 */
export function trim(spool: Spool, keep: Keep, options: TrimOptions = {}): Trimmed {
  const { nowMs = Date.now(), dryRun = false } = options
  // One at a time: the writer trims, and so may somebody by hand. The lock goes with the
  // descriptor.
  const lock = check(openat(spool.fd, Buffer.from('.'), O_RDONLY), 'open', spool.path)
  try {
    const locked = flock(lock, LOCK_EX | LOCK_NB)
    if (locked === -errno.EAGAIN) throw isBeingTrimmed(spool)
    check(locked, 'flock', spool.path)
    if (!dryRun) mendRetained(spool)
    const segments = spool.segments()
    const sizes = segments.map((segment) => sizeOf(spool, segment))
    const readers = listReaders(spool.fd)
    const needed = readers.map((reader) => firstNeeded(segments, reader))
    const free = countOver(spool, segments, sizes, keep.keep, nowMs)
    const forced = keep.most ? countOver(spool, segments, sizes, keep.most, nowMs) : 0
    const count = Math.max(Math.min(free, ...needed), Math.min(free, forced))
    const gone = segments.slice(0, count)
    if (!dryRun) remove(spool, gone, segments[count])
    return {
      segments: gone,
      bytes: sizes.slice(0, count).reduce((sum, size) => sum + size, 0),
      losers: readers.filter((_, i) => needed[i]! < count).map(({ name }) => name),
    }
  } finally {
    close(lock)
  }
}

const isBeingTrimmed = ({ path }: Spool) =>
  new SpoolError('ESPOOL_LOCKED', `the spool '${path}' is being trimmed by another process`)

export interface TrimOptions {
  readonly nowMs?: number
  readonly dryRun?: boolean
}

function remove(spool: Spool, gone: readonly Segment[], oldest: Segment | undefined): void {
  if (gone.length === 0 || !oldest) return
  // First what replaces them, so that the hello is never nowhere.
  if (oldest.seq !== 1) fitRetained(spool, oldest)
  for (const segment of gone) removeSegment(spool, segment)
  if (oldest.seq === 1) fitRetained(spool, oldest)
}

function sizeOf({ fd: directory }: Spool, { name }: Segment): number {
  const fd = openFile(directory, name, O_RDONLY)
  if (fd === undefined) return 0
  try {
    return sizeOfFile(fd, name)
  } finally {
    close(fd)
  }
}

// How many of the segments are not needed to have the amount; all but one at most.
function countOver(
  spool: Spool,
  segments: readonly Segment[],
  sizes: readonly number[],
  { bytes, ageMs }: Amount,
  nowMs: number,
): number {
  let left = sizes.reduce((sum, size) => sum + size, 0)
  for (let count = 0; count < segments.length - 1; count++) {
    left -= sizes[count]!
    const isSpare = bytes === undefined || left >= bytes
    // All of a segment is at least as old as the end of it.
    const isOld = ageMs === undefined || nowMs - newestMs(spool, segments, count) > ageMs
    if (!isSpare || !isOld) return count
  }
  return Math.max(0, segments.length - 1)
}

function newestMs(spool: Spool, segments: readonly Segment[], at: number): number {
  try {
    return Number(spool.index(segments, at).time / 1_000_000n)
  } catch (error) {
    // What is damaged is as old as it was said to be.
    if (error instanceof SpoolError) return 0
    throw error
  }
}

// The first of the segments that a reader has not read to its end; 0 where nobody knows.
function firstNeeded(segments: readonly Segment[], { position }: ReaderState): number {
  if (!position) return 0
  const at = segments.findLastIndex((segment) => isBefore(segment, position))
  return Math.max(0, at)
}

const isBefore = ({ epoch, seq }: Segment, position: Position): boolean =>
  epoch === position.epoch && seq <= position.seq + 1
