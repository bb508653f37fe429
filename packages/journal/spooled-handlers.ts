// Before a change is made, its messages have room in the spool and its paths are noted there.

import { errno, O_TRUNC, RENAME_EXCHANGE, S_IFDIR } from '#posix'
import { fattr, fuseWrite, type Handlers, type Reply, type Request } from '#fuse'
import { copyStep } from './file-handlers.js'
import { noChange, unsaid, type Change } from './intent.js'
import type { JournalContext } from './journal-context.js'
import type { JournalSpool } from './journal-spool.js'
import { keyOf } from './node-table.js'
import type { Node } from './node.js'

/** What of a request's body is looked at. */
interface Arg {
  readonly name: Buffer
  readonly newName: Buffer
  readonly newdir: number
  readonly fh: number
  readonly fh_out: number
  readonly flags: number
  readonly valid: number
  readonly write_flags: number
  readonly oldnodeid: number
  readonly offset: number
  readonly size: number
  readonly length: number
  readonly off_out: number
  readonly len: number
}

type Path = Buffer | undefined

interface Changing {
  /** It makes nothing longer: there is always some room for it. */
  readonly removes?: boolean
  /** More than one message may say it. */
  readonly several?: (arg: Arg, request: Readonly<Request>) => boolean
  /** Whether this request is one. */
  readonly isOne?: (arg: Arg) => boolean
  /** Which path it changes; where that is not all, `describe` says the rest. */
  readonly path: (request: Readonly<Request>, arg: Arg) => Path
  readonly describe?: (change: Change, arg: Arg, request: Readonly<Request>) => void
}

/** `handlers`, with the spool in front of those that change something. */
export function withSpool(
  handlers: Handlers,
  context: JournalContext,
  spool: JournalSpool,
): Handlers {
  type Handle = (request: Readonly<Request>, arg: never, reply: Reply) => number
  const all = { ...handlers } as Record<string, Handle>
  const change: Change = { ...noChange }
  for (const [name, changing] of Object.entries(changesOf(context))) {
    const handle = all[name]
    if (!handle) continue
    all[name] = (request, arg, reply) => {
      if (changing.isOne?.(arg) === false) return handle(request, arg, reply)
      const full = spool.reserve(changing.removes === true)
      if (full < 0) return full
      change.how = unsaid.STATE
      change.one = changing.path(request, arg)
      change.other = undefined
      changing.describe?.(change, arg, request)
      if (!change.one && !change.other) return handle(request, arg, reply)
      const { emitter } = context
      const before = emitter.seq
      const several = changing.several?.(arg, request) === true
      const failed = spool.intend(before + 1, several, change)
      if (failed < 0) return failed === -errno.ENOSPC ? failed : -errno.EIO
      const result = handle(request, arg, reply)
      if (several || emitter.seq === before) spool.settle()
      return result
    }
  }
  return all as Handlers
}

function changesOf(context: JournalContext): Record<string, Changing> {
  const { files, tree } = context
  const always = () => true

  const known = (node: Node | undefined): Path => {
    const path = node && tree.target(node)
    return typeof path === 'number' ? undefined : path
  }
  const named = (id: number, name: Buffer): Path => {
    const parent = context.node(id)
    return parent && tree.childPath(parent, name, 0)
  }
  const entryAt = (id: number, name: Buffer) => context.node(id)?.children.get(keyOf(name))
  const ofNode: Changing['path'] = ({ nodeid }) => known(context.node(nodeid))
  const ofName: Changing['path'] = ({ nodeid }, { name }) => named(nodeid, name)
  const ofNewName: Changing['path'] = ({ nodeid }, { newName }) => named(nodeid, newName)
  const ofFile: Changing['path'] = (_, { fh }) => known(files.get(fh)?.node)
  const ofTarget: Changing['path'] = (_, arg) => known(files.get(arg.fh_out)?.node)
  const content = (change: Change, offset: number, length: number) => {
    if (length > 0) change.how = unsaid.CONTENT
    change.offset = offset
    change.length = length
  }
  const made: Changing = { path: ofName }
  // Of a file that has other names its time is said before.
  const isLinked: Changing['several'] = ({ name }, { nodeid }) =>
    (entryAt(nodeid, name)?.node.nlink ?? 1) > 1
  const unlinked: Changing = { path: ofName, removes: true, several: isLinked }
  const removed: Changing = { path: ofName, removes: true }
  // Before paths become longer mtimes are said, and what had no name is said with its content.
  const linked: Changing = {
    path: ofNewName,
    several: always,
    describe(change, { oldnodeid }) {
      const node = context.node(oldnodeid)
      change.how = unsaid.TREE
      change.other = change.one
      change.one = change.other && known(node)
      if (change.one) change.how = unsaid.LINK
      change.inode = numberOf(node)
    },
  }
  // Across the border of what is journalled all there is is sent or withdrawn.
  const renamed: Changing = {
    path: ofName,
    several: always,
    describe(change, { name, newdir, newName, flags }, { nodeid }) {
      const [node, other] = [entryAt(nodeid, name)?.node, entryAt(newdir, newName)?.node]
      change.other = named(newdir, newName)
      change.inode = numberOf(node)
      change.otherInode = numberOf(other)
      const isExchange = (flags & RENAME_EXCHANGE) !== 0
      change.how = isExchange ? unsaid.EXCHANGE : unsaid.RENAME
      const isTree = tree.excludes && (node?.type === S_IFDIR || other?.type === S_IFDIR)
      const isBetween = change.one !== undefined && change.other !== undefined
      const isNumbered = change.inode > 0 && (!isExchange || change.otherInode > 0)
      if (isTree || !isBetween || !isNumbered) change.how = unsaid.TREE
    },
  }
  const copied: Changing = {
    path: ofTarget,
    several: always,
    describe: (change, { off_out, len }) => content(change, off_out, Math.min(len, copyStep)),
  }
  const killing = ({ write_flags }: Arg) => (write_flags & fuseWrite.FUSE_WRITE_KILL_SUIDGID) !== 0
  return {
    FUSE_CREATE: { ...made, several: always },
    FUSE_MKDIR: made,
    FUSE_MKNOD: made,
    FUSE_SYMLINK: made,
    FUSE_LINK: linked,
    FUSE_UNLINK: unlinked,
    FUSE_RMDIR: removed,
    FUSE_RENAME: renamed,
    FUSE_RENAME2: renamed,
    FUSE_SETATTR: {
      path: ofNode,
      several: ({ valid }) => (valid & fattr.FATTR_SIZE) !== 0,
    },
    FUSE_SETXATTR: { path: ofNode, several: always },
    FUSE_REMOVEXATTR: { path: ofNode },
    FUSE_WRITE: {
      path: ofFile,
      several: killing,
      describe: (change, { offset, size }) => content(change, offset, size),
    },
    FUSE_FALLOCATE: {
      path: ofFile,
      several: always,
      describe: (change, { offset, length }) => content(change, offset, length),
    },
    FUSE_COPY_FILE_RANGE: copied,
    FUSE_COPY_FILE_RANGE_64: copied,
    FUSE_OPEN: {
      path: ofNode,
      several: always,
      isOne: ({ flags }) => (flags & O_TRUNC) !== 0,
    },
  }
}

// 0 where it is not on the root's device, or not known.
const numberOf = (node: Node | undefined): number => (typeof node?.key === 'number' ? node.key : 0)
