// Where in the store an assertion is: the directory that holds what is stated, kept while a step
// lasts, and what is there.

import {
  AT_EMPTY_PATH,
  AT_SYMLINK_NOFOLLOW,
  close,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  openat,
  Stat,
  statx,
  STATX_BASIC_STATS,
} from '#posix'
import type { InodeKey } from './node.js'
import { openBelow } from './open-below.js'
import type { Tree } from './tree.js'

const dot = Buffer.from('.')
const none = Buffer.alloc(0)
const slash = 0x2f

export class Place {
  /** Of what was looked at last. */
  readonly stat = new Stat()
  /** The name, in `dirfd`, of what was entered last; `.` for the root. */
  name: Buffer = dot
  dirfd = -1
  readonly #tree: Tree
  readonly #other = new Stat()
  #directory: Buffer | undefined

  constructor(tree: Tree) {
    this.#tree = tree
  }

  /** Opens the directory that holds `path`, and looks at what is there. 0 or -errno. */
  enter(path: Buffer): number {
    const cut = path.lastIndexOf(slash)
    const above = cut < 0 ? none : path.subarray(0, cut)
    if (!this.#directory?.equals(above)) {
      this.leave()
      this.dirfd = openDirectory(this.#tree.rootFd, above)
      if (this.dirfd < 0) return this.dirfd
      this.#directory = Buffer.from(above)
    }
    this.name = path.length === 0 ? dot : path.subarray(cut + 1)
    const { dirfd, name, stat } = this
    return statx(dirfd, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, stat.buffer)
  }

  /** Opens it for reading, if it is a regular file (whatever else may do something then). */
  open(): number {
    return openat(this.dirfd, this.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  }

  openDirectory(): number {
    return openat(this.dirfd, this.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
  }

  leave(): void {
    if (this.dirfd >= 0) close(this.dirfd)
    this.dirfd = -1
    this.#directory = undefined
  }

  /** The inode of what was looked at last. */
  get key(): InodeKey {
    return this.#tree.nodes.keyOf(this.stat)
  }

  /** The inode that is called so in the store. */
  inodeAt(path: Buffer): InodeKey | undefined {
    return this.#lookAt(path) < 0 ? undefined : this.#tree.nodes.keyOf(this.#other)
  }

  /** S_IFREG and so on; 0 where nothing is called so. */
  typeAt(path: Buffer): number {
    return this.#lookAt(path) < 0 ? 0 : this.#other.type
  }

  #lookAt(path: Buffer): number {
    const fd = openBelow(this.#tree.rootFd, path, O_PATH)
    if (fd < 0) return fd
    const e = statx(fd, none, AT_EMPTY_PATH, STATX_BASIC_STATS, this.#other.buffer)
    close(fd)
    return e
  }
}

/** A descriptor (O_PATH) of the directory at `path`, or -errno. */
export function openDirectory(rootFd: number, path: Buffer): number {
  const flags = O_PATH | O_DIRECTORY
  return path.length === 0 ? openat(rootFd, dot, flags) : openBelow(rootFd, path, flags)
}
