// What is mounted inside the store. One tree of one file system is journalled: inode numbers of
// another would be shown as this one's, and what is bound to two places changes in both though the
// stream says one.

import {
  AT_NO_AUTOMOUNT,
  AT_SYMLINK_NOFOLLOW,
  S_IFDIR,
  Stat,
  statx,
  STATX_BASIC_STATS,
} from '#posix'
import { readMounts } from '#fuse'
import { PathPatterns, type PathRule } from '#wire'
import { JournalError } from './journal-error.js'

/** Throws JournalError where something not excluded is mounted below `store`, a real path. */
export function refuseInnerMounts(rootFd: number, store: string, rules: readonly PathRule[]): void {
  const patterns = new PathPatterns(rules)
  const below = Buffer.from(store === '/' ? '/' : `${store}/`)
  const found = readMounts()
    .filter(({ mountPoint }) => mountPoint.subarray(0, below.length).equals(below))
    .map(({ mountPoint }) => mountPoint.subarray(below.length))
    .filter((path) => isMountedIn(rootFd, path, patterns))
  if (found.length === 0) return
  const shown = [...new Set(found.map((path) => `/${path.toString()}`))]
  const excludes = shown.map((path) => `--exclude='${path}'`).join(' ')
  throw new JournalError(
    'EMOUNTED',
    `other things are mounted inside the store '${store}': unmount them, or give ${excludes}`,
  )
}

// The list also has mounts that another one hides, and the root itself.
function isMountedIn(rootFd: number, path: Buffer, patterns: PathPatterns): boolean {
  const stat = new Stat()
  const flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT
  if (path.length === 0) return false
  if (statx(rootFd, path, flags, STATX_BASIC_STATS, stat.buffer) < 0) return false
  return stat.isMountRoot && !patterns.excludes(path, stat.type === S_IFDIR)
}
