// Opening, closing and duplicating. Every descriptor is close-on-exec, so that no child inherits
// one by accident.

import { constants } from 'node:fs'
import { errno } from './errno.js'
import { injected } from './faults.js'
import { addressOf, native, NR, result, syscall5 } from './libc.js'
import { AT_FDCWD, path1, procPath, setPath1, setProcPath } from './path.js'

// Several of these differ between x86-64 and arm64; Node's are right for the machine.
export const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_TRUNC, O_APPEND, O_NONBLOCK } =
  constants
export const { O_DIRECTORY, O_NOFOLLOW, O_NOATIME, O_DIRECT, O_SYNC, O_DSYNC, O_NOCTTY } = constants
export const O_ACCMODE = 3
export const O_CLOEXEC = 0o2000000
export const O_PATH = 0o10000000
export const O_TMPFILE = 0o20000000 | O_DIRECTORY

/** openat2's `resolve` (linux/openat2.h). */
export const RESOLVE_NO_XDEV = 0x01
export const RESOLVE_NO_MAGICLINKS = 0x02
export const RESOLVE_NO_SYMLINKS = 0x04
export const RESOLVE_BENEATH = 0x08
export const RESOLVE_IN_ROOT = 0x10

export const F_SETFD = 2
export const FD_CLOEXEC = 1
export const F_GETFD = 1
export const F_GETFL = 3
export const F_SETFL = 4
const F_DUPFD_CLOEXEC = 1030
export const F_SETPIPE_SZ = 1031
export const F_GETPIPE_SZ = 1032

const nativeOpenat = native('openat', 'int', ['int', 'int64', 'int', 'uint32'])
const nativeDup3 = native('dup3', 'int', ['int', 'int', 'int'])
const nativeClose = native('close', 'int', ['int'])
const nativeFcntl = native('fcntl', 'int', ['int', 'int', 'int64'])

/** openat(2): a descriptor or -errno. `mode` counts with O_CREAT and O_TMPFILE. */
export function openat(dirfd: number, name: Uint8Array, flags: number, mode = 0): number {
  const e = injected('openat') || setPath1(name)
  return e || openStored(dirfd, path1, flags, mode)
}

function openStored(dirfd: number, path: number, flags: number, mode: number): number {
  let fd: number
  do fd = result(nativeOpenat(dirfd, path, flags | O_CLOEXEC, mode))
  while (fd === -errno.EINTR)
  return fd
}

// struct open_how (linux/openat2.h): flags, mode and resolve, 64 bits each.
const how = new Uint32Array(6)
const howAddress = addressOf(new Uint8Array(how.buffer))

/**
 * openat2(2): a descriptor or -errno; -EXDEV or -ELOOP where `resolve` forbids the way. -EINVAL for
 * a `mode` without O_CREAT or O_TMPFILE, or an unknown flag.
 */
export function openat2(
  dirfd: number,
  name: Uint8Array,
  flags: number,
  mode: number,
  resolve: number,
): number {
  const e = injected('openat2') || setPath1(name)
  if (e) return e
  how[0] = flags | O_CLOEXEC
  how[2] = mode
  how[4] = resolve
  let fd: number
  do fd = result(syscall5(NR.openat2, dirfd, path1, howAddress, 24))
  while (fd === -errno.EINTR)
  return fd
}

/**
 * Opens what `fd` stands for anew, through /proc/self/fd: an O_PATH descriptor for reading or
 * writing, or a pipe's end with flags of its own (O_NONBLOCK belongs to the open file, which others
 * may share). A FIFO is not waited for only with O_NONBLOCK.
 */
export function reopen(fd: number, flags: number): number {
  const e = injected('reopen') || setProcPath(fd)
  return e || openStored(AT_FDCWD, procPath, flags, 0)
}

/** close(2). Linux has freed the descriptor even where it says EINTR, so that is no error. */
export function close(fd: number): number {
  // An injected fault must not leak: a close that fails has closed all the same.
  const e = injected('close')
  const closed = result(nativeClose(fd))
  return e || (closed === -errno.EINTR ? 0 : closed)
}

/** A second descriptor of the same open file. */
export function dup(fd: number): number {
  return injected('dup') || result(nativeFcntl(fd, F_DUPFD_CLOEXEC, 0))
}

/** dup3(2): makes `to` another descriptor of what `fd` is, close-on-exec. `to` or -errno. */
export function dupOver(fd: number, to: number): number {
  const e = injected('dup3')
  if (e) return e
  let done: number
  do done = result(nativeDup3(fd, to, O_CLOEXEC))
  while (done === -errno.EINTR || done === -errno.EBUSY)
  return done
}

/** fcntl(2) with a number: F_GETFL, F_SETFL, F_GETPIPE_SZ, F_SETPIPE_SZ, F_GETFD. */
export function fcntl(fd: number, command: number, argument = 0): number {
  return injected('fcntl') || result(nativeFcntl(fd, command, argument))
}
