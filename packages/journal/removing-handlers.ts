// UNLINK and RMDIR.

import { AT_REMOVEDIR, errno, O_NOFOLLOW, O_PATH, openat, S_IFDIR, S_IFREG, unlinkat } from '#posix'
import type { Handlers } from '#fuse'
import type { JournalContext } from './journal-context.js'
import { keyOf } from './node-table.js'
import type { Node } from './node.js'

export function removingHandlers(context: JournalContext) {
  const { tree } = context

  function remove(nodeid: number, name: Buffer, isDirectory: boolean): number {
    const parent = context.node(nodeid)
    if (!parent || tree.isReserved(parent, name)) return -errno.ENOENT
    const dirfd = context.directory(parent)
    if (dirfd < 0) return dirfd
    const entry = parent.children.get(keyOf(name))
    const path = tree.childPath(parent, name, entry?.node.type ?? (isDirectory ? S_IFDIR : S_IFREG))
    const unsayable = tree.expressible(path)
    if (unsayable < 0) return unsayable
    if (entry) keepReachable(context, entry.node)
    const e = unlinkat(context.directory(parent), name, isDirectory ? AT_REMOVEDIR : 0)
    if (e < 0) {
      if (entry) keptItsName(context, entry.node)
      return e
    }
    if (entry) nameGone(context, entry.node, () => tree.nodes.displace(entry))
    if (!path) context.emitDirectoryTime(parent)
    else {
      const body = { path, ...context.directoryTimes(parent) }
      if (isDirectory) context.emit('rmdir', body)
      else context.emit('unlink', body)
    }
    return 0
  }

  return {
    FUSE_UNLINK: ({ nodeid }, { name }) => remove(nodeid, name, false),
    FUSE_RMDIR: ({ nodeid }, { name }) => remove(nodeid, name, true),
  } satisfies Handlers
}

/**
 * To be called before a name of `node` goes. Who stands in a directory, has a FIFO open (which the
 * kernel does without asking) or has found a file that another now replaces still gets what it was.
 * Where that takes too many descriptors the name goes nevertheless, and whoever then asks is told.
 */
export function keepReachable({ tree, times }: JournalContext, node: Node): void {
  // After a kill nobody could tell by which other name its time is still to come.
  if (node.nlink > 1) times.flush(node)
  if (node.type === S_IFDIR) tree.directories.pin(node)
  else if (node.nlink === 1 && node.fd < 0 && node.lookups > 0 && !tree.locate(node)) {
    const { room } = tree.directories
    tree.directories.hold(node, room || openat(tree.dirfd, tree.name, O_PATH | O_NOFOLLOW))
  }
}

/** Takes back `keepReachable`. */
export function keptItsName({ tree }: JournalContext, node: Node): void {
  if (node.type === S_IFDIR) tree.directories.unpin(node)
  else tree.directories.drop(node)
}

/** Keeps the books when a name of `node` is gone from the store. */
export function nameGone({ tree, times }: JournalContext, node: Node, displace: () => void): void {
  node.nlink--
  displace()
  if (node.type !== S_IFDIR && node.nlink > 0) return
  // Its inode number may come back as that of something else.
  tree.nodes.disown(node)
  times.settle(node)
}
