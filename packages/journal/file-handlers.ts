// OPEN, READ, WRITE and what else is done with an open file.

import {
  close,
  copyFileRange,
  errno,
  fallocate,
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  FALLOC_FL_ZERO_RANGE,
  lseek,
  pread,
  pwrite,
} from '#posix'
import {
  FUSE_FSYNC_FDATASYNC,
  fuse_copy_file_range_out,
  fuse_lseek_out,
  fuse_open_out,
  fuse_write_out,
  fuseWrite,
  PENDING,
  type Handlers,
  type Request,
  type Session,
} from '#fuse'
import { emitContent, emitSize } from './content.js'
import type { JournalContext } from './journal-context.js'
import { openStore } from './open-store.js'
import { withoutPrivileges } from './privileges.js'
import { notOpen, type OpenFile } from './open-file.js'

/** What a stream can carry of fallocate(2)'s modes; the kernel lets no others through. */
const allocatable = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE
/**
 * One copy request copies at most so much, so that no other waits long; callers go on by
 * themselves.
 */
export const copyStep = 8 << 20

export function fileHandlers(context: JournalContext, answer: Session['answer']) {
  const { files, tree, times } = context

  // Who may keep the bits has CAP_FSETID, which requests of these kinds do not tell: root has it.
  const withoutPrivilegesOf = (caller: Readonly<Request>, file: OpenFile) =>
    caller.uid === 0 ? 0 : withoutPrivileges(context, caller, file)

  function copy(
    caller: Readonly<Request>,
    arg: {
      fh_in: number
      off_in: number
      fh_out: number
      off_out: number
      len: number
      flags: number
    },
  ): number {
    const from = files.get(arg.fh_in)
    const to = files.get(arg.fh_out)
    if (!from || !to) return notOpen
    const path = tree.target(to.node)
    const fromPath = tree.target(from.node)
    if (typeof path === 'number') return path
    const e = withoutPrivilegesOf(caller, to)
    if (e < 0) return e
    const { off_in, off_out, flags } = arg
    const length = Math.min(arg.len, copyStep)
    const copied = copyFileRange(from.fd, off_in, to.fd, off_out, length, flags)
    // What fails for want of room may have moved the mtime all the same.
    times.touch(to.node, off_out, off_out + length)
    if (copied <= 0) return copied
    if (!path) return copied
    if (fromPath && typeof fromPath !== 'number' && !context.isAsserting()) {
      const offsets = { offset: off_out, fromOffset: off_in, length: copied }
      context.emit('copy', { path, from: fromPath, ...offsets })
    } else emitCopied(path, from, to, off_in, off_out, copied)
    return copied
  }

  // From where the copy has nothing to copy from; `to` need not be open for reading.
  function emitCopied(
    path: Buffer,
    from: OpenFile,
    to: OpenFile,
    start: number,
    end: number,
    length: number,
  ): void {
    const failed =
      emitContent(context, path, from.fd, start, length, { to: end, punch: true }) ||
      emitSize(context, path, to.fd)
    if (failed < 0) context.lose(path, failed)
  }

  return {
    FUSE_OPEN(request, { flags, open_flags }, reply) {
      const node = context.node(request.nodeid)
      if (!node) return -errno.ESTALE
      const opened = openStore(context, request, node, flags, open_flags)
      if (typeof opened === 'number') return opened
      reply.struct(fuse_open_out, opened)
      return 0
    },

    FUSE_READ(_request, { fh, offset, size }, reply) {
      const file = files.get(fh)
      if (!file) return notOpen
      const done = pread(file.fd, reply.room(size), 0, size, offset)
      if (done >= 0) reply.used(done)
      return Math.min(0, done)
    },

    FUSE_WRITE(request, { fh, offset, write_flags, data }, reply) {
      const file = files.get(fh)
      if (!file) return notOpen
      const path = tree.target(file.node)
      if (typeof path === 'number') return path
      if (write_flags & fuseWrite.FUSE_WRITE_KILL_SUIDGID) {
        const e = withoutPrivileges(context, request, file)
        if (e < 0) return e
      }
      const done = pwrite(file.fd, data, 0, data.length, offset)
      times.touch(file.node, offset, offset + data.length)
      if (done < 0) return done
      if (path && done > 0) context.emit('write', { path, offset, data: data.subarray(0, done) })
      reply.struct(fuse_write_out, { size: done })
      return 0
    },

    // Nothing is done at FLUSH, so the kernel asks once and no more: a close waits for nobody.
    FUSE_RELEASE(_request, { fh }) {
      const file = files.get(fh)
      if (!file) return notOpen
      times.flush(file.node)
      files.remove(fh)
      if (!tree.directories.inherit(file.node, file.fd)) close(file.fd)
      tree.nodes.dropUnused(file.node)
      return 0
    },

    FUSE_FSYNC(request, { fh, fsync_flags }) {
      const file = files.get(fh)
      return file ? sync(file, request, fsync_flags) : notOpen
    },

    FUSE_FSYNCDIR(request, { fh, fsync_flags }) {
      const file = files.get(fh)
      return file ? sync(file, request, fsync_flags) : notOpen
    },

    FUSE_FALLOCATE(request, { fh, offset, length, mode }) {
      const file = files.get(fh)
      if (!file) return notOpen
      if (mode & ~allocatable) return -errno.EOPNOTSUPP
      const path = tree.target(file.node)
      if (typeof path === 'number') return path
      const e = withoutPrivilegesOf(request, file) || fallocate(file.fd, mode, offset, length)
      times.touch(file.node, offset, offset + length)
      if (e < 0) return e
      if (path) context.emit('fallocate', { path, mode, offset, length })
      return 0
    },

    FUSE_LSEEK(_request, { fh, offset, whence }, reply) {
      const file = files.get(fh)
      if (!file) return notOpen
      const at = lseek(file.fd, offset, whence)
      if (at >= 0) reply.struct(fuse_lseek_out, { offset: at })
      return Math.min(0, at)
    },

    FUSE_COPY_FILE_RANGE(request, arg, reply) {
      const copied = copy(request, arg)
      if (copied >= 0) reply.struct(fuse_write_out, { size: copied })
      return Math.min(0, copied)
    },

    FUSE_COPY_FILE_RANGE_64(request, arg, reply) {
      const copied = copy(request, arg)
      if (copied >= 0) reply.struct(fuse_copy_file_range_out, { bytes_copied: copied })
      return Math.min(0, copied)
    },
  } satisfies Handlers

  function sync({ fd, node }: OpenFile, { unique, pid }: Readonly<Request>, flags: number): number {
    const dataOnly = (flags & FUSE_FSYNC_FDATASYNC) !== 0
    times.flush(node)
    context.replicas.expect(unique)
    context.syncs.sync(fd, dataOnly, (result) => {
      const path = tree.target(node)
      // What has no name, or is excluded, is on no copy.
      const isCopied = path !== undefined && typeof path !== 'number'
      if (isCopied) context.emit('fsync', { path, datasync: dataOnly ? 1 : 0, errno: -result })
      const done = (failed: number) => {
        context.replicas.forget(unique)
        answer(unique, result || failed)
      }
      const { seq } = context.emitter
      context.whenDurable((failed) => {
        if (result < 0 || failed < 0 || !isCopied) done(failed)
        else context.whenReplicated(seq, unique, pid, done)
      })
    })
    return PENDING
  }
}
