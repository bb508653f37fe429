// Mounting and unmounting: by mount(2) as root, by fusermount3(1) as an ordinary user.

import { realpathSync, statSync } from 'node:fs'
import {
  AT_FDCWD,
  close,
  errno,
  F_GETFL,
  F_SETFL,
  fcntl,
  getegid,
  geteuid,
  MNT_DETACH,
  mount as mount2,
  O_NONBLOCK,
  O_RDWR,
  openat,
  systemError,
  umount2,
  UMOUNT_NOFOLLOW,
} from '#posix'
import { fusermountMount, fusermountUnmount, isNoDevice, noDeviceHint } from './fusermount.js'
import { describeHolders } from './holders.js'
import { MountError } from './mount-error.js'
import { parseMountOptions, type MountOptions } from './mount-options.js'
import { readMounts, type MountEntry } from './mountinfo.js'

export interface MountRequest {
  /** An existing directory. */
  mountpoint: string
  /** As from `parseMountOptions`; its `fsName` and `subtype` go before those below. */
  options?: MountOptions
  /** What mount(8) shows as the device: `tfs` if left out. */
  fsName?: string
  /** The type is `fuse.SUBTYPE`: `tfs` if left out. */
  subtype?: string
}

export interface Mounted {
  /** The device, O_NONBLOCK and close-on-exec, for a Session in any thread of this process. */
  readonly fd: number
  /** Absolute, without symbolic links. */
  readonly mountpoint: string
  /**
   * Unmounts. The session must be served meanwhile (by another thread). Throws MountError, EBUSY
   * with the names of processes that use it; with `lazy` it goes out of sight at once and ends with
   * its last user. Nothing happens where somebody else unmounted it before.
   */
  readonly unmount: (how?: { lazy?: boolean }) => void
}

const maxRead = 1 << 20

/** Mounts. INIT and all else waits until a Session serves `fd`. Throws MountError. */
export function mount(request: MountRequest): Mounted {
  const options = request.options ?? parseMountOptions()
  const mountpoint = directoryOf(request.mountpoint)
  const fsName = options.fsName ?? request.fsName ?? 'tfs'
  const subtype = options.subtype ?? request.subtype ?? 'tfs'
  const isRoot = geteuid() === 0
  const data = ['default_permissions', `max_read=${options.maxRead ?? maxRead}`]
  if (options.allowOther) data.push('allow_other')
  if (isRoot && !options.autoUnmount) {
    const fd = mountAsRoot(mountpoint, fsName, subtype, options.flags, data)
    return { fd, mountpoint, unmount: unmounter(mountpoint, undefined) }
  }
  const auto = options.autoUnmount ? ['auto_unmount'] : []
  const list = [...options.flagNames, ...data, ...auto, `fsname=${fsName}`, `subtype=${subtype}`]
  const { fd, keep } = fusermountMount(mountpoint, list, options.autoUnmount)
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK)
  return { fd, mountpoint, unmount: unmounter(mountpoint, keep) }
}

/**
 * `unmount` for what was just mounted here. umount2(2) takes whatever is at a path, be it the disk
 * below a mount that is gone: so only this very mount is unmounted, and only where it is on top.
 */
function unmounter(mountpoint: string, keep: number | undefined): Mounted['unmount'] {
  const ours = topAt(Buffer.from(mountpoint))
  let isGone = false
  return ({ lazy = false } = {}) => {
    const now = isGone || !ours ? undefined : readMounts().find((entry) => isSame(entry, ours))
    if (now) {
      const path = now.mountPoint.toString()
      if (topAt(now.mountPoint)?.id !== now.id)
        throw new MountError('EBUSY', `cannot unmount '${path}': something is mounted over it`)
      if (geteuid() === 0) unmountAsRoot(path, lazy)
      else unmountAsUser(path, lazy)
    }
    if (!isGone && keep !== undefined) close(keep)
    isGone = true
  }
}

const topAt = (path: Buffer): MountEntry | undefined =>
  readMounts().findLast(({ mountPoint }) => mountPoint.equals(path))

const isSame = (one: MountEntry, other: MountEntry): boolean =>
  one.id === other.id && one.minor === other.minor && one.fsType === other.fsType

/** umount2(2). */
export function unmountAsRoot(mountpoint: string, lazy: boolean): void {
  const flags = UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0)
  const done = umount2(Buffer.from(mountpoint), flags)
  // EINVAL: not mounted any more.
  if (done === 0 || done === -errno.EINVAL) return
  const cause = systemError(done, 'umount2', mountpoint)
  const why = done === -errno.EBUSY ? busy(mountpoint) : cause.message
  throw new MountError(cause.code, `cannot unmount '${mountpoint}': ${why}`, { cause })
}

function unmountAsUser(mountpoint: string, lazy: boolean): void {
  try {
    fusermountUnmount(mountpoint, lazy)
  } catch (error) {
    if (!(error instanceof MountError) || error.code !== 'EBUSY') throw error
    const message = `cannot unmount '${mountpoint}': ${busy(mountpoint)}`
    throw new MountError('EBUSY', message, { cause: error })
  }
}

const busy = (mountpoint: string) => `it is in use ${describeHolders(mountpoint)}`

function mountAsRoot(
  mountpoint: string,
  fsName: string,
  subtype: string,
  flags: number,
  data: readonly string[],
): number {
  const fd = openat(AT_FDCWD, Buffer.from('/dev/fuse'), O_RDWR | O_NONBLOCK)
  if (fd < 0) {
    const cause = systemError(fd, 'open', '/dev/fuse')
    const what = isNoDevice(fd) ? 'there is no /dev/fuse' : cause.message
    throw new MountError(cause.code, `${what}: ${noDeviceHint}`, { cause })
  }
  const ids = [`fd=${fd}`, 'rootmode=40000', `user_id=${geteuid()}`, `group_id=${getegid()}`]
  const list = [...ids, ...data].join(',')
  const target = Buffer.from(mountpoint)
  const done = mount2(Buffer.from(fsName), target, `fuse.${subtype}`, flags, list)
  if (done === 0) return fd
  close(fd)
  const cause = systemError(done, 'mount', mountpoint)
  const privilege = done === -errno.EPERM || done === -errno.EACCES || done === -errno.ENODEV
  const more = privilege ? ` (${noDeviceHint})` : ''
  throw new MountError(cause.code, `cannot mount on '${mountpoint}': ${cause.message}${more}`, {
    cause,
  })
}

function directoryOf(path: string): string {
  try {
    const real = realpathSync(path)
    if (statSync(real).isDirectory()) return real
  } catch (cause) {
    const { code = 'EIO', message } = cause as NodeJS.ErrnoException
    throw new MountError(code, `mount point '${path}': ${message}`, { cause })
  }
  throw new MountError('ENOTDIR', `mount point '${path}': not a directory`)
}
