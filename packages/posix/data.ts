// Bytes of files: reading, writing, holes, copying, syncing. Buffers are (buffer, offset, length)
// as in Node's fs, without Node's habit of writing at the current position for a bad one.

import { errno } from './errno.js'
import { injected } from './faults.js'
import { addressOf, native, NR, result } from './libc.js'
import { isSize, putInt64, within } from './numbers.js'

export const SEEK_SET = 0
export const SEEK_CUR = 1
export const SEEK_END = 2
export const SEEK_DATA = 3
export const SEEK_HOLE = 4

/** linux/falloc.h */
export const FALLOC_FL_KEEP_SIZE = 0x01
export const FALLOC_FL_PUNCH_HOLE = 0x02
export const FALLOC_FL_COLLAPSE_RANGE = 0x08
export const FALLOC_FL_ZERO_RANGE = 0x10
export const FALLOC_FL_INSERT_RANGE = 0x20
export const FALLOC_FL_UNSHARE_RANGE = 0x40

const nativeRead = native('read', 'int64', ['int', 'int64', 'int64'])
const nativeWrite = native('write', 'int64', ['int', 'int64', 'int64'])
const nativePread = native('pread', 'int64', ['int', 'int64', 'int64', 'int64'])
const nativePwrite = native('pwrite', 'int64', ['int', 'int64', 'int64', 'int64'])
const nativeFtruncate = native('ftruncate', 'int', ['int', 'int64'])
const nativeFallocate = native('fallocate', 'int', ['int', 'int', 'int64', 'int64'])
const nativeLseek = native('lseek', 'int64', ['int', 'int64', 'int'])
const nativeFsync = native('fsync', 'int', ['int'])
const nativeFdatasync = native('fdatasync', 'int', ['int'])
const nativeSyncfs = native('syncfs', 'int', ['int'])
const rangeArgs = ['int', 'int64', 'int64', 'uint32']
const nativeSyncFileRange = native('sync_file_range', 'int', rangeArgs)
const copyArgs = ['int64', 'int', 'int64', 'int', 'int64', 'int64', 'uint32']
const nativeCopy = native('syscall', 'int64', copyArgs)

/** read(2): bytes read, 0 at the end, or -errno. */
export function read(fd: number, buffer: Uint8Array, offset: number, length: number): number {
  const e = injected('read') || within(buffer, offset, length)
  if (e) return e
  const address = addressOf(buffer) + offset
  let done: number
  do done = result(nativeRead(fd, address, length))
  while (done === -errno.EINTR)
  return done
}

/** write(2): bytes written, which may be fewer, or -errno. */
export function write(fd: number, buffer: Uint8Array, offset: number, length: number): number {
  const e = injected('write') || within(buffer, offset, length)
  if (e) return e
  const address = addressOf(buffer) + offset
  let done: number
  do done = result(nativeWrite(fd, address, length))
  while (done === -errno.EINTR)
  return done
}

/** pread(2): bytes read, 0 at the end, or -errno. */
export function pread(
  fd: number,
  buffer: Uint8Array,
  offset: number,
  length: number,
  position: number,
): number {
  const e = injected('pread') || within(buffer, offset, length)
  if (e) return e
  if (!isSize(position)) return -errno.EINVAL
  const address = addressOf(buffer) + offset
  let done: number
  do done = result(nativePread(fd, address, length, position))
  while (done === -errno.EINTR)
  return done
}

/** pwrite(2): bytes written, which may be fewer, or -errno. */
export function pwrite(
  fd: number,
  buffer: Uint8Array,
  offset: number,
  length: number,
  position: number,
): number {
  const e = injected('pwrite') || within(buffer, offset, length)
  if (e) return e
  if (!isSize(position)) return -errno.EINVAL
  const address = addressOf(buffer) + offset
  let done: number
  do done = result(nativePwrite(fd, address, length, position))
  while (done === -errno.EINTR)
  return done
}

/** ftruncate(2). 0 or -errno. */
export function ftruncate(fd: number, size: number): number {
  const e = injected('ftruncate')
  if (e) return e
  if (!isSize(size)) return -errno.EINVAL
  let done: number
  do done = result(nativeFtruncate(fd, size))
  while (done === -errno.EINTR)
  return done
}

/** fallocate(2) with FALLOC_FL_* in `mode`. 0 or -errno. */
export function fallocate(fd: number, mode: number, offset: number, length: number): number {
  const e = injected('fallocate')
  if (e) return e
  if (!isSize(offset) || !isSize(length)) return -errno.EINVAL
  let done: number
  do done = result(nativeFallocate(fd, mode, offset, length))
  while (done === -errno.EINTR)
  return done
}

/**
 * lseek(2) of a file: the position or -errno (-ENXIO for SEEK_DATA behind the last data). For a
 * directory, whose positions are opaque, use `seekDirectory`.
 */
export function lseek(fd: number, offset: number, whence: number): number {
  const e = injected('lseek')
  if (e) return e
  if (!Number.isSafeInteger(offset)) return -errno.EINVAL
  return result(nativeLseek(fd, offset, whence))
}

const copyOffsets = new Uint32Array(4)
const copyFrom = addressOf(new Uint8Array(copyOffsets.buffer))

/** copy_file_range(2) at the given positions: bytes copied, which may be fewer, or -errno. */
export function copyFileRange(
  fdIn: number,
  offsetIn: number,
  fdOut: number,
  offsetOut: number,
  length: number,
  flags = 0,
): number {
  const e = injected('copy_file_range')
  if (e) return e
  if (!isSize(offsetIn) || !isSize(offsetOut) || !isSize(length)) return -errno.EINVAL
  let done: number
  do {
    putInt64(copyOffsets, 0, offsetIn)
    putInt64(copyOffsets, 2, offsetOut)
    const copied = nativeCopy(
      NR.copy_file_range,
      fdIn,
      copyFrom,
      fdOut,
      copyFrom + 8,
      length,
      flags,
    )
    done = result(copied)
  } while (done === -errno.EINTR)
  return done
}

/** fsync(2). 0 or -errno; after an error the data may be gone, and a second call may say 0. */
export function fsync(fd: number): number {
  const e = injected('fsync')
  if (e) return e
  let done: number
  do done = result(nativeFsync(fd))
  while (done === -errno.EINTR)
  return done
}

/** fdatasync(2). 0 or -errno. */
export function fdatasync(fd: number): number {
  const e = injected('fdatasync')
  if (e) return e
  let done: number
  do done = result(nativeFdatasync(fd))
  while (done === -errno.EINTR)
  return done
}

/** SYNC_FILE_RANGE_WAIT_BEFORE, _WRITE and _WAIT_AFTER of <linux/fs.h>. */
const writeAndWait = 7

/**
 * sync_file_range(2) of all of a file: returns when the file system has been given its dirty pages,
 * whatever it then does with them. 0 or -errno.
 */
export function writePages(fd: number): number {
  return injected('sync_file_range') || result(nativeSyncFileRange(fd, 0, 0, writeAndWait))
}

/** syncfs(2): the whole file system of `fd`, which is not O_PATH. 0 or -errno. */
export function syncfs(fd: number): number {
  return injected('syncfs') || result(nativeSyncfs(fd))
}
