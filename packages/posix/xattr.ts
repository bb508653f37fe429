// Extended attributes, of a descriptor's object or of a name in a directory. The kernel has had
// calls relative to a directory only since 6.13, so the way is /proc/self/fd, which also serves
// O_PATH descriptors.

import { errno } from './errno.js'
import { injected } from './faults.js'
import { addressOf, native, result } from './libc.js'
import { path2, procPath, setPath2, setProcPath } from './path.js'

export const XATTR_CREATE = 1
export const XATTR_REPLACE = 2
export const XATTR_NAME_MAX = 255
export const XATTR_SIZE_MAX = 65536
export const XATTR_LIST_MAX = 65536

const setArgs = ['int64', 'int64', 'int64', 'int64', 'int']
const getArgs = ['int64', 'int64', 'int64', 'int64']
const listArgs = ['int64', 'int64', 'int64']
const removeArgs = ['int64', 'int64']
const nativeSet = native('setxattr', 'int', setArgs)
const nativeGet = native('getxattr', 'int64', getArgs)
const nativeList = native('listxattr', 'int64', listArgs)
const nativeRemove = native('removexattr', 'int', removeArgs)
const nativeLset = native('lsetxattr', 'int', setArgs)
const nativeLget = native('lgetxattr', 'int64', getArgs)
const nativeLlist = native('llistxattr', 'int64', listArgs)
const nativeLremove = native('lremovexattr', 'int', removeArgs)

/** Attributes are named by C strings; the kernel says ERANGE for one that is too long. */
const setAttribute = (attribute: Uint8Array) =>
  attribute.length > XATTR_NAME_MAX ? -errno.ERANGE : setPath2(attribute)

/**
 * Sets an attribute of what `fd` stands for. `flags`: 0, XATTR_CREATE, XATTR_REPLACE. 0 or -errno.
 */
export function fsetxattr(fd: number, attribute: Uint8Array, value: Uint8Array, flags = 0): number {
  const e = injected('setxattr') || setProcPath(fd) || setAttribute(attribute)
  return e || result(nativeSet(procPath, path2, addressOf(value), value.length, flags))
}

/** Its value into `out`: bytes, or its size where `out` is empty; -ENODATA, -ERANGE, -errno. */
export function fgetxattr(fd: number, attribute: Uint8Array, out: Uint8Array): number {
  const e = injected('getxattr') || setProcPath(fd) || setAttribute(attribute)
  return e || result(nativeGet(procPath, path2, addressOf(out), out.length))
}

/** The names, each ended by NUL, into `out`: bytes, or the size where `out` is empty; -errno. */
export function flistxattr(fd: number, out: Uint8Array): number {
  const e = injected('listxattr') || setProcPath(fd)
  return e || result(nativeList(procPath, addressOf(out), out.length))
}

/** 0, -ENODATA or another -errno. */
export function fremovexattr(fd: number, attribute: Uint8Array): number {
  const e = injected('removexattr') || setProcPath(fd) || setAttribute(attribute)
  return e || result(nativeRemove(procPath, path2))
}

/** As `fsetxattr`, for `name` in `dirfd`, one component, which is not followed. */
export function setxattrat(
  dirfd: number,
  name: Uint8Array,
  attribute: Uint8Array,
  value: Uint8Array,
  flags = 0,
): number {
  const e = injected('setxattr') || setProcPath(dirfd, name) || setAttribute(attribute)
  return e || result(nativeLset(procPath, path2, addressOf(value), value.length, flags))
}

/** As `fgetxattr`, for `name` in `dirfd`. */
export function getxattrat(
  dirfd: number,
  name: Uint8Array,
  attribute: Uint8Array,
  out: Uint8Array,
): number {
  const e = injected('getxattr') || setProcPath(dirfd, name) || setAttribute(attribute)
  return e || result(nativeLget(procPath, path2, addressOf(out), out.length))
}

/** As `flistxattr`, for `name` in `dirfd`. */
export function listxattrat(dirfd: number, name: Uint8Array, out: Uint8Array): number {
  const e = injected('listxattr') || setProcPath(dirfd, name)
  return e || result(nativeLlist(procPath, addressOf(out), out.length))
}

/** As `fremovexattr`, for `name` in `dirfd`. */
export function removexattrat(dirfd: number, name: Uint8Array, attribute: Uint8Array): number {
  const e = injected('removexattr') || setProcPath(dirfd, name) || setAttribute(attribute)
  return e || result(nativeLremove(procPath, path2))
}
