// Owner, mode and times, never through a symlink unless a call says so.

import { errno } from './errno.js'
import { injected } from './faults.js'
import { addressOf, native, NR, result, syscall5 } from './libc.js'
import { isId, putInt64 } from './numbers.js'
import { close, O_NOFOLLOW, O_PATH, openat } from './open.js'
import { AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, path1, procPath } from './path.js'
import { setPath1, setProcPath } from './path.js'
import { fstat, S_IFLNK, Stat } from './stat.js'

/** In place of nanoseconds: the time now, or no change. */
export const UTIME_NOW = 0x3fffffff
export const UTIME_OMIT = 0x3ffffffe

export interface Times {
  /** Seconds since 1970; negative before. */
  atimeSec: number
  /** 0 to 999,999,999, UTIME_NOW or UTIME_OMIT. */
  atimeNsec: number
  mtimeSec: number
  mtimeNsec: number
}

const nativeFchownat = native('fchownat', 'int', ['int', 'int64', 'uint32', 'uint32', 'int'])
const nativeFchown = native('fchown', 'int', ['int', 'uint32', 'uint32'])
const nativeFchmod = native('fchmod', 'int', ['int', 'uint32'])
const nativeChmod = native('chmod', 'int', ['int64', 'uint32'])

/** fchownat(2). -1 leaves an id as it is. With AT_EMPTY_PATH and `noName`, `dirfd` itself. */
export function fchownat(
  dirfd: number,
  name: Uint8Array,
  uid: number,
  gid: number,
  flags: number = AT_SYMLINK_NOFOLLOW,
): number {
  const e = injected('fchownat') || setPath1(name)
  if (e) return e
  if (!isId(uid) || !isId(gid)) return -errno.EINVAL
  return result(nativeFchownat(dirfd, path1, uid >>> 0, gid >>> 0, flags))
}

/** fchown(2); not for O_PATH descriptors. -1 leaves an id as it is. */
export function fchown(fd: number, uid: number, gid: number): number {
  const e = injected('fchown')
  if (e) return e
  if (!isId(uid) || !isId(gid)) return -errno.EINVAL
  return result(nativeFchown(fd, uid >>> 0, gid >>> 0))
}

/** fchmod(2); not for O_PATH descriptors. */
export function fchmod(fd: number, mode: number): number {
  return injected('fchmod') || result(nativeFchmod(fd, mode))
}

let hasFchmodat2 = true

/**
 * Sets the mode of `name` without following it (-EOPNOTSUPP for a symlink), or with AT_EMPTY_PATH
 * and `noName` of `dirfd` itself, O_PATH included. fchmodat2 came with Linux 6.6; before, the way
 * is a descriptor and /proc/self/fd. 0 or -errno.
 */
export function fchmodat(
  dirfd: number,
  name: Uint8Array,
  mode: number,
  flags: number = AT_SYMLINK_NOFOLLOW,
): number {
  const e = injected('fchmodat') || setPath1(name)
  if (e) return e
  if (hasFchmodat2) {
    const done = injected('fchmodat2') || result(syscall5(NR.fchmodat2, dirfd, path1, mode, flags))
    if (done !== -errno.ENOSYS) return done
    hasFchmodat2 = false
  }
  if (flags & AT_EMPTY_PATH && name.length === 0) return chmodByProc(dirfd, mode)
  const fd = openat(dirfd, name, O_PATH | (flags & AT_SYMLINK_NOFOLLOW ? O_NOFOLLOW : 0))
  if (fd < 0) return fd
  const done = chmodByProc(fd, mode)
  close(fd)
  return done
}

const stat = new Stat()

function chmodByProc(fd: number, mode: number): number {
  const e = fstat(fd, stat.buffer)
  if (e < 0) return e
  // Some file systems would change a symlink's mode and then say that they did not.
  if (stat.type === S_IFLNK) return -errno.EOPNOTSUPP
  return setProcPath(fd) || result(nativeChmod(procPath, mode))
}

// Two struct timespec: atime, mtime.
const timespecs = new Uint32Array(8)
const timespecsAddress = addressOf(new Uint8Array(timespecs.buffer))

/**
 * utimensat(2) of `name`, or of `dirfd` itself where it is null (not for O_PATH: there, `noName`
 * and AT_EMPTY_PATH). 0 or -errno.
 */
export function utimensat(
  dirfd: number,
  name: Uint8Array | null,
  times: Times,
  flags: number = name === null ? 0 : AT_SYMLINK_NOFOLLOW,
): number {
  const e = injected('utimensat') || (name === null ? 0 : setPath1(name)) || setTimes(times)
  return e || result(nativeTimes(dirfd, name === null ? 0 : path1, flags))
}

/** futimens(3): times of an open file. */
export function futimens(fd: number, times: Times): number {
  const e = injected('futimens') || setTimes(times)
  return e || result(nativeTimes(fd, 0, 0))
}

// glibc's wrapper refuses a descriptor without a name.
const nativeTimes = (fd: number, path: number, flags: number) =>
  syscall5(NR.utimensat, fd, path, timespecsAddress, flags)

function setTimes(times: Times): number {
  const { atimeSec, atimeNsec, mtimeSec, mtimeNsec } = times
  if (!Number.isSafeInteger(atimeSec) || !isNsec(atimeNsec)) return -errno.EINVAL
  if (!Number.isSafeInteger(mtimeSec) || !isNsec(mtimeNsec)) return -errno.EINVAL
  putInt64(timespecs, 0, atimeSec)
  timespecs[2] = atimeNsec
  putInt64(timespecs, 4, mtimeSec)
  timespecs[6] = mtimeNsec
  return 0
}

const isNsec = (n: number) =>
  Number.isInteger(n) && ((n >= 0 && n <= 999_999_999) || n === UTIME_NOW || n === UTIME_OMIT)
