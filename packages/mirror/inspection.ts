// Looks at what the mirror has at a path: what it is, its bytes, its holes, its target. Changes
// nothing, but for the leave that an ordinary user may have to give himself for a moment.

import {
  close,
  errno,
  firstWritten,
  fstat,
  lseek,
  noName,
  O_DIRECTORY,
  O_RDONLY,
  openat2,
  pread,
  readlinkat,
  S_IFMT,
  S_IFREG,
} from '#posix'
import { SEEK_DATA, Stat } from '#posix'
import { limits } from '#wire'
import { beneath } from './directories.js'
import { openRegular } from './files.js'
import type { Tree } from './tree.js'

const dot = Buffer.from('.')
/** PATH_MAX */
const targetMax = 4096

export class Inspection {
  /** Of what was looked at last. */
  readonly stat = new Stat()
  readonly #tree: Tree
  readonly #block = Buffer.alloc(limits.dataSizeMax)

  constructor(tree: Tree) {
    this.#tree = tree
  }

  /** The type (as which it counts) of what is at `path`; 0 for nothing; -errno or a refusal. */
  look(path: Buffer): number {
    const fd = this.object(path)
    if (fd === -errno.ENOENT) return 0
    if (fd < 0) return fd
    const e = fstat(fd, this.stat.buffer)
    const type = e < 0 ? e : (this.#tree.fake?.look(fd)?.mode ?? this.stat.mode) & S_IFMT
    this.#tree.release(path, fd)
    return type
  }

  /** As the tree's, for it to `release`. */
  object(path: Buffer): number {
    const tree = this.#tree
    return tree.options.unlock.over(tree, path, false, () => tree.object(path))
  }

  /** The directory at `path`, open for reading, for the caller to close; -errno or a refusal. */
  directory(path: Buffer): number {
    const tree = this.#tree
    return tree.options.unlock.over(tree, path, true, () => {
      const above = tree.parent(path)
      const name = path.length === 0 ? dot : tree.name
      return above < 0 ? above : openat2(above, name, O_RDONLY | O_DIRECTORY, 0, beneath)
    })
  }

  /** The inode at `path` as a key; undefined where there is none. */
  inode(path: Buffer): string | undefined {
    if (this.look(path) <= 0) return undefined
    const { inoHigh, inoLow } = this.stat
    return `${inoHigh}:${inoLow}`
  }

  /** How many names the regular file at `path` has; 0 for none. */
  linksAt(path: Buffer): number {
    return this.look(path) === S_IFREG ? this.stat.nlink : 0
  }

  /** A descriptor of the regular file at `path`, for reading; -errno or a refusal. */
  open(path: Buffer): number {
    const tree = this.#tree
    return tree.options.unlock.over(tree, path, true, () => {
      const directory = tree.parent(path)
      return directory < 0 ? directory : openRegular(directory, tree.name, O_RDONLY, this.stat)
    })
  }

  /**
   * So many bytes of a regular file, at most limits.dataSizeMax; fewer where it ends before, or
   * cannot be read. A view that is good until the next call.
   */
  read(path: Buffer, offset: number, length: number): Buffer {
    const fd = this.open(path)
    let done = 0
    for (let n = fd < 0 ? 0 : 1; done < length && n > 0; done += Math.max(0, n))
      n = pread(fd, this.#block, done, length - done, offset + done)
    if (fd >= 0) close(fd)
    return this.#block.subarray(0, done)
  }

  /** The first byte from `start` to `end` that is not in a hole of the file; -1: none, or none. */
  dataIn(path: Buffer, start: number, end: number): number {
    const fd = this.open(path)
    if (fd < 0) return -1
    const data = lseek(fd, start, SEEK_DATA)
    close(fd)
    return data >= 0 && data < end ? data : -1
  }

  /** As `dataIn`, but what is only reserved, by fallocate(2), does not count: it is sought out. */
  writtenIn(path: Buffer, start: number, end: number): number {
    const fd = this.open(path)
    if (fd < 0) return -1
    const data = lseek(fd, start, SEEK_DATA)
    const written = data < 0 || data >= end ? -1 : firstWritten(fd, data, end)
    close(fd)
    // Where the file system has no such map, data is data.
    return written < -1 ? data : written
  }

  /** What the symbolic link at `path`, or what stands for it, holds; empty for what is none. */
  target(path: Buffer): Buffer {
    if (this.#tree.fake) return Buffer.from(this.read(path, 0, targetMax))
    const fd = this.object(path)
    if (fd < 0) return Buffer.alloc(0)
    const found = Buffer.alloc(targetMax)
    const length = readlinkat(fd, noName, found)
    this.#tree.release(path, fd)
    return found.subarray(0, Math.max(0, length))
  }
}
