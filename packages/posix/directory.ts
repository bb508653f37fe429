// Directories: raw entries and a cursor over them that allocates nothing.

import { errno } from './errno.js'
import { injected } from './faults.js'
import { addressOf, native, NR, result, syscall4 } from './libc.js'
import { SEEK_SET } from './data.js'
import { check } from './check.js'

/** Types of entries (dirent.h); DT_UNKNOWN where the file system does not say. */
export const DT_UNKNOWN = 0
export const DT_FIFO = 1
export const DT_CHR = 2
export const DT_DIR = 4
export const DT_BLK = 6
export const DT_REG = 8
export const DT_LNK = 10
export const DT_SOCK = 12

/** getdents64(2) into `buffer`: bytes of entries, 0 at the end, or -errno (-EINVAL: too small). */
export function getdents64(fd: number, buffer: Uint8Array): number {
  const e = injected('getdents64')
  return e || result(syscall4(NR.getdents64, fd, addressOf(buffer), buffer.length))
}

/**
 * Goes over what getdents64 stored: `reset(length)`, then `next()` until it says false. The entry's
 * fields are where the cursor says; `name` is a view, good until the buffer is filled again.
 *
 *     struct linux_dirent64 { u64 d_ino; s64 d_off; u16 d_reclen; u8 d_type; char d_name[]; }
 */
export class DirentCursor {
  readonly buffer: Buffer
  #end = 0
  #next = 0
  /** Byte offset of d_ino. */
  inoAt = 0
  /** Byte offset of d_off, the position behind this entry: 8 opaque bytes for `seekDirectory`. */
  offAt = 0
  /** DT_*. */
  type = 0
  nameAt = 0
  nameLength = 0

  constructor(buffer: Buffer) {
    this.buffer = buffer
  }

  /** Begins before the first of `length` bytes of entries. */
  reset(length: number): void {
    this.#end = length
    this.#next = 0
  }

  next(): boolean {
    const at = this.#next
    const b = this.buffer
    if (at >= this.#end) return false
    const length = (b[at + 16] as number) | ((b[at + 17] as number) << 8)
    this.inoAt = at
    this.offAt = at + 8
    this.type = b[at + 18] as number
    this.nameAt = at + 19
    let end = at + 19
    while (b[end] !== 0) end++
    this.nameLength = end - this.nameAt
    this.#next = at + length
    return true
  }

  /** Whether this entry is `.` or `..`. */
  get isDot(): boolean {
    const b = this.buffer
    if (this.nameLength > 2 || b[this.nameAt] !== 0x2e) return false
    return this.nameLength === 1 || b[this.nameAt + 1] === 0x2e
  }

  get name(): Buffer {
    return this.buffer.subarray(this.nameAt, this.nameAt + this.nameLength)
  }
}

const nativeLseek = native('lseek', 'int64', ['int', 'int64', 'int'])
const position = new Uint32Array(2)
const positionBig = new BigInt64Array(position.buffer)

/**
 * Moves a directory to a position that a d_off gave, as its low and high halves: ext4's are hashes
 * of 63 bits. 0 0 is the beginning. 0 or -errno.
 */
export function seekDirectory(fd: number, low: number, high: number): number {
  const e = injected('lseek')
  if (e) return e
  position[0] = low
  position[1] = high
  if (high === 0) return Math.min(0, result(nativeLseek(fd, low, SEEK_SET)))
  const at = nativeLseek(fd, positionBig[0] as bigint, SEEK_SET)
  // A bigint where it is beyond 2^53, which is as good as any.
  return at < 0 ? result(-1) : 0
}

export interface Dirent {
  /** Bytes of its own. */
  name: Buffer
  /** DT_*. */
  type: number
}

/**
 * All entries of a directory opened for reading, from its beginning, without `.` and `..`, in the
 * file system's order. Throws a SystemError.
 */
export function* readDirectory(fd: number): Generator<Dirent, void, void> {
  const cursor = new DirentCursor(Buffer.allocUnsafeSlow(32768))
  check(seekDirectory(fd, 0, 0), 'lseek')
  for (;;) {
    const length = getdents64(fd, cursor.buffer)
    // A directory that was removed meanwhile has no entries.
    if (length === 0 || length === -errno.ENOENT) return
    cursor.reset(check(length, 'getdents64'))
    while (cursor.next()) {
      if (!cursor.isDot) yield { name: Buffer.from(cursor.name), type: cursor.type }
    }
  }
}
