// LOOKUP, FORGET, and reading attributes, links and the file system's size.

import {
  AT_SYMLINK_NOFOLLOW,
  errno,
  fstatfs,
  readlinkat,
  statfsStruct,
  STATX_BASIC_STATS,
  STATX_BTIME,
  statx,
} from '#posix'
import { fuse_forget_one, fuse_kstatfs, type Handlers } from '#fuse'
import { ttlSec, type JournalContext } from './journal-context.js'

export function lookupHandlers(context: JournalContext) {
  const { tree, stat } = context
  const { nodes } = tree
  const statfs = Buffer.alloc(statfsStruct.size)
  return {
    FUSE_LOOKUP({ nodeid }, { name }, reply) {
      const parent = nodes.get(nodeid)
      if (!parent || tree.isReserved(parent, name)) return -errno.ENOENT
      const dirfd = context.directory(parent)
      if (dirfd < 0) return dirfd
      const e = statx(dirfd, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, stat.buffer)
      if (e === -errno.ENOENT) {
        reply.negative(ttlSec)
        return 0
      }
      if (e < 0) return e
      const node = nodes.identify(stat)
      nodes.place(node, parent, name)
      node.lookups++
      reply.entry(node.id, 0, ttlSec, ttlSec, stat.buffer)
      return 0
    },

    FUSE_FORGET({ nodeid }, { nlookup }) {
      nodes.forget(nodeid, nlookup)
      return 0
    },

    FUSE_BATCH_FORGET(_request, { count, data }) {
      for (let i = 0; i < count; i++) {
        const one = fuse_forget_one.decode(data, i * fuse_forget_one.size)
        nodes.forget(one.nodeid, one.nlookup)
      }
      return 0
    },

    FUSE_GETATTR({ nodeid }, _arg, reply) {
      const node = nodes.get(nodeid)
      const e = node ? tree.stat(node, stat) : -errno.ESTALE
      if (e === 0) reply.attr(ttlSec, stat.buffer)
      return e
    },

    FUSE_STATX({ nodeid }, _arg, reply) {
      const node = nodes.get(nodeid)
      const e = node ? tree.stat(node, stat, STATX_BASIC_STATS | STATX_BTIME) : -errno.ESTALE
      if (e === 0) reply.statx(ttlSec, stat.buffer)
      return e
    },

    FUSE_READLINK({ nodeid }, _arg, reply) {
      const node = nodes.get(nodeid)
      const e = node ? tree.locate(node) : -errno.ESTALE
      if (e < 0) return e
      const size = readlinkat(tree.dirfd, tree.name, reply.room(4096))
      if (size >= 0) reply.used(size)
      return Math.min(0, size)
    },

    FUSE_STATFS(_request, _arg, reply) {
      const e = fstatfs(tree.rootFd, statfs)
      if (e < 0) return e
      const { f_blocks, f_bfree, f_bavail, f_files, f_ffree, f_bsize, f_namelen, f_frsize } =
        statfsStruct.decode(statfs)
      reply.struct(fuse_kstatfs, {
        blocks: f_blocks,
        bfree: f_bfree,
        bavail: f_bavail,
        files: f_files,
        ffree: f_ffree,
        bsize: f_bsize,
        namelen: f_namelen,
        frsize: f_frsize,
      })
      return 0
    },
  } satisfies Handlers
}
