// Reading directories, with what LOOKUP would say of each name where the kernel asks for it.

import {
  AT_SYMLINK_NOFOLLOW,
  close,
  DirentCursor,
  errno,
  fstat,
  getdents64,
  O_DIRECTORY,
  O_RDONLY,
  openat,
  seekDirectory,
  Stat,
  statx,
  STATX_BASIC_STATS,
} from '#posix'
import { fuse_open_out, inodeTag, type ArgOf, type Handlers, type Reply } from '#fuse'
import { ttlSec, type JournalContext } from './journal-context.js'
import { notOpen, type OpenFile } from './open-file.js'

const dot = Buffer.from('.')
const direntsSize = 32 << 10
/** The largest entry: 19 bytes, a name of 255 and a NUL, rounded up. */
const direntMax = 280
/** fuse_entry_out, which comes with each name of READDIRPLUS. */
const entrySize = 128

export function directoryHandlers(context: JournalContext) {
  const { files, stat, tree } = context
  const dirents = Buffer.alloc(direntsSize)
  const cursor = new DirentCursor(dirents)
  const nobody = new Stat()

  /** Appends entries from the position asked for until the reply is full; `put` says when. */
  function list(
    { fh, offset_lo, offset_hi, size }: ArgOf<'FUSE_READDIR'>,
    bytesPerName: number,
    put: (directory: OpenFile) => boolean,
  ): number {
    const directory = files.get(fh)
    if (!directory) return notOpen
    const e = seek(directory, offset_lo, offset_hi)
    if (e < 0) return e
    // About what fits: what is read beyond that has to be read again.
    const wanted = Math.floor(size / (1 + bytesPerName / 32))
    const view = dirents.subarray(0, Math.min(direntsSize, Math.max(direntMax, wanted)))
    const length = getdents64(directory.fd, view)
    // A directory that was removed meanwhile.
    if (length < 0) return length === -errno.ENOENT ? 0 : length
    directory.position = undefined
    // Perhaps of another device: only there, and where numbers are huge, is the key a text.
    if (typeof directory.node.key === 'string') tagInodes(directory, length)
    cursor.reset(length)
    let low = offset_lo
    let high = offset_hi
    while (cursor.next()) {
      if (!put(directory)) return 0
      low = dirents.readUInt32LE(cursor.offAt)
      high = dirents.readUInt32LE(cursor.offAt + 4)
    }
    directory.position = { low, high }
    return 0
  }

  // As replies do with those in attributes.
  function tagInodes({ fd }: OpenFile, length: number): void {
    const tag = fstat(fd, stat.buffer) < 0 ? 0 : inodeTag(stat.buffer, tree.nodes.device)
    cursor.reset(length)
    for (; tag !== 0 && cursor.next();) {
      const at = cursor.inoAt + 4
      dirents.writeUInt32LE((dirents.readUInt32LE(at) ^ tag) >>> 0, at)
    }
  }

  function isHidden(directory: OpenFile): boolean {
    return directory.node === tree.nodes.root && tree.isReserved(directory.node, cursor.name)
  }

  function putPlus(reply: Reply, directory: OpenFile): boolean {
    const { nodes } = tree
    if (isHidden(directory)) return true
    const { name } = cursor
    const isGone =
      cursor.isDot ||
      statx(directory.fd, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, stat.buffer) < 0
    // A name without an entry: the kernel looks it up when it needs to.
    if (isGone) return reply.direntplus64(dirents, cursor.inoAt, 0, 0, 0, 0, nobody.buffer)
    const node = nodes.identify(stat)
    if (!reply.direntplus64(dirents, cursor.inoAt, node.id, 0, ttlSec, ttlSec, stat.buffer)) {
      nodes.dropUnused(node)
      return false
    }
    nodes.place(node, directory.node, name)
    node.lookups++
    return true
  }

  return {
    FUSE_OPENDIR({ nodeid }, _arg, reply) {
      const node = context.node(nodeid)
      const at = files.room || context.directory(node)
      const fd = at < 0 ? at : openat(at, dot, O_RDONLY | O_DIRECTORY)
      if (fd < 0) return fd
      const fh = files.add({ fd, node: node!, isWritable: false, position: { low: 0, high: 0 } })
      reply.struct(fuse_open_out, { fh })
      return 0
    },

    FUSE_READDIR(_request, arg, reply) {
      return list(
        arg,
        0,
        (directory) => isHidden(directory) || reply.dirent64(dirents, cursor.inoAt),
      )
    },

    FUSE_READDIRPLUS(_request, arg, reply) {
      return list(arg, entrySize, (directory) => putPlus(reply, directory))
    },

    FUSE_RELEASEDIR(_request, { fh }) {
      const file = files.remove(fh)
      if (!file) return notOpen
      close(file.fd)
      tree.nodes.dropUnused(file.node)
      return 0
    },
  } satisfies Handlers
}

function seek(directory: OpenFile, low: number, high: number): number {
  const { position } = directory
  if (position && position.low === low && position.high === high) return 0
  const e = seekDirectory(directory.fd, low, high)
  directory.position = e < 0 ? undefined : { low, high }
  return e
}
