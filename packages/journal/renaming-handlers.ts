// RENAME and RENAME2, across the border of what is journalled too.

import {
  AT_SYMLINK_NOFOLLOW,
  errno,
  RENAME_EXCHANGE,
  RENAME_NOREPLACE,
  renameat2,
  S_IFDIR,
  statx,
  STATX_BASIC_STATS,
} from '#posix'
import type { Handlers } from '#fuse'
import { Announcement } from './announcement.js'
import type { JournalContext } from './journal-context.js'
import { keyOf } from './node-table.js'
import type { Entry, Node } from './node.js'
import { keepReachable, keptItsName, nameGone } from './removing-handlers.js'
import { reconcile } from './border.js'
import { withdraw } from './withdrawal.js'

/** One of the two places of a rename. */
interface Place {
  readonly parent: Node
  readonly name: Buffer
}

export function renamingHandlers(context: JournalContext) {
  const { tree, stat, times } = context
  const { nodes } = tree

  /** What is at a place: the entry; undefined for nothing; -errno. */
  function at({ parent, name }: Place): Entry | undefined | number {
    const known = parent.children.get(keyOf(name))
    if (known) return known
    const dirfd = context.directory(parent)
    if (dirfd < 0) return dirfd
    const e = statx(dirfd, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, stat.buffer)
    if (e === -errno.ENOENT) return undefined
    if (e < 0) return e
    nodes.place(nodes.identify(stat), parent, name)
    return parent.children.get(keyOf(name))
  }

  const sayable = (path: Buffer | undefined) => tree.expressible(path)
  const pathOf = ({ parent, name }: Place, { type }: Node) => tree.childPath(parent, name, type)

  function move(from: Place, to: Place, flags: number): number {
    return tree.directories.withBoth(from.parent, to.parent, (fromFd, toFd) =>
      renameat2(fromFd, from.name, toFd, to.name, flags),
    )
  }

  // Afterwards a path below may be longer than messages can say: what is still to be said of it is
  // said before.
  function settleBelow(
    { type }: Node,
    path: Buffer | undefined,
    newPath: Buffer | undefined,
  ): void {
    if (type === S_IFDIR && path && newPath && newPath.length > path.length) times.flushAll()
  }

  function exchange(from: Place, to: Place, one: Entry, other: Entry): number {
    const [onePath, otherPath] = [pathOf(from, one.node), pathOf(to, other.node)]
    const [oneNew, otherNew] = [pathOf(to, one.node), pathOf(from, other.node)]
    const e = sayable(onePath) || sayable(otherPath) || sayable(oneNew) || sayable(otherNew)
    settleBelow(one.node, onePath, oneNew)
    settleBelow(other.node, otherPath, otherNew)
    const failed = e || move(from, to, RENAME_EXCHANGE)
    if (failed < 0) return failed
    nodes.displace(one)
    nodes.displace(other)
    nodes.place(one.node, to.parent, to.name)
    nodes.place(other.node, from.parent, from.name)
    if (one.node.type === S_IFDIR || other.node.type === S_IFDIR) tree.pathsChanged()
    if (onePath && otherPath && oneNew && otherNew) {
      emitRename(from, to, onePath, oneNew, RENAME_EXCHANGE)
      const moves = [
        { from: onePath, to: oneNew },
        { from: otherPath, to: otherNew },
      ]
      const announcement = new Announcement(context, moves)
      if (one.node.type === S_IFDIR) reconcile(context, announcement, onePath, oneNew, one.node)
      if (other.node.type === S_IFDIR)
        reconcile(context, announcement, otherPath, otherNew, other.node)
      return 0
    }
    if (onePath) withdraw(context, onePath, one.node, from.parent)
    if (otherPath) withdraw(context, otherPath, other.node, to.parent)
    const moves = [oneNew, otherNew].flatMap((path) =>
      path ? [{ from: undefined, to: path }] : [],
    )
    const announcement = new Announcement(context, moves)
    if (oneNew) announcement.announce(context.directory(to.parent), to.name, oneNew)
    if (otherNew) announcement.announce(context.directory(from.parent), from.name, otherNew)
    emitTimes(from.parent, to.parent)
    return 0
  }

  function replace(
    from: Place,
    to: Place,
    entry: Entry,
    old: Entry | undefined,
    flags: number,
  ): number {
    const { node } = entry
    const path = pathOf(from, node)
    const newPath = pathOf(to, node)
    const oldPath = old && pathOf(to, old.node)
    settleBelow(node, path, newPath)
    if (old) keepReachable(context, old.node)
    const e = sayable(path) || sayable(newPath) || move(from, to, flags)
    if (e < 0) {
      if (old) keptItsName(context, old.node)
      return e
    }
    if (old) nameGone(context, old.node, () => nodes.displace(old))
    nodes.displace(entry)
    nodes.place(node, to.parent, to.name)
    if (node.type === S_IFDIR) tree.pathsChanged()
    if (path && newPath) {
      emitRename(from, to, path, newPath, flags)
      if (node.type === S_IFDIR && tree.excludes) {
        const announcement = new Announcement(context, [{ from: path, to: newPath }])
        reconcile(context, announcement, path, newPath, node)
      }
      return 0
    }
    if (path) withdraw(context, path, node, from.parent)
    if (oldPath) {
      const body = { path: oldPath, ...context.directoryTimes(to.parent) }
      if (old.node.type === S_IFDIR) context.emit('rmdir', body)
      else context.emit('unlink', body)
    }
    if (newPath)
      new Announcement(context, [{ from: undefined, to: newPath }]).announce(
        context.directory(to.parent),
        to.name,
        newPath,
      )
    emitTimes(from.parent, to.parent)
    return 0
  }

  function emitRename(from: Place, to: Place, path: Buffer, newPath: Buffer, flags: number): void {
    const { dirMtimeSec, dirMtimeNsec } = context.directoryTimes(from.parent)
    const newTimes = context.directoryTimes(to.parent)
    context.emit('rename', {
      path,
      newPath,
      flags,
      dirMtimeSec,
      dirMtimeNsec,
      newDirMtimeSec: newTimes.dirMtimeSec,
      newDirMtimeNsec: newTimes.dirMtimeNsec,
    })
  }

  function emitTimes(one: Node, other: Node): void {
    context.emitDirectoryTime(one)
    if (other !== one) context.emitDirectoryTime(other)
  }

  function rename(nodeid: number, newdir: number, name: Buffer, newName: Buffer, flags: number) {
    // WHITEOUT is for overlay file systems; no message says it.
    if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE)) return -errno.EOPNOTSUPP
    const [parent, newParent] = [nodes.get(nodeid), nodes.get(newdir)]
    if (!parent || !newParent) return -errno.ESTALE
    if (tree.isReserved(parent, name)) return -errno.ENOENT
    if (tree.isReserved(newParent, newName)) return -errno.EPERM
    const [from, to] = [
      { parent, name },
      { parent: newParent, name: newName },
    ]
    const entry = at(from) ?? -errno.ENOENT
    const old = at(to)
    if (typeof entry === 'number') return entry
    if (typeof old === 'number') return old
    if (!(flags & RENAME_EXCHANGE)) return replace(from, to, entry, old, flags)
    return old ? exchange(from, to, entry, old) : -errno.ENOENT
  }

  return {
    FUSE_RENAME: ({ nodeid }, { newdir, name, newName }) =>
      rename(nodeid, newdir, name, newName, 0),
    FUSE_RENAME2: ({ nodeid }, { newdir, flags, name, newName }) =>
      rename(nodeid, newdir, name, newName, flags),
  } satisfies Handlers
}
