// States what is there in operations: for what comes into the stream's view with its content (a
// file without a name that gets one, a rename out of what is excluded).

import {
  AT_SYMLINK_NOFOLLOW,
  close,
  errno,
  getxattrat,
  listxattrat,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  openat,
  readlinkat,
  S_IFDIR,
  S_IFLNK,
  S_IFREG,
  Stat,
  statx,
  STATX_BASIC_STATS,
  XATTR_LIST_MAX,
  XATTR_SIZE_MAX,
} from '#posix'
import { limits, which } from '#wire'
import { decodeDevice } from '#fuse'
import { emitContent } from './content.js'
import type { JournalContext } from './journal-context.js'
import { LinkSources, type Move } from './link-sources.js'
import { walk } from './walk.js'

const dot = Buffer.from('.')
const accessAcl = Buffer.from('system.posix_acl_access')
const defaultAcl = Buffer.from('system.posix_acl_default')
const none = Buffer.alloc(0)

/**
 * Announces what one operation brings into view. What cannot be read is said to be lost
 * (JournalContext.lose), since the store has changed already.
 */
export class Announcement {
  readonly #context: JournalContext
  readonly #sources: LinkSources
  readonly #stat = new Stat()
  readonly #parentStat = new Stat()
  readonly #value = Buffer.alloc(XATTR_SIZE_MAX)

  /** `moves` are the places that the operation has just changed. */
  constructor(context: JournalContext, moves: readonly Move[]) {
    this.#context = context
    this.#sources = new LinkSources(context, moves)
  }

  /** Emits what makes a copy hold, at `path`, what is at `name` in the directory `dirfd`. */
  announce(dirfd: number, name: Buffer, path: Buffer): void {
    // O_PATH descriptors given by the cache may be closed by its next use.
    const held = dirfd < 0 ? dirfd : openat(dirfd, dot, O_PATH | O_DIRECTORY)
    const e = held < 0 ? held : this.#tree(held, name, path)
    if (held >= 0) close(held)
    if (e < 0) this.#context.lose(path, e)
  }

  #tree(dirfd: number, name: Buffer, path: Buffer): number {
    const { tree } = this.#context
    const stat = this.#stat
    const e = statx(dirfd, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, stat.buffer)
    if (e < 0) return e
    const isDirectory = stat.type === S_IFDIR
    this.#object(dirfd, name, path, stat)
    if (!isDirectory) return 0
    const fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    if (fd < 0) return fd
    const walked = walk(fd, path, {
      enter: (at, child, below, found) => {
        if (tree.isExcluded(below, found.type)) return false
        this.#object(at, child, below, found)
        return true
      },
    })
    close(fd)
    return walked
  }

  #object(dirfd: number, name: Buffer, path: Buffer, stat: Stat): void {
    const e =
      this.#context.tree.expressible(path) ||
      statx(dirfd, dot, 0, STATX_BASIC_STATS, this.#parentStat.buffer) ||
      this.#linked(path, stat) ||
      this.#made(dirfd, name, path, stat)
    if (e < 0) this.#context.lose(path, e)
  }

  // 1 where it is said to be a link.
  #linked(path: Buffer, stat: Stat): number {
    if (stat.type === S_IFDIR || stat.nlink < 2) return 0
    const source = this.#sources.find(stat)
    if (typeof source === 'number') return source
    this.#sources.announced(stat, source ?? path)
    if (!source) return 0
    const { dirMtimeSec, dirMtimeNsec } = this.#dirTimes()
    const times = { newDirMtimeSec: dirMtimeSec, newDirMtimeNsec: dirMtimeNsec }
    this.#context.emit('link', { path: source, newPath: path, ...times })
    return 1
  }

  #dirTimes() {
    const { mtimeSec, mtimeNsec } = this.#parentStat
    return { dirMtimeSec: mtimeSec, dirMtimeNsec: mtimeNsec }
  }

  #made(dirfd: number, name: Buffer, path: Buffer, stat: Stat): number {
    const { mode, type, uid, gid, mtimeSec, mtimeNsec } = stat
    const made = { path, uid, gid, mtimeSec, mtimeNsec, ...this.#dirTimes() }
    const permissions = mode & 0o7777
    if (type === S_IFREG) {
      this.#context.emit('create', { ...made, mode: permissions })
      return this.#content(dirfd, name, path, stat)
    }
    if (type === S_IFDIR) this.#context.emit('mkdir', { ...made, mode: permissions })
    else if (type === S_IFLNK) {
      const target = Buffer.alloc(limits.targetSizeMax + 1)
      const size = readlinkat(dirfd, name, target)
      if (size < 0) return size
      this.#context.emit('symlink', { ...made, target: target.subarray(0, size) })
    } else {
      const device = decodeDevice(stat.rdev)
      this.#context.emit('mknod', { ...made, ...device, mode: permissions | type })
    }
    return this.#xattrs(dirfd, name, path, type)
  }

  #content(dirfd: number, name: Buffer, path: Buffer, stat: Stat): number {
    const { size } = stat
    const fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW)
    const e = fd < 0 ? fd : emitContent(this.#context, path, fd, 0, size)
    if (fd >= 0) close(fd)
    this.#context.emit('truncate', { path, size })
    const failed = this.#xattrs(dirfd, name, path, S_IFREG)
    this.#context.emitAttributes(path, which.MODE | which.MTIME, stat)
    return e || failed
  }

  #xattrs(dirfd: number, name: Buffer, path: Buffer, type: number): number {
    const list = Buffer.alloc(XATTR_LIST_MAX)
    const length = listxattrat(dirfd, name, list)
    // A file system without any.
    if (length === -errno.EOPNOTSUPP) return 0
    if (length < 0) return length
    const names: Buffer[] = []
    for (let at = 0; at < length;) {
      const end = list.indexOf(0, at)
      names.push(list.subarray(at, end))
      at = end + 1
    }
    this.#inherited(dirfd, path, type, names)
    for (const attribute of names) {
      const size = getxattrat(dirfd, name, attribute, this.#value)
      if (size < 0) return size
      this.#context.emit('setxattr', {
        path,
        name: attribute,
        value: this.#value.subarray(0, size),
      })
    }
    return 0
  }

  // What is made in a directory with a default ACL gets ACLs from it; this was made elsewhere.
  #inherited(dirfd: number, path: Buffer, type: number, names: readonly Buffer[]): void {
    if (type === S_IFLNK || getxattrat(dirfd, dot, defaultAcl, none) < 0) return
    for (const acl of type === S_IFDIR ? [accessAcl, defaultAcl] : [accessAcl])
      if (!names.some((name) => name.equals(acl)))
        this.#context.emit('removexattr', { path, name: acl })
  }
}
