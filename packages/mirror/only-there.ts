// A part that is mirrored alone may not be there at the source, whose name was mistyped, perhaps.

import { AT_SYMLINK_NOFOLLOW, errno, escapeName, Stat, statx, STATX_BASIC_STATS } from '#posix'
import type { Tree } from './tree.js'

const stat = new Stat()

/** Why a mirror that is exact holds nothing of `only`; undefined: it does. */
export function nothingOf(only: Buffer, tree: Tree): string | undefined {
  const parent = tree.parent(only)
  const flags = AT_SYMLINK_NOFOLLOW
  const e = parent < 0 ? parent : statx(parent, tree.name, flags, STATX_BASIC_STATS, stat.buffer)
  if (e !== -errno.ENOENT && e !== -errno.ENOTDIR) return undefined
  return `the source has no '${escapeName(only)}' (--only): there is nothing to mirror as yet`
}
