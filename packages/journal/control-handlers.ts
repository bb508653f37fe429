// The handlers of `.tfs`: of its directory, and of its files by what a ControlFile says.

import {
  errno,
  O_ACCMODE,
  O_RDONLY,
  S_IFDIR,
  S_IFREG,
  STATX_BASIC_STATS,
  statxStruct,
} from '#posix'
import {
  fopen,
  fuse_getxattr_out,
  fuse_open_out,
  fuse_write_out,
  type Handlers,
  type Reply,
} from '#fuse'
import { directoryId, type ControlFile, type ControlFilesOptions } from './control-files.js'

/** What is told may be another thing the next moment. */
const ttlSec = 0
const typeOf = (mode: number) => mode >> 12

export function controlHandlers(options: ControlFilesOptions): Handlers {
  const look = lookOf(options)
  return {
    ...attributeHandlers(look),
    ...directoryHandlers(options, look),
    ...fileHandlers(options),
    FUSE_FORGET: () => 0,
    FUSE_FSYNC: () => 0,
    FUSE_FSYNCDIR: () => 0,
  }
}

const fileOf = (files: readonly ControlFile[], id: number): ControlFile | undefined =>
  files[id - directoryId - 1]

/** Gives the attributes of what has a number, as statx(2) would; kept, so valid until the next. */
function lookOf({ uid, gid, files }: ControlFilesOptions) {
  const stat = Buffer.alloc(statxStruct.size)
  return (id: number): Buffer => {
    const file = fileOf(files, id)
    const sec = Math.floor(Date.now() / 1000)
    statxStruct.encode(stat, 0, {
      stx_mask: STATX_BASIC_STATS,
      stx_blksize: 4096,
      stx_nlink: file ? 1 : 2,
      stx_uid: uid,
      stx_gid: gid,
      stx_mode: file ? S_IFREG | (file.write ? 0o644 : 0o444) : S_IFDIR | 0o555,
      stx_ino: BigInt(id),
      stx_atime_sec: sec,
      stx_mtime_sec: sec,
      stx_ctime_sec: sec,
    })
    return stat
  }
}

type Look = ReturnType<typeof lookOf>

function attributeHandlers(look: Look) {
  return {
    FUSE_GETATTR({ nodeid }, _arg, reply) {
      reply.attr(ttlSec, look(nodeid))
      return 0
    },

    FUSE_STATX({ nodeid }, _arg, reply) {
      reply.statx(ttlSec, look(nodeid))
      return 0
    },

    FUSE_GETXATTR: () => -errno.ENODATA,

    FUSE_LISTXATTR(_request, { size }, reply) {
      if (size === 0) reply.struct(fuse_getxattr_out, { size: 0 })
      return 0
    },
  } satisfies Handlers
}

function directoryHandlers({ files }: ControlFilesOptions, look: Look) {
  // Positions are indices of what is listed.
  const names = ['.', '..', ...files.map(({ name }) => name)].map((name) => Buffer.from(name))
  const idOf = (index: number) => directoryId + Math.max(0, index - 1)

  function list(from: number, put: (index: number, name: Buffer) => boolean): number {
    for (let at = from; at < names.length; at++) if (!put(at, names[at]!)) break
    return 0
  }

  return {
    FUSE_LOOKUP({ nodeid }, { name }, reply) {
      // The only name outside that comes here is the directory's own.
      const at = nodeid === directoryId ? names.findIndex((one) => one.equals(name)) : 0
      if (at < 0) return -errno.ENOENT
      reply.entry(idOf(at), 0, ttlSec, ttlSec, look(idOf(at)))
      return 0
    },

    FUSE_OPENDIR(_request, _arg, reply) {
      reply.struct(fuse_open_out, { fh: directoryId })
      return 0
    },

    FUSE_READDIR: (_request, { offset_lo }, reply) =>
      list(offset_lo, (at, name) =>
        reply.dirent(name, idOf(at), at + 1, typeOf(at < 2 ? S_IFDIR : S_IFREG)),
      ),

    FUSE_READDIRPLUS: (_request, { offset_lo }, reply) =>
      list(offset_lo, (at, name) =>
        reply.direntplus(name, at + 1, at < 2 ? 0 : idOf(at), 0, ttlSec, ttlSec, look(idOf(at))),
      ),

    FUSE_RELEASEDIR: () => 0,
  } satisfies Handlers
}

function fileHandlers({ files, answer }: ControlFilesOptions) {
  /** What each open file showed when it was opened. */
  const opened = new Map<number, Buffer>()
  let nextFh = directoryId

  return {
    FUSE_OPEN({ nodeid }, { flags }, reply) {
      const file = fileOf(files, nodeid)
      if (!file) return -errno.EISDIR
      if ((flags & O_ACCMODE) !== O_RDONLY && !file.write) return -errno.EACCES
      const fh = ++nextFh
      opened.set(fh, file.read())
      reply.struct(fuse_open_out, { fh, open_flags: fopen.FOPEN_DIRECT_IO })
      return 0
    },

    FUSE_READ(_request, { fh, offset, size }, reply) {
      const content = opened.get(fh)
      if (!content) return -errno.EBADF
      reply.bytes(content.subarray(offset, offset + size))
      return 0
    },

    FUSE_WRITE({ nodeid, unique }, { data }, reply) {
      const written = { size: data.length }
      const fill = (late: Reply) => late.struct(fuse_write_out, written)
      const result = fileOf(files, nodeid)?.write?.(Buffer.from(data), (error) =>
        answer(unique, error, fill),
      )
      if (result === 0) fill(reply)
      return result ?? -errno.EPERM
    },

    FUSE_RELEASE(_request, { fh }) {
      opened.delete(fh)
      return 0
    },
  } satisfies Handlers
}
