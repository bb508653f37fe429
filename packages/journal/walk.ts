// All that is below a directory of the store, without recursion and with one descriptor at a time:
// trees are deeper than a stack of calls, and than descriptors go.

import {
  AT_SYMLINK_NOFOLLOW,
  close,
  DirentCursor,
  errno,
  getdents64,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
  openat,
  S_IFDIR,
  Stat,
  statx,
  STATX_BASIC_STATS,
} from '#posix'
import { join } from './tree.js'

export interface Visitor {
  /**
   * Told of each thing: its directory's descriptor, its name there, its path, what it is. Says
   * whether to go on below it, where it is a directory; 'stop' ends the walk.
   */
  enter(dirfd: number, name: Buffer, path: Buffer, stat: Stat): boolean | 'stop'
  /** When all below a directory that was entered is done. */
  leave?(dirfd: number, name: Buffer, path: Buffer): void
}

interface Level {
  readonly name: Buffer
  readonly path: Buffer
  /** Still to come, the next one last. */
  readonly names: Buffer[]
}

const direntsSize = 32 << 10
const dot = Buffer.from('.')
const up = Buffer.from('..')

/** Visits what is below `directory`, called `path`. 0; 1 where it was stopped; or -errno. */
export function walk(directory: number, path: Buffer, visitor: Visitor): number {
  let fd = openat(directory, dot, O_RDONLY | O_DIRECTORY)
  if (fd < 0) return fd
  const levels: Level[] = []
  const stat = new Stat()
  let result = descend(levels, fd, path, path)
  while (result === 0) {
    const level = levels.at(-1)!
    const name = level.names.pop()
    let next = fd
    if (!name) {
      levels.pop()
      if (levels.length === 0) break
      next = openat(fd, up, O_RDONLY | O_DIRECTORY)
      if (next >= 0) visitor.leave?.(next, level.name, level.path)
    } else {
      result = statx(fd, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, stat.buffer)
      // Somebody behind the mount was quicker.
      if (result === -errno.ENOENT) result = 0
      if (result < 0) break
      const below = join(level.path, name)
      const isDirectory = stat.type === S_IFDIR
      const goesOn = visitor.enter(fd, name, below, stat)
      if (goesOn === 'stop') result = 1
      if (goesOn !== true || !isDirectory) continue
      next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
      if (next >= 0) result = descend(levels, next, name, below)
    }
    if (next < 0) result = next
    else {
      close(fd)
      fd = next
    }
  }
  close(fd)
  return result
}

// Names only, so that no position in a directory has to be kept while others are read.
function descend(levels: Level[], fd: number, name: Buffer, path: Buffer): number {
  const cursor = new DirentCursor(Buffer.allocUnsafe(direntsSize))
  const names: Buffer[] = []
  for (;;) {
    const length = getdents64(fd, cursor.buffer)
    // One that was removed meanwhile has none.
    if (length === 0 || length === -errno.ENOENT) break
    if (length < 0) return length
    cursor.reset(length)
    while (cursor.next()) if (!cursor.isDot) names.push(Buffer.from(cursor.name))
  }
  levels.push({ name, path, names: names.reverse() })
  return 0
}
