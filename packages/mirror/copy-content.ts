// All the bytes of one file of the mirror into another; holes stay holes.

import { copyFileRange, errno, ftruncate, lseek, pread, pwrite, SEEK_DATA, SEEK_HOLE } from '#posix'

const block = Buffer.alloc(1 << 20)

/** Makes `to`, which is empty, what the first `size` bytes of `from` are. 0 or -errno. */
export function copyContent(from: number, to: number, size: number): number {
  for (let at = 0; at < size;) {
    const data = lseek(from, at, SEEK_DATA)
    if (data === -errno.ENXIO) break
    if (data < 0) return data
    const hole = lseek(from, data, SEEK_HOLE)
    if (hole < 0) return hole
    at = data
    while (at < Math.min(hole, size)) {
      const left = Math.min(hole, size) - at
      let n = copyFileRange(from, at, to, at, left)
      if (n === -errno.EXDEV || n === -errno.EOPNOTSUPP || n === -errno.ENOSYS) {
        n = pread(from, block, 0, Math.min(left, block.length), at)
        if (n > 0) n = pwrite(to, block, 0, n, at)
      }
      if (n <= 0) return n || -errno.EIO
      at += n
    }
  }
  return ftruncate(to, size)
}
