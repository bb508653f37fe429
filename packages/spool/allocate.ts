// Room on the disk for what will be written.

import { errno, fallocate, FALLOC_FL_KEEP_SIZE } from '#posix'

/** How far ahead room is reserved. */
const stepSize = 8 << 20

/**
 * Reserves room in a file behind byte `from`: for `bytes`, and more, up to byte `limit`, if there
 * is. How far it reaches; Infinity where the file system makes no such promise; or -errno.
 */
export function allocate(fd: number, from: number, bytes: number, limit: number): number {
  const step = Math.min(stepSize, limit - from)
  for (const length of step > bytes ? [step, bytes] : [bytes]) {
    const e = fallocate(fd, FALLOC_FL_KEEP_SIZE, from, length)
    if (e === -errno.EOPNOTSUPP) return Infinity
    if (e !== -errno.ENOSPC) return e < 0 ? e : from + length
  }
  return -errno.ENOSPC
}
