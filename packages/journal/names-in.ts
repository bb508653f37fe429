// The names in a directory of the store, as an assertion lists them.

import {
  AT_SYMLINK_NOFOLLOW,
  DirentCursor,
  errno,
  getdents64,
  Stat,
  statx,
  STATX_BASIC_STATS,
} from '#posix'
import { limits } from '#wire'
import { join, type Tree } from './tree.js'

/** Bytes of entries: some hundred names at a time. */
const cursor = new DirentCursor(Buffer.alloc(16 << 10))
const stat = new Stat()

/**
 * Reads the next names in `fd`, which is the directory `path`: those that are journalled. 0 at its
 * end, or -errno, or more.
 */
export function readNames(
  tree: Tree,
  fd: number,
  path: Buffer,
  found: (name: string, type: number) => void,
): number {
  const length = getdents64(fd, cursor.buffer)
  if (length <= 0) return length
  cursor.reset(length)
  while (cursor.next()) {
    if (cursor.isDot) continue
    const { name } = cursor
    const type = cursor.type << 12 || typeOf(fd, name)
    // Gone meanwhile, behind the mount.
    if (type < 0) continue
    const size = path.length + 1 + name.length
    if (size > limits.pathSizeMax) return -errno.ENAMETOOLONG
    if (!isLeftOut(tree, path, name, type)) found(name.toString('latin1'), type)
  }
  return length
}

function isLeftOut(tree: Tree, path: Buffer, name: Buffer, type: number): boolean {
  if (path.length > 0 && !tree.excludes) return false
  const below = join(path, Buffer.from(name))
  return tree.isReservedPath(below) || tree.isExcluded(below, type)
}

// Where the file system does not say.
function typeOf(fd: number, name: Buffer): number {
  const e = statx(fd, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, stat.buffer)
  return e < 0 ? e : stat.type
}
