// Mount options in FUSE's spelling (`-o a,b=c`, mount.fuse3(8)): what each one does is in the
// tables.

import {
  MS_DIRSYNC,
  MS_NOATIME,
  MS_NODEV,
  MS_NODIRATIME,
  MS_NOEXEC,
  MS_NOSUID,
  MS_RDONLY,
  MS_RELATIME,
  MS_SYNCHRONOUS,
} from '#posix'
import { MountOptionError } from './mount-error.js'

export interface MountOptions {
  /** MS_* for mount(2). */
  flags: number
  /** The same by name, as fusermount3 takes them. */
  flagNames: string[]
  allowOther: boolean
  /**
   * fusermount3 stays, and unmounts when this process is gone. (That of libfuse 3.14 looks at the
   * mount as root, and so manages it only with allow_other or for root's mounts.)
   */
  autoUnmount: boolean
  /** The largest READ in bytes, if one was given. */
  maxRead?: number
  /** What mount(8) shows as the device. */
  fsName?: string
  /** What follows `fuse.` in the type. */
  subtype?: string
  /** Options that were given and have no effect here, to be mentioned to the user. */
  withoutEffect: string[]
}

/** Bits to set and to clear. `nosuid` and `nodev` are on unless taken away, as with libfuse. */
const flagOptions = new Map<string, readonly [set: number, clear: number]>(
  Object.entries({
    ro: [MS_RDONLY, 0],
    rw: [0, MS_RDONLY],
    nosuid: [MS_NOSUID, 0],
    suid: [0, MS_NOSUID],
    nodev: [MS_NODEV, 0],
    dev: [0, MS_NODEV],
    noexec: [MS_NOEXEC, 0],
    exec: [0, MS_NOEXEC],
    sync: [MS_SYNCHRONOUS, 0],
    async: [0, MS_SYNCHRONOUS],
    dirsync: [MS_DIRSYNC, 0],
    noatime: [MS_NOATIME, 0],
    atime: [0, MS_NOATIME],
    relatime: [MS_RELATIME, 0],
    nodiratime: [MS_NODIRATIME, 0],
    diratime: [0, MS_NODIRATIME],
  }),
)

/**
 * Options of libfuse, mount(8) and fstab(5) that people's commands contain and that change nothing
 * here, mostly because they tune libfuse itself. `uid=` and `gid=` would show all files as one
 * owner's; here files show their own.
 */
const withoutEffect: ReadonlySet<string> = new Set(
  `default_permissions nonempty big_writes intr intr_signal hard_remove use_ino readdir_ino
  direct_io kernel_cache auto_cache noauto_cache attr_timeout entry_timeout negative_timeout
  ac_attr_timeout noforget remember max_write max_readahead max_background congestion_threshold
  async_read sync_read async_dio no_async_dio atomic_o_trunc no_remote_lock no_remote_flock
  no_remote_posix_lock readdirplus clone_fd splice_read splice_write splice_move no_splice_read
  no_splice_write no_splice_move no_writeback_cache max_idle_threads max_threads uid gid defaults
  _netdev auto noauto user users nouser owner nofail`.split(/\s+/u),
)

/** default_permissions is always on, so that it needs no mention. */
const silent: ReadonlySet<string> = new Set(['default_permissions', 'defaults'])

const refused = new Map([
  [
    'allow_root',
    'not offered; allow_other lets root in, and the kernel checks the permissions of all',
  ],
  ['umask', 'not offered; files keep their own permissions'],
  ['writeback_cache', 'not offered; it would delay and reorder writes'],
  ['modules', 'not offered; this is not libfuse'],
])

/**
 * Parses lists of options separated by commas (`\,` and `\\` stand for themselves), later ones
 * overriding earlier ones. Throws MountOptionError.
 */
export function parseMountOptions(lists: string | readonly string[] = []): MountOptions {
  const options: MountOptions = {
    flags: MS_NOSUID | MS_NODEV,
    flagNames: ['nosuid', 'nodev'],
    allowOther: false,
    autoUnmount: false,
    withoutEffect: [],
  }
  for (const list of typeof lists === 'string' ? [lists] : lists) {
    for (const option of split(list)) apply(options, option)
  }
  return options
}

function split(list: string): string[] {
  const parts = list.match(/(?:\\.|[^,\\]|\\$)+/gsu) ?? []
  return parts.map((part) => part.replace(/\\(.)/gsu, '$1'))
}

function apply(options: MountOptions, option: string): void {
  const equals = option.indexOf('=')
  const name = equals < 0 ? option : option.slice(0, equals)
  const value = equals < 0 ? undefined : option.slice(equals + 1)
  const flag = flagOptions.get(name)
  if (flag !== undefined) {
    none(name, value)
    options.flags = (options.flags | flag[0]) & ~flag[1]
    options.flagNames.push(name)
  } else if (name === 'allow_other') {
    none(name, value)
    options.allowOther = true
  } else if (name === 'auto_unmount') {
    none(name, value)
    options.autoUnmount = true
  } else if (name === 'fsname') options.fsName = some(name, value)
  else if (name === 'subtype') options.subtype = subtype(some(name, value))
  else if (name === 'max_read') options.maxRead = bytes(name, some(name, value))
  else if (withoutEffect.has(name) || name.startsWith('x-')) {
    if (!silent.has(name)) options.withoutEffect.push(option)
  } else throw new MountOptionError(name, refused.get(name) ?? 'unknown')
}

function none(name: string, value: string | undefined): void {
  if (value !== undefined) throw new MountOptionError(name, 'takes no value')
}

function some(name: string, value: string | undefined): string {
  if (value === undefined || value === '') throw new MountOptionError(name, 'needs a value')
  if (/[\0\n]/u.test(value)) throw new MountOptionError(name, 'has a NUL or newline in its value')
  return value
}

function subtype(value: string): string {
  if (!/^[\w.+-]+$/u.test(value)) throw new MountOptionError('subtype', `bad name '${value}'`)
  return value
}

function bytes(name: string, value: string): number {
  const n = Number(value)
  if (!/^\d+$/u.test(value) || n < 4096 || n > 1 << 20) {
    throw new MountOptionError(name, `'${value}' is not a number of bytes from 4096 to 1048576`)
  }
  return n
}
