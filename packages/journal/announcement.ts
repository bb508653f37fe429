// States what is there in operations: for what comes into the stream's view with its content (a
// file without a name that gets one, a rename out of what is excluded), and for what leaves it.

import {
  AT_SYMLINK_NOFOLLOW,
  close,
  fgetxattr,
  fstat,
  getxattrat,
  listxattrat,
  lseek,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  openat,
  pread,
  readDirectory,
  readlinkat,
  S_IFDIR,
  S_IFLNK,
  S_IFREG,
  SEEK_DATA,
  SEEK_HOLE,
  Stat,
  statx,
  STATX_BASIC_STATS,
  XATTR_LIST_MAX,
  XATTR_SIZE_MAX,
} from '#posix'
import { limits, which } from '#wire'
import { decodeDevice } from '#fuse'
import type { JournalContext } from './journal-context.js'
import type { Node } from './node.js'
import { join } from './tree.js'

/**
 * Emits what makes a copy hold, at `path`, what is at `name` in the directory `dirfd`. What cannot
 * be read is left out: it has just been moved by the store itself, so that is damage or somebody
 * behind the mount.
 */
export function announce(context: JournalContext, dirfd: number, name: Buffer, path: Buffer): void {
  // O_PATH descriptors given by the cache may be closed by its next use.
  const held = openat(dirfd, Buffer.from('.'), O_PATH | O_DIRECTORY)
  if (held < 0) return
  try {
    new Announcement(context, path).object(held, name, path)
  } finally {
    close(held)
  }
}

const accessAcl = 'system.posix_acl_access'
const defaultAcl = 'system.posix_acl_default'

class Announcement {
  readonly #context: JournalContext
  readonly #stat = new Stat()
  readonly #parentStat = new Stat()
  readonly #data = Buffer.alloc(limits.dataSizeMax)
  // The first path of each inode that has several.
  readonly #linked = new Map<string, Buffer>()

  readonly #root: Buffer

  constructor(context: JournalContext, root: Buffer) {
    this.#context = context
    this.#root = root
  }

  object(dirfd: number, name: Buffer, path: Buffer): void {
    const stat = this.#stat
    const e =
      statx(dirfd, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, stat.buffer) ||
      statx(dirfd, Buffer.from('.'), 0, STATX_BASIC_STATS, this.#parentStat.buffer)
    if (e < 0) return
    const { dirMtimeSec, dirMtimeNsec } = this.#dirTimes()
    if (stat.type !== S_IFDIR && stat.nlink > 1) {
      const id = `${stat.devMajor}:${stat.devMinor}:${stat.inoHigh}:${stat.inoLow}`
      const first = this.#linked.get(id) ?? this.#journalledName(stat)
      if (first) {
        const newDirMtime = { newDirMtimeSec: dirMtimeSec, newDirMtimeNsec: dirMtimeNsec }
        this.#context.emit('link', { path: first, newPath: path, ...newDirMtime })
        return
      }
      this.#linked.set(id, path)
    }
    if (stat.type === S_IFDIR) this.#directory(dirfd, name, path)
    else if (stat.type === S_IFREG) this.#file(dirfd, name, path)
    else this.#special(dirfd, name, path)
  }

  // A name outside of what is being announced, among those that are known.
  #journalledName(stat: Stat): Buffer | undefined {
    const { tree } = this.#context
    const node = tree.nodes.find(stat)
    for (const { parent, name } of node?.entries ?? []) {
      const path = tree.childPath(parent, name, stat.type)
      if (path && !isAtOrBelow(path, this.#root)) return path
    }
    return undefined
  }

  #dirTimes() {
    const { mtimeSec, mtimeNsec } = this.#parentStat
    return { dirMtimeSec: mtimeSec, dirMtimeNsec: mtimeNsec }
  }

  #attributes() {
    const { mode, uid, gid, mtimeSec, mtimeNsec } = this.#stat
    return { mode: mode & 0o7777, uid, gid, mtimeSec, mtimeNsec, ...this.#dirTimes() }
  }

