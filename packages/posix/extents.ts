// Where a file really has blocks with content, as FS_IOC_FIEMAP tells (linux/fiemap.h). SEEK_DATA
// counts what is merely reserved as data once somebody has read it.

import { ioctl } from './ioctl.js'

const FS_IOC_FIEMAP = 0xc020660b
const FIEMAP_FLAG_SYNC = 1
const FIEMAP_EXTENT_LAST = 1
const FIEMAP_EXTENT_UNWRITTEN = 0x800
const headerSize = 32
const extentSize = 56
const extentsAtOnce = 32

const map = Buffer.alloc(headerSize + extentsAtOnce * extentSize)

/**
 * The first byte from `start` to `end` that is in an extent with content, zeros or others, of the
 * file `fd`; -1: there is none; another -errno where the file system cannot tell.
 */
export function firstWritten(fd: number, start: number, end: number): number {
  for (let at = start; at < end;) {
    map.fill(0)
    map.writeBigUInt64LE(BigInt(at), 0)
    map.writeBigUInt64LE(BigInt(end - at), 8)
    map.writeUInt32LE(FIEMAP_FLAG_SYNC, 16)
    map.writeUInt32LE(extentsAtOnce, 24)
    const e = ioctl(fd, FS_IOC_FIEMAP, map)
    // EPERM is 1.
    if (e < 0) return Math.min(e, -2)
    const found = map.readUInt32LE(20)
    if (found === 0) return -1
    for (let i = 0; i < found; i++) {
      const extent = headerSize + i * extentSize
      const from = Number(map.readBigUInt64LE(extent))
      const flags = map.readUInt32LE(extent + 40)
      if (from >= end) return -1
      if (!(flags & FIEMAP_EXTENT_UNWRITTEN)) return Math.max(at, from)
      if (flags & FIEMAP_EXTENT_LAST) return -1
      at = Math.max(at, from + Number(map.readBigUInt64LE(extent + 16)))
    }
  }
  return -1
}
