// The content of an open file as messages.

import { errno, fstat, lseek, pread, SEEK_DATA, SEEK_HOLE, Stat } from '#posix'
import { fallocateMode, limits } from '#wire'
import type { JournalContext } from './journal-context.js'

const { KEEP_SIZE, PUNCH_HOLE } = fallocateMode
let block: Buffer | undefined

/**
 * Emits `length` bytes of `fd` from `start` as what `path` has from `to` on: its data as writes,
 * and where `punch` says so its holes as holes. 0 or -errno, with a part emitted.
 */
export function emitContent(
  context: JournalContext,
  path: Buffer,
  fd: number,
  start: number,
  length: number,
  { to = start, punch = false } = {},
): number {
  const shift = to - start
  const end = start + length
  for (let at = start; at < end;) {
    const found = lseek(fd, at, SEEK_DATA)
    if (found < 0 && found !== -errno.ENXIO) return found
    const data = found < 0 ? end : Math.min(found, end)
    if (punch && data > at)
      context.emit('fallocate', {
        path,
        mode: PUNCH_HOLE | KEEP_SIZE,
        offset: at + shift,
        length: data - at,
      })
    const hole = data < end ? lseek(fd, data, SEEK_HOLE) : end
    if (hole < 0) return hole
    const stop = Math.min(hole, end)
    const e = emitData(context, path, fd, data, stop, shift)
    if (e < 0) return e
    at = stop
  }
  return 0
}

function emitData(
  context: JournalContext,
  path: Buffer,
  fd: number,
  start: number,
  end: number,
  shift: number,
): number {
  block ??= Buffer.alloc(limits.dataSizeMax)
  for (let at = start; at < end;) {
    const done = pread(fd, block, 0, Math.min(block.length, end - at), at)
    if (done < 0) return done
    // Somebody behind the mount made it shorter.
    if (done === 0) return -errno.EIO
    context.emit('write', { path, offset: at + shift, data: block.subarray(0, done) })
    at += done
  }
  return 0
}

/** Emits the size that the file open as `fd` has. 0 or -errno. */
export function emitSize(context: JournalContext, path: Buffer, fd: number): number {
  const stat = new Stat()
  const e = fstat(fd, stat.buffer)
  if (e < 0) return e
  context.emit('truncate', { path, size: stat.size })
  return 0
}
