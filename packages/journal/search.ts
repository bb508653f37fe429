// Finds another name of an inode whose known names are gone: a hard link that nobody has looked up.

import {
  AT_SYMLINK_NOFOLLOW,
  close,
  errno,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_PATH,
  openat,
  Stat,
  statx,
  STATX_BASIC_STATS,
} from '#posix'
import type { Node } from './node.js'
import type { Tree } from './tree.js'
import { walk } from './walk.js'

const top = Buffer.alloc(0)
const slash = 0x2f

/**
 * Walks the store for a journalled name of `node` that is not known yet, and notes it. 1, or 0
 * where there is none, or -errno. Takes as long as the tree is large; the tree looks once for each
 * loss of a name.
 */
export function findName(tree: Tree, node: Node): number {
  let found: Buffer = top
  const result = walk(tree.rootFd, top, {
    enter(_dirfd, _name, path, stat) {
      if (tree.isReservedPath(path) || tree.isExcluded(path, stat.type)) return false
      if (tree.nodes.find(stat) !== node) return true
      found = path
      return 'stop'
    },
  })
  return result > 0 ? adopt(tree, found, node) : result
}

/** Notes that `path` is a name of `node`, with all directories on the way. */
function adopt(tree: Tree, path: Buffer, node: Node): number {
  const stat = new Stat()
  let parent = tree.nodes.root
  let fd = openat(tree.rootFd, Buffer.from('.'), O_PATH)
  for (let start = 0; fd >= 0;) {
    const cut = path.indexOf(slash, start)
    const name = path.subarray(start, cut < 0 ? path.length : cut)
    const e = statx(fd, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, stat.buffer)
    const next = e < 0 || cut < 0 ? e : openat(fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW)
    close(fd)
    // What was noted on the way is let go of again where nothing came of it.
    if (next < 0) tree.nodes.dropUnused(parent)
    if (next < 0) return next
    const here = cut < 0 ? node : tree.nodes.identify(stat)
    tree.nodes.place(here, parent, name)
    if (cut < 0) return 1
    parent = here
    start = cut + 1
    fd = next
  }
  return fd < 0 ? fd : -errno.ENOENT
}
