// Calls that make, move and remove names. None follows a symlink in the last component.

import { injected } from './faults.js'
import { addressOf, native, NR, result, syscall5, syscall6 } from './libc.js'
import { AT_FDCWD, AT_SYMLINK_FOLLOW, path1, path2, procPath } from './path.js'
import { setPath1, setPath2, setProcPath } from './path.js'

export const RENAME_NOREPLACE = 1
export const RENAME_EXCHANGE = 2
export const RENAME_WHITEOUT = 4

const nativeMkdirat = native('mkdirat', 'int', ['int', 'int64', 'uint32'])
const nativeSymlinkat = native('symlinkat', 'int', ['int64', 'int', 'int64'])
const nativeLinkat = native('linkat', 'int', ['int', 'int64', 'int', 'int64', 'int'])
const nativeUnlinkat = native('unlinkat', 'int', ['int', 'int64', 'int'])
const nativeReadlinkat = native('readlinkat', 'int64', ['int', 'int64', 'int64', 'int64'])

/** mkdirat(2). 0 or -errno. The process's umask applies. */
export function mkdirat(dirfd: number, name: Uint8Array, mode: number): number {
  const e = injected('mkdirat') || setPath1(name)
  return e || result(nativeMkdirat(dirfd, path1, mode))
}

/** mknodat(2): `mode` with a type; `rdev` as `makedev` gives it, 0 but for devices. 0 or -errno. */
export function mknodat(dirfd: number, name: Uint8Array, mode: number, rdev: number): number {
  const e = injected('mknodat') || setPath1(name)
  return e || result(syscall5(NR.mknodat, dirfd, path1, mode, rdev))
}

/** symlinkat(2): makes `name` hold `target`. 0 or -errno. */
export function symlinkat(target: Uint8Array, dirfd: number, name: Uint8Array): number {
  const e = injected('symlinkat') || setPath1(target) || setPath2(name)
  return e || result(nativeSymlinkat(path1, dirfd, path2))
}

/**
 * linkat(2). `flags`: 0, or AT_EMPTY_PATH (which may need a capability; see `linkFd`). 0 or -errno.
 */
export function linkat(
  oldDirfd: number,
  oldName: Uint8Array,
  newDirfd: number,
  newName: Uint8Array,
  flags = 0,
): number {
  const e = injected('linkat') || setPath1(oldName) || setPath2(newName)
  return e || result(nativeLinkat(oldDirfd, path1, newDirfd, path2, flags))
}

/** Gives the file behind `fd` a name, an O_TMPFILE or O_PATH one too, without a capability. */
export function linkFd(fd: number, newDirfd: number, newName: Uint8Array): number {
  const e = injected('linkat') || setProcPath(fd) || setPath2(newName)
  return e || result(nativeLinkat(AT_FDCWD, procPath, newDirfd, path2, AT_SYMLINK_FOLLOW))
}

/** unlinkat(2); AT_REMOVEDIR removes a directory. 0 or -errno. */
export function unlinkat(dirfd: number, name: Uint8Array, flags = 0): number {
  const e = injected('unlinkat') || setPath1(name)
  return e || result(nativeUnlinkat(dirfd, path1, flags))
}

/** renameat2(2) with RENAME_* flags. 0 or -errno. */
export function renameat2(
  oldDirfd: number,
  oldName: Uint8Array,
  newDirfd: number,
  newName: Uint8Array,
  flags = 0,
): number {
  const e = injected('renameat2') || setPath1(oldName) || setPath2(newName)
  return e || result(syscall6(NR.renameat2, oldDirfd, path1, newDirfd, path2, flags))
}

/**
 * readlinkat(2) into `out`: bytes of the target, or -errno. A full `out` may hold a cut one. The
 * empty name reads the symlink that `dirfd` itself is (O_PATH | O_NOFOLLOW).
 */
export function readlinkat(dirfd: number, name: Uint8Array, out: Uint8Array): number {
  const e = injected('readlinkat') || setPath1(name)
  return e || result(nativeReadlinkat(dirfd, path1, addressOf(out), out.length))
}
