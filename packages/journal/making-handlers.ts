// MKNOD, MKDIR, SYMLINK, CREATE, TMPFILE and LINK: whatever makes something or gives it a name.

import {
  close,
  errno,
  mkdirat,
  mknodat,
  noName,
  O_ACCMODE,
  O_CREAT,
  O_EXCL,
  O_NOFOLLOW,
  O_RDONLY,
  O_TMPFILE,
  openat,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  symlinkat,
} from '#posix'
import { decodeDevice, fopen, fuse_open_out, type Handlers } from '#fuse'
import { Announcement } from './announcement.js'
import { ttlSec, type JournalContext } from './journal-context.js'
import { Making } from './making.js'

const dot = Buffer.from('.')

export function makingHandlers(context: JournalContext) {
  const { tree, stat, files } = context
  const { nodes } = tree
  const making = new Making(context)
  return {
    FUSE_MKNOD(request, { name, mode, umask, rdev }, reply) {
      const at = making.begin(request, name, mode & S_IFMT)
      if (at < 0) return at
      context.useUmask(umask)
      const e = mknodat(at, name, mode, rdev) || making.finish(request, name)
      if (e < 0) return e
      const { path } = making
      if (path && (mode & S_IFMT) === S_IFREG)
        context.emit('create', { path, ...making.attributes() })
      else if (path)
        context.emit('mknod', { path, ...decodeDevice(rdev), ...making.attributes(mode & S_IFMT) })
      return making.answer(reply)
    },

    FUSE_MKDIR(request, { name, mode, umask }, reply) {
      const at = making.begin(request, name, S_IFDIR)
      if (at < 0) return at
      context.useUmask(umask)
      const e = mkdirat(at, name, mode) || making.finish(request, name)
      if (e < 0) return e
      if (making.path) context.emit('mkdir', { path: making.path, ...making.attributes() })
      return making.answer(reply)
    },

    FUSE_SYMLINK(request, { name, target }, reply) {
      const at = making.begin(request, name, S_IFLNK)
      if (at < 0) return at
      const e = symlinkat(target, at, name) || making.finish(request, name)
      if (e < 0) return e
      const { mode: _, ...attributes } = making.attributes()
      if (making.path) context.emit('symlink', { path: making.path, target, ...attributes })
      return making.answer(reply)
    },

    FUSE_CREATE(request, arg, reply) {
      const at = files.room || making.begin(request, arg.name, S_IFREG)
      if (at < 0) return at
      context.useUmask(arg.umask)
      const access = arg.flags & O_ACCMODE
      const fd = openat(at, arg.name, access | O_CREAT | O_EXCL | O_NOFOLLOW, arg.mode)
      // Another caller was quicker, and ours does not mind.
      if (fd === -errno.EEXIST && !(arg.flags & O_EXCL))
        return making.openExisting(request, arg, reply)
      const e = fd < 0 ? fd : making.finish(request, arg.name)
      if (e < 0) {
        if (fd >= 0) close(fd)
        return e
      }
      if (making.path) context.emit('create', { path: making.path, ...making.attributes() })
      const node = making.answerNode(reply)
      const isWritable = access !== O_RDONLY
      const fh = files.add({ fd, node, isWritable, position: undefined })
      reply.struct(fuse_open_out, { fh, open_flags: fopen.FOPEN_KEEP_CACHE })
      return 0
    },

    // A file without a name emits nothing until it gets one.
    FUSE_TMPFILE(request, { flags, mode, umask }, reply) {
      const at = files.room || context.directory(nodes.get(request.nodeid))
      if (at < 0) return at
      context.useUmask(umask)
      const fd = openat(at, dot, (flags & (O_ACCMODE | O_EXCL)) | O_TMPFILE, mode)
      if (fd < 0) return fd
      const e = making.own(request, fd, noName, nodes.get(request.nodeid)!)
      if (e < 0) {
        close(fd)
        return e
      }
      const node = nodes.identify(stat)
      // It may go without our notice, when it is closed, and its number then be another one's.
      nodes.disown(node)
      node.lookups++
      const fh = files.add({ fd, node, isWritable: true, position: undefined })
      reply.entry(node.id, 0, 0, ttlSec, stat.buffer)
      reply.struct(fuse_open_out, { fh, open_flags: fopen.FOPEN_KEEP_CACHE })
      return 0
    },

    FUSE_LINK(request, { oldnodeid, newName }, reply) {
      const node = nodes.get(oldnodeid)
      if (!node) return -errno.ESTALE
      const at = making.begin(request, newName, node.type)
      if (at < 0) return at
      const path = tree.target(node)
      if (typeof path === 'number') return path
      const e = making.link(node, newName)
      if (e < 0) return e
      node.nlink++
      nodes.own(node)
      nodes.place(node, making.parent, newName)
      tree.directories.drop(node)
      const { parent, path: newPath } = making
      if (newPath && path) {
        const { dirMtimeSec, dirMtimeNsec } = context.directoryTimes(parent)
        const newDirMtime = { newDirMtimeSec: dirMtimeSec, newDirMtimeNsec: dirMtimeNsec }
        context.emit('link', { path, newPath, ...newDirMtime })
      } else if (newPath)
        new Announcement(context, [{ from: undefined, to: newPath }]).announce(
          context.directory(parent),
          newName,
          newPath,
        )
      else context.emitDirectoryTime(parent)
      const looked = tree.stat(node, stat)
      if (looked < 0) return looked
      node.lookups++
      reply.entry(node.id, 0, ttlSec, ttlSec, stat.buffer)
      return 0
    },
  } satisfies Handlers
}
