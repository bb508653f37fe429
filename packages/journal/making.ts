// The steps that are the same for whatever is made: checks before, owner and message after.

import {
  AT_EMPTY_PATH,
  AT_REMOVEDIR,
  AT_SYMLINK_NOFOLLOW,
  errno,
  fchmodat,
  fchownat,
  linkat,
  linkFd,
  noName,
  S_IFDIR,
  S_IFLNK,
  S_IFREG,
  S_ISGID,
  S_ISUID,
  statx,
  STATX_BASIC_STATS,
  unlinkat,
} from '#posix'
import { fuse_open_out, type Reply, type Request } from '#fuse'
import { openStore } from './open-store.js'
import { ttlSec, type JournalContext } from './journal-context.js'
import type { Node } from './node.js'

export class Making {
  readonly #context: JournalContext
  #parent: Node | undefined
  #name: Buffer = noName
  /** What messages will call it; undefined where it is not journalled. */
  path: Buffer | undefined
  #type = 0

  constructor(context: JournalContext) {
    this.#context = context
  }

  get parent(): Node {
    return this.#parent!
  }

  /** Checks that `name` may be made in the directory of the request: its descriptor, or -errno. */
  begin({ nodeid }: Readonly<Request>, name: Buffer, type: number): number {
    const { tree } = this.#context
    const parent = tree.nodes.get(nodeid)
    if (!parent) return -errno.ESTALE
    if (tree.isReserved(parent, name)) return -errno.EPERM
    this.#parent = parent
    this.#name = name
    this.#type = type
    this.path = tree.childPath(parent, name, type)
    return tree.expressible(this.path) || this.#context.directory(parent)
  }

  /** After it was made: its owner; what it is then, in the context's `stat`. 0 or -errno. */
  finish(request: Readonly<Request>, name: Buffer): number {
    const { parent } = this
    const dirfd = this.#context.directory(parent)
    const e = dirfd < 0 ? dirfd : this.own(request, dirfd, name, parent)
    if (e < 0) this.#undo(dirfd, name)
    else if (!this.path) this.#context.emitDirectoryTime(parent)
    return e
  }

  // Failed, so it must not be there; nobody can have seen it. Its directory has been changed.
  #undo(dirfd: number, name: Buffer): void {
    const flags = this.#type === S_IFDIR ? AT_REMOVEDIR : 0
    const undone = dirfd < 0 ? dirfd : unlinkat(dirfd, name, flags)
    if (undone < 0 && this.path) this.#context.lose(this.path, undone)
    this.#context.emitDirectoryTime(this.parent)
  }

  /** Gives what was made to the caller; the group is the directory's where that is set-gid. */
  own(request: Readonly<Request>, dirfd: number, name: Buffer, parent: Node): number {
    const { stat, parentStat, tree } = this.#context
    const flags = name === noName ? AT_EMPTY_PATH : AT_SYMLINK_NOFOLLOW
    const look = () => statx(dirfd, name, flags, STATX_BASIC_STATS, stat.buffer)
    const e = look() || tree.stat(parent, parentStat)
    if (e < 0) return e
    const gid = parentStat.mode & S_ISGID ? stat.gid : request.gid
    if (stat.uid === request.uid && stat.gid === gid) return 0
    const { mode } = stat
    const chowned = fchownat(dirfd, name, request.uid, gid, flags)
    if (chowned < 0) return chowned
    // chown cleared these.
    if (mode & (S_ISUID | S_ISGID) && stat.type !== S_IFLNK) {
      const chmodded = fchmodat(dirfd, name, mode & 0o7777, flags)
      if (chmodded < 0) return chmodded
    }
    return look()
  }

  /** The fields of a message about what was made. */
  attributes(type = 0) {
    const { stat, parentStat } = this.#context
    return {
      mode: (stat.mode & 0o7777) | type,
      uid: stat.uid,
      gid: stat.gid,
      mtimeSec: stat.mtimeSec,
      mtimeNsec: stat.mtimeNsec,
      dirMtimeSec: parentStat.mtimeSec,
      dirMtimeNsec: parentStat.mtimeNsec,
    }
  }

  answer(reply: Reply): number {
    this.answerNode(reply)
    return 0
  }

  /** Appends the entry to the reply, which the kernel then holds. */
  answerNode(reply: Reply): Node {
    const { stat, tree } = this.#context
    const node = tree.nodes.identify(stat)
    tree.nodes.place(node, this.parent, this.#name)
    node.lookups++
    reply.entry(node.id, 0, ttlSec, ttlSec, stat.buffer)
    return node
  }

  /** CREATE of what exists by now: an open. */
  openExisting(
    caller: Readonly<Request>,
    arg: { flags: number; open_flags: number },
    reply: Reply,
  ): number {
    const { stat, tree } = this.#context
    const dirfd = this.#context.directory(this.parent)
    if (dirfd < 0) return dirfd
    const e = statx(dirfd, this.#name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, stat.buffer)
    if (e < 0) return e
    if (stat.type !== S_IFREG) return -errno.EEXIST
    const node = tree.nodes.identify(stat)
    tree.nodes.place(node, this.parent, this.#name)
    const opened = openStore(this.#context, caller, node, arg.flags, arg.open_flags)
    if (typeof opened === 'number') return opened
    const looked = tree.stat(node, stat)
    if (looked < 0) return looked
    node.lookups++
    reply.entry(node.id, 0, ttlSec, ttlSec, stat.buffer)
    reply.struct(fuse_open_out, opened)
    return 0
  }

  /** Links `node` to `name` in the request's directory. */
  link(node: Node, name: Buffer): number {
    const { directories } = this.#context.tree
    const [entry] = node.entries
    if (entry)
      return directories.withBoth(entry.parent, this.parent, (from, to) =>
        linkat(from, entry.name, to, name),
      )
    const to = directories.fd(this.parent)
    if (to < 0) return to
    const fd = node.files[0]?.fd ?? node.fd
    return fd < 0 ? node.unreachable : linkFd(fd, to, name)
  }
}
