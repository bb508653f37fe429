// SETATTR: size, mode, owner, times.

import {
  close,
  errno,
  fchmodat,
  fchownat,
  O_WRONLY,
  S_IFREG,
  utimensat,
  UTIME_NOW,
  UTIME_OMIT,
  type Times,
} from '#posix'
import { fattr, type ArgOf, type Handlers, type Request } from '#fuse'
import { which } from '#wire'
import { ttlSec, type JournalContext } from './journal-context.js'
import type { Node } from './node.js'
import { openNode, truncate } from './open-store.js'
import { mayLosePrivileges, withoutPrivileges } from './privileges.js'

type SetattrArg = ArgOf<'FUSE_SETATTR'>

const { FATTR_MODE, FATTR_UID, FATTR_GID, FATTR_SIZE, FATTR_ATIME, FATTR_MTIME } = fattr
const { FATTR_FH, FATTR_ATIME_NOW, FATTR_MTIME_NOW, FATTR_KILL_SUIDGID } = fattr

/** What a request may ask to change. */
const fields = FATTR_MODE | FATTR_UID | FATTR_GID | FATTR_SIZE | FATTR_ATIME | FATTR_MTIME

export function attributeHandlers(context: JournalContext) {
  const { files, stat, times, tree } = context

  function setSize(caller: Readonly<Request>, node: Node, { valid, fh, size }: SetattrArg): number {
    const open = valid & FATTR_FH ? files.get(fh) : undefined
    const fd = open?.fd ?? openNode(context, node, O_WRONLY)
    if (fd < 0) return fd
    const kill = valid & FATTR_KILL_SUIDGID
    const e =
      (kill ? withoutPrivileges(context, caller, { fd, node }) : 0) ||
      truncate(context, node, fd, size)
    if (!open) close(fd)
    return e
  }

  // What of it was done, as FATTR bits, even if a later step failed.
  let done = 0

  // Owner first: it clears bits of the mode.
  function setRest({ valid, mode, uid, gid, ...arg }: SetattrArg): number {
    const { dirfd, name, atFlags } = tree
    done = 0
    // Without any field it is chown(-1, -1) or like it, which still takes set-id bits away.
    if (valid & (FATTR_UID | FATTR_GID) || !(valid & fields)) {
      const newUid = valid & FATTR_UID ? uid : -1
      const e = fchownat(dirfd, name, newUid, valid & FATTR_GID ? gid : -1, atFlags)
      if (e < 0) return e
      done |= FATTR_UID | FATTR_GID
    }
    if (valid & FATTR_MODE) {
      const e = fchmodat(dirfd, name, mode & 0o7777, atFlags)
      if (e < 0) return e
      done |= FATTR_MODE
    }
    const given = valid & (FATTR_ATIME | FATTR_MTIME)
    const e = given ? utimensat(dirfd, name, timesOf(valid, arg), atFlags) : 0
    if (e === 0) done |= given
    return e
  }

  function emit(node: Node, path: Buffer | undefined): void {
    const bits = whichOf(done)
    if (bits & which.MTIME) times.settle(node)
    if (path && bits) context.emitAttributes(path, bits, stat)
  }

  return {
    FUSE_SETATTR(request, arg, reply) {
      const node = context.node(request.nodeid)
      if (!node) return -errno.ESTALE
      const path = tree.target(node)
      if (typeof path === 'number') return path
      const refused = arg.valid & fields ? 0 : mayLosePrivileges(context, request, node)
      if (refused < 0) return refused
      if (arg.valid & FATTR_SIZE) {
        const e = node.type === S_IFREG ? setSize(request, node, arg) : -errno.EINVAL
        if (e < 0) return e
      }
      const located = tree.locate(node)
      if (located < 0) return located
      const failed = setRest(arg)
      const e = tree.stat(node, stat)
      if (e === 0) emit(node, path)
      else if (done && path) context.lose(path, e)
      if (failed < 0 || e < 0) return failed || e
      reply.attr(ttlSec, stat.buffer)
      return 0
    },
  } satisfies Handlers
}

function timesOf(valid: number, arg: Omit<SetattrArg, 'valid' | 'mode' | 'uid' | 'gid'>): Times {
  const now = { sec: 0, nsec: UTIME_NOW }
  const omit = { sec: 0, nsec: UTIME_OMIT }
  const atime =
    valid & FATTR_ATIME_NOW
      ? now
      : valid & FATTR_ATIME
        ? { sec: exact(arg.atime), nsec: arg.atimensec }
        : omit
  const mtime =
    valid & FATTR_MTIME_NOW
      ? now
      : valid & FATTR_MTIME
        ? { sec: exact(arg.mtime), nsec: arg.mtimensec }
        : omit
  return { atimeSec: atime.sec, atimeNsec: atime.nsec, mtimeSec: mtime.sec, mtimeNsec: mtime.nsec }
}

// Far beyond what any file system holds, which cuts it to what it does hold.
const exact = (sec: number) =>
  Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, sec))

// A change of owner may have cleared bits of the mode.
function whichOf(done: number): number {
  const owner = done & (FATTR_UID | FATTR_GID)
  return (
    (owner || done & FATTR_MODE ? which.MODE : 0) |
    (owner ? which.UID | which.GID : 0) |
    (done & FATTR_ATIME ? which.ATIME : 0) |
    (done & FATTR_MTIME ? which.MTIME : 0)
  )
}
