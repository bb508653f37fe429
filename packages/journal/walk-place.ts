// Where in the store an assertion is: the directory that holds what is stated, kept while it goes
// by that name, and what is there.

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
import { isAtOrBelow, parentOf, type Tree } from './tree.js'

const dot = Buffer.from('.')
const up = Buffer.from('..')
const none = Buffer.alloc(0)
const slash = 0x2f
const flags = O_PATH | O_DIRECTORY | O_NOFOLLOW

export class Place {
  /** Of what was looked at last. */
  readonly stat = new Stat()
  /** The name, in `dirfd`, of what was entered last; `.` for the root. */
  name: Buffer = dot
  dirfd = -1
  readonly #tree: Tree
  readonly #other = new Stat()
  #directory: Buffer | undefined
  // Its own, and those of the directories above it as far as they are known, the nearest last.
  #key: InodeKey = 0
  readonly #above: InodeKey[] = []
  #generation = 0

  constructor(tree: Tree) {
    this.#tree = tree
  }

  /** Opens the directory that holds `path`, and looks at what is there. 0 or -errno. */
  enter(path: Buffer): number {
    const e = this.#goTo(parentOf(path))
    if (e < 0) return e
    this.name = path.length === 0 ? dot : path.subarray(path.lastIndexOf(slash) + 1)
    const { dirfd, name, stat } = this
    return statx(dirfd, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, stat.buffer)
  }

  #goTo(directory: Buffer): number {
    if (this.#generation !== this.#tree.generation) this.leave()
    if (this.#directory?.equals(directory)) return 0
    const fd = this.#reach(directory)
    if (this.dirfd >= 0) close(this.dirfd)
    this.dirfd = fd
    const e = fd < 0 ? fd : this.#lookInto(fd)
    if (e < 0) {
      this.leave()
      return e
    }
    this.#key = this.#tree.nodes.keyOf(this.#other)
    this.#directory = Buffer.from(directory)
    this.#generation = this.#tree.generation
    return 0
  }

  // A step down or up takes few calls, however deep that is.
  #reach(directory: Buffer): number {
    const last = this.#directory
    const above = this.#above
    if (last && isIn(directory, last)) {
      above.push(this.#key)
      return openat(this.dirfd, directory.subarray(directory.lastIndexOf(slash) + 1), flags)
    }
    const levels = last && isAtOrBelow(last, directory) ? depthOf(last) - depthOf(directory) : 0
    const [key] = levels > 0 ? above.splice(-levels) : above.splice(0)
    if (levels === 1 && key !== undefined) {
      const fd = openat(this.dirfd, up, flags)
      // Behind the mount somebody may have moved what it is in.
      if (fd >= 0 && this.#lookInto(fd) === 0 && this.#tree.nodes.keyOf(this.#other) === key)
        return fd
      if (fd >= 0) close(fd)
    }
    return openDirectory(this.#tree.rootFd, directory)
  }

  /** Opens it for reading, if it is a regular file (whatever else may do something then). */
  open(): number {
    return openat(this.dirfd, this.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  }

  openDirectory(): number {
    return openat(this.dirfd, this.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
  }

  /** To be called where a directory is gone from its name, too. */
  leave(): void {
    if (this.dirfd >= 0) close(this.dirfd)
    this.dirfd = -1
    this.#directory = undefined
    this.#above.length = 0
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
    const e = this.#lookInto(fd)
    close(fd)
    return e
  }

  #lookInto(fd: number): number {
    return statx(fd, none, AT_EMPTY_PATH, STATX_BASIC_STATS, this.#other.buffer)
  }
}

/** A descriptor (O_PATH) of the directory at `path`, or -errno. */
export function openDirectory(rootFd: number, path: Buffer): number {
  return path.length === 0 ? openat(rootFd, dot, flags) : openBelow(rootFd, path, flags)
}

// Whether what is called `path` is a name in `directory`.
function isIn(path: Buffer, directory: Buffer): boolean {
  return path.length > 0 && parentOf(path).equals(directory)
}

function depthOf(path: Buffer): number {
  let depth = path.length > 0 ? 1 : 0
  for (let at = path.indexOf(slash); at >= 0; at = path.indexOf(slash, at + 1)) depth++
  return depth
}
