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
import { limits, nameEntrySize, type Name } from '#wire'
import { join, type Tree } from './tree.js'

/** Bytes of names in one message. */
const namesSizeMax = 256 << 10
const cursor = new DirentCursor(Buffer.alloc(64 << 10))
const stat = new Stat()

/** Those that are journalled, in the order of their bytes, of `fd`, which is `path`; or -errno. */
export function namesIn(tree: Tree, fd: number, path: Buffer): Name[] | number {
  const names: Name[] = []
  for (;;) {
    const length = getdents64(fd, cursor.buffer)
    if (length === 0) break
    if (length < 0) return length
    cursor.reset(length)
    while (cursor.next()) {
      if (cursor.isDot) continue
      const name = Buffer.from(cursor.name)
      const type = cursor.type << 12 || typeOf(fd, name)
      // Gone meanwhile, behind the mount.
      if (type < 0) continue
      const below = join(path, name)
      if (below.length > limits.pathSizeMax) return -errno.ENAMETOOLONG
      if (!tree.isReservedPath(below) && !tree.isExcluded(below, type)) names.push({ type, name })
    }
  }
  return names.sort((a, b) => Buffer.compare(a.name, b.name))
}

// Where the file system does not say.
function typeOf(fd: number, name: Buffer): number {
  const e = statx(fd, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, stat.buffer)
  return e < 0 ? e : stat.type
}

/** Behind the last of the names from `at` on that have room in one message. */
export function endOfList(names: readonly Name[], at: number): number {
  let size = 0
  let end = at
  while (end < names.length && (size += nameEntrySize(names[end]!.name)) <= namesSizeMax) end++
  return end
}
