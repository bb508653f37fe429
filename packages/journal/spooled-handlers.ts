// Before a change is made, its messages have room in the spool and its paths are noted there.

import { errno, O_TRUNC } from '#posix'
import { fattr, fuseWrite, type Handlers, type Reply, type Request } from '#fuse'
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
}

type Path = Buffer | undefined

interface Change {
  /** It makes nothing longer: there is always some room for it. */
  readonly removes?: boolean
  /** More than one message may say it. */
  readonly several?: (arg: Arg, request: Readonly<Request>) => boolean
  /** Whether this request is one. */
  readonly isOne?: (arg: Arg) => boolean
  readonly paths: (request: Readonly<Request>, arg: Arg) => readonly [Path, Path?]
}

/** `handlers`, with the spool in front of those that change something. */
export function withSpool(
  handlers: Handlers,
  context: JournalContext,
  spool: JournalSpool,
): Handlers {
  type Handle = (request: Readonly<Request>, arg: never, reply: Reply) => number
  const all = { ...handlers } as Record<string, Handle>
  for (const [name, change] of Object.entries(changesOf(context))) {
    const handle = all[name]
    if (!handle) continue
    all[name] = (request, arg, reply) => {
      if (change.isOne?.(arg) === false) return handle(request, arg, reply)
      const full = spool.reserve(change.removes === true)
      if (full < 0) return full
      const [one, other] = change.paths(request, arg)
      if (!one && !other) return handle(request, arg, reply)
      const { emitter } = context
      const before = emitter.seq
      const several = change.several?.(arg, request) === true
      const failed = spool.intend(before + 1, several, one, other)
      if (failed < 0) return failed === -errno.ENOSPC ? failed : -errno.EIO
      const result = handle(request, arg, reply)
      if (several || emitter.seq === before) spool.settle()
      return result
    }
  }
  return all as Handlers
}

function changesOf(context: JournalContext): Record<string, Change> {
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
  const ofNode: Change['paths'] = ({ nodeid }) => [known(context.node(nodeid))]
  const ofName: Change['paths'] = ({ nodeid }, { name }) => [named(nodeid, name)]
  const ofNewName: Change['paths'] = ({ nodeid }, { newName }) => [named(nodeid, newName)]
  const ofFile: Change['paths'] = (_, { fh }) => [known(files.get(fh)?.node)]
  const ofTarget: Change['paths'] = (_, arg) => [known(files.get(arg.fh_out)?.node)]
  const ofBoth: Change['paths'] = ({ nodeid }, { name, newdir, newName }) => [
    named(nodeid, name),
    named(newdir, newName),
  ]
  const made: Change = { paths: ofName }
  // Of a file that has other names its time is said before.
  const isLinked: Change['several'] = ({ name }, { nodeid }) =>
    (context.node(nodeid)?.children.get(keyOf(name))?.node.nlink ?? 1) > 1
  const unlinked: Change = { paths: ofName, removes: true, several: isLinked }
  const removed: Change = { paths: ofName, removes: true }
  // Across the border of what is journalled all there is is sent or withdrawn; before paths become
  // longer mtimes are said; and what had no name is said with its content.
  const renamed: Change = { paths: ofBoth, several: always }
  const copied: Change = { paths: ofTarget, several: always }
  const killing = ({ write_flags }: Arg) => (write_flags & fuseWrite.FUSE_WRITE_KILL_SUIDGID) !== 0
  return {
    FUSE_CREATE: { ...made, several: always },
    FUSE_MKDIR: made,
    FUSE_MKNOD: made,
    FUSE_SYMLINK: made,
    FUSE_LINK: { paths: ofNewName, several: always },
    FUSE_UNLINK: unlinked,
    FUSE_RMDIR: removed,
    FUSE_RENAME: renamed,
    FUSE_RENAME2: renamed,
    FUSE_SETATTR: {
      paths: ofNode,
      several: ({ valid }) => (valid & fattr.FATTR_SIZE) !== 0,
    },
    FUSE_SETXATTR: { paths: ofNode, several: always },
    FUSE_REMOVEXATTR: { paths: ofNode },
    FUSE_WRITE: { paths: ofFile, several: killing },
    FUSE_FALLOCATE: { paths: ofFile, several: always },
    FUSE_COPY_FILE_RANGE: copied,
    FUSE_COPY_FILE_RANGE_64: copied,
    FUSE_OPEN: {
      paths: ofNode,
      several: always,
      isOne: ({ flags }) => (flags & O_TRUNC) !== 0,
    },
  }
}
