// mount(2) and umount2(2). Not hot: strings are copied.

import { errno } from './errno.js'
import { injected } from './faults.js'
import { addressOf, native, result } from './libc.js'
import { PATH_MAX, path1, path2, setPath1, setPath2 } from './path.js'

/** linux/mount.h */
export const MS_RDONLY = 1
export const MS_NOSUID = 2
export const MS_NODEV = 4
export const MS_NOEXEC = 8
export const MS_SYNCHRONOUS = 16
export const MS_REMOUNT = 32
export const MS_DIRSYNC = 128
export const MS_NOATIME = 1024
export const MS_NODIRATIME = 2048
export const MS_BIND = 4096
export const MS_REC = 16384
export const MS_PRIVATE = 1 << 18
export const MS_RELATIME = 1 << 21

export const MNT_FORCE = 1
export const MNT_DETACH = 2
export const MNT_EXPIRE = 4
export const UMOUNT_NOFOLLOW = 8

const nativeMount = native('mount', 'int', ['int64', 'int64', 'int64', 'uint64', 'int64'])
const nativeUmount2 = native('umount2', 'int', ['int64', 'int'])

/** mount(2): `type` and `data` as in mount(8)'s -t and -o. 0 or -errno. */
export function mount(
  source: Uint8Array,
  target: Uint8Array,
  type: string,
  flags: number,
  data: string,
): number {
  const e = injected('mount') || setPath1(source) || setPath2(target)
  if (e) return e
  if (type.includes('\0') || data.includes('\0')) return -errno.EINVAL
  const typeText = Buffer.from(`${type}\0`)
  const dataText = Buffer.from(`${data}\0`)
  // The kernel reads one page of options.
  if (dataText.length > PATH_MAX) return -errno.EINVAL
  const texts = Buffer.concat([typeText, dataText])
  const address = addressOf(texts)
  return result(nativeMount(path1, path2, address, flags, address + typeText.length))
}

/** umount2(2) with MNT_* flags. 0 or -errno (-EBUSY: in use). */
export function umount2(target: Uint8Array, flags = 0): number {
  const e = injected('umount2') || setPath1(target)
  return e || result(nativeUmount2(path1, flags))
}