  #directory(dirfd: number, name: Buffer, path: Buffer): void {
    const { tree } = this.#context
    this.#context.emit('mkdir', { path, ...this.#attributes() })
    this.#xattrs(dirfd, name, path)
    const fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    if (fd < 0) return
    try {
      for (const entry of readDirectory(fd)) {
        const below = join(path, entry.name)
        const e = statx(fd, entry.name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, this.#stat.buffer)
        if (e === 0 && !tree.isExcluded(below, this.#stat.type)) this.object(fd, entry.name, below)
      }
    } finally {
      close(fd)
    }
  }

  #file(dirfd: number, name: Buffer, path: Buffer): void {
    const { size } = this.#stat
    this.#context.emit('create', { path, ...this.#attributes() })
    const stat = Buffer.from(this.#stat.buffer)
    const fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW)
    if (fd >= 0) {
      emitContent(this.#context, path, fd, 0, size, this.#data)
      close(fd)
    }
    this.#context.emit('truncate', { path, size })
    stat.copy(this.#stat.buffer)
    this.#xattrs(dirfd, name, path)
    this.#context.emitAttributes(path, which.MODE | which.MTIME, this.#stat)
  }

  #special(dirfd: number, name: Buffer, path: Buffer): void {
    const { mode, ...attributes } = this.#attributes()
    if (this.#stat.type === S_IFLNK) {
      const size = readlinkat(dirfd, name, this.#data)
      const target = Buffer.from(this.#data.subarray(0, Math.max(0, size)))
      if (size > 0) this.#context.emit('symlink', { path, target, ...attributes })
    } else {
      const { type, rdev } = this.#stat
      this.#context.emit('mknod', { path, mode: mode | type, ...decodeDevice(rdev), ...attributes })
    }
    this.#xattrs(dirfd, name, path)
  }

  #xattrs(dirfd: number, name: Buffer, path: Buffer): void {
    const list = Buffer.alloc(XATTR_LIST_MAX)
    const length = listxattrat(dirfd, name, list)
    const names = new Set<string>()
    for (let at = 0; at < length;) {
      const end = list.indexOf(0, at)
      const attribute = list.subarray(at, end)
      const size = getxattrat(dirfd, name, attribute, this.#data.subarray(0, XATTR_SIZE_MAX))
      const value = this.#data.subarray(0, Math.max(0, size))
      if (size >= 0) this.#context.emit('setxattr', { path, name: attribute, value })
      names.add(attribute.toString('latin1'))
      at = end + 1
    }
    if (this.#stat.type !== S_IFLNK) this.#uninherit(dirfd, path, names)
  }

  // What is made in a directory with a default ACL inherits that. What only got a name there did
  // not, so that a copy has to lose it again.
  #uninherit(dirfd: number, path: Buffer, names: ReadonlySet<string>): void {
    if (fgetxattr(dirfd, Buffer.from(defaultAcl), Buffer.alloc(0)) < 0) return
    const inherited = this.#stat.type === S_IFDIR ? [accessAcl, defaultAcl] : [accessAcl]
    for (const name of inherited.filter((acl) => !names.has(acl)))
      this.#context.emit('removexattr', { path, name: Buffer.from(name) })
    this.#context.emitAttributes(path, which.MODE, this.#stat)
  }
}

function isAtOrBelow(path: Buffer, root: Buffer): boolean {
  if (path.length < root.length || !path.subarray(0, root.length).equals(root)) return false
  return path.length === root.length || path[root.length] === 0x2f
}

/** Emits `length` bytes of an open file from `start` as writes, without its holes. */
function emitContent(
  context: JournalContext,
  path: Buffer,
  fd: number,
  start: number,
  length: number,
  buffer: Buffer,
): void {
  const end = start + length
  let at = start
  while (at < end) {
    const data = lseek(fd, at, SEEK_DATA)
    if (data < 0 || data >= end) return
    const hole = lseek(fd, data, SEEK_HOLE)
    const stop = Math.min(end, hole < 0 ? end : hole)
    for (at = data; at < stop;) {
      const done = pread(fd, buffer, 0, Math.min(buffer.length, stop - at), at)
      if (done <= 0) return
      context.emit('write', { path, offset: at, data: buffer.subarray(0, done) })
      at += done
    }
  }
}

/** Emits the removal of `path`, which named `node` in `parent` until it left the stream's view. */
export function withdraw(context: JournalContext, path: Buffer, node: Node, parent: Node): void {
  const times = { ...context.directoryTimes(parent) }
  if (node.type !== S_IFDIR) {
    context.emit('unlink', { path, ...times })
    return
  }
  const at = context.directory(node)
  const fd = at < 0 ? at : openat(at, Buffer.from('.'), O_RDONLY | O_DIRECTORY)
  if (fd >= 0) {
    removeBelow(context, fd, path)
    close(fd)
  }
  context.emit('rmdir', { path, ...times })
}

function removeBelow(context: JournalContext, fd: number, path: Buffer): void {
  const stat = new Stat()
  for (const { name } of readDirectory(fd)) {
    const below = join(path, name)
    const e = statx(fd, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, stat.buffer)
    if (e < 0 || context.tree.isExcluded(below, stat.type)) continue
    removeObject(context, fd, name, below, stat.type)
  }
}

/** Emits the removal of `path`, of which the store still has the content at `name` in `dirfd`. */
export function removeObject(
  context: JournalContext,
  dirfd: number,
  name: Buffer,
  path: Buffer,
  type: number,
): void {
  const stat = new Stat()
  if (fstat(dirfd, stat.buffer) < 0) return
  const times = { dirMtimeSec: stat.mtimeSec, dirMtimeNsec: stat.mtimeNsec }
  if (type !== S_IFDIR) {
    context.emit('unlink', { path, ...times })
    return
  }
  const fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
  if (fd >= 0) {
    removeBelow(context, fd, path)
    close(fd)
  }
  context.emit('rmdir', { path, ...times })
}
