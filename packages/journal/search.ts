// Finds another name of an inode whose known names are gone: a hard link that nobody has looked up.

import {
  AT_SYMLINK_NOFOLLOW,
  close,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
  openat,
  readDirectory,
  S_IFDIR,
  Stat,
  statx,
  STATX_BASIC_STATS,
} from '#posix'
import type { Node } from './node.js'
import { join, type Tree } from './tree.js'

const dot = Buffer.from('.')

/**
 * Walks the store for a journalled name of `node` that is not known yet, and notes it. Whether
 * there is one. Takes as long as the tree is large; the table looks once for each loss of a name.
 */
export function findName(tree: Tree, node: Node): boolean {
  const fd = openat(tree.rootFd, dot, O_RDONLY | O_DIRECTORY)
  if (fd < 0) return false
  try {
    return searchBelow(tree, node, fd, tree.nodes.root, Buffer.alloc(0))
  } finally {
    close(fd)
  }
}

function searchBelow(tree: Tree, node: Node, fd: number, parent: Node, path: Buffer): boolean {
  const stat = new Stat()
  for (const { name } of readDirectory(fd)) {
    if (tree.isReserved(parent, name)) continue
    if (statx(fd, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, stat.buffer) < 0) continue
    const here = join(path, name)
    if (tree.isExcluded(here, stat.type)) continue
    if (tree.nodes.find(stat) === node) {
      tree.nodes.place(node, parent, name)
      return true
    }
    if (stat.type === S_IFDIR && searchDirectory(tree, node, fd, parent, name, here, stat))
      return true
  }
  return false
}

function searchDirectory(
  tree: Tree,
  node: Node,
  fd: number,
  parent: Node,
  name: Buffer,
  path: Buffer,
  stat: Stat,
): boolean {
  const inner = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
  if (inner < 0) return false
  const directory = tree.nodes.identify(stat)
  tree.nodes.place(directory, parent, name)
  try {
    return searchBelow(tree, node, inner, directory, path)
  } finally {
    close(inner)
    tree.nodes.dropUnused(directory)
  }
}
