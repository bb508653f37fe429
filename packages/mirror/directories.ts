// Directories of the mirror by path, as a small cache of O_PATH descriptors. Every component is
// walked without following symlinks and without crossing mounts.

import { close, errno, O_DIRECTORY, O_PATH, openat2 } from '#posix'
import {
  RESOLVE_BENEATH,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_SYMLINKS,
  RESOLVE_NO_XDEV,
} from '#posix'
import { refusal } from './refusal.js'

/** How every name of a mirror is resolved. */
export const beneath =
  RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV

const slash = 0x2f
// What one call takes: PATH_MAX is 4096 with the NUL.
const pieceMax = 4095
// How far above a directory an open one is looked for.
const levelsMax = 64

/**
 * Paths are keys as latin1 strings, one unit for each byte; '' is the root. The least recently used
 * descriptor is closed where there are more than `limit`.
 */
export class Directories {
  readonly #root: number
  readonly #limit: number
  readonly #open = new Map<string, number>()
  // The entry used last is at the end of the map already, and most often wanted again.
  #lastKey = ''

  constructor(root: number, limit = 256) {
    this.#root = root
    this.#limit = limit
  }

  /** The directory that the first `end` bytes of `path` name: a descriptor, -errno or a refusal. */
  at(path: Buffer, end: number): number {
    if (end <= 0) return this.#root
    const key = path.toString('latin1', 0, end)
    const fd = this.#open.get(key)
    if (fd === undefined) return this.#miss(key, path, end)
    if (key === this.#lastKey) return fd
    this.#open.delete(key)
    this.#open.set(key, fd)
    this.#lastKey = key
    return fd
  }

  /** Takes over `fd`, which is open on the directory `key`. */
  put(key: string, fd: number): void {
    this.drop(key)
    this.#open.set(key, fd)
    this.#lastKey = key
    if (this.#open.size > this.#limit) this.drop(this.#open.keys().next().value as string)
  }

  /** Forgets `key` alone. */
  drop(key: string): void {
    const fd = this.#open.get(key)
    if (fd === undefined) return
    close(fd)
    this.#open.delete(key)
    if (key === this.#lastKey) this.#lastKey = ''
  }

  /** Forgets `key` and all below it. */
  dropTree(key: string): void {
    for (const other of this.#open.keys()) if (isBelow(other, key)) this.drop(other)
    this.drop(key)
  }

  dropAll(): void {
    for (const fd of this.#open.values()) close(fd)
    this.#open.clear()
    this.#lastKey = ''
  }

  #miss(key: string, path: Buffer, end: number): number {
    const fd = this.#walk(key, path, end)
    if (fd >= 0) this.put(key, fd)
    return onTheWay(fd)
  }

  // From the nearest directory above that is open, or the root.
  #walk(key: string, path: Buffer, end: number): number {
    let keep = 0
    let cut = key.lastIndexOf('/')
    for (let level = 0; level < levelsMax && cut > 0; level++) {
      const fd = this.#open.get(key.slice(0, cut))
      if (fd !== undefined) return this.#walkFrom(fd, path, cut + 1, 0, end)
      keep = cut
      cut = key.lastIndexOf('/', cut - 1)
    }
    return this.#walkFrom(this.#root, path, 0, cut > 0 ? keep : 0, end)
  }

  // In pieces that one call takes. The directory at `keep`, if not 0, is kept open as well, so that
  // not every path far down is walked from the top. It is not open yet: opening it anew would close
  // a descriptor that the operation at hand may be using.
  #walkFrom(from: number, path: Buffer, begin: number, keep: number, end: number): number {
    let fd = from
    let isOurs = false
    for (let start = begin; start < end;) {
      const last = start < keep ? keep : end
      const stop = last - start <= pieceMax ? last : path.lastIndexOf(slash, start + pieceMax)
      const next = openDirectory(fd, path.subarray(start, stop))
      if (isOurs) close(fd)
      if (next < 0) return next
      isOurs = stop !== keep
      if (!isOurs) this.put(path.toString('latin1', 0, keep), next)
      fd = next
      start = stop + 1
    }
    return fd
  }
}

/** Whether the path `key` lies below `top`, which is not the root. */
export const isBelow = (key: string, top: string): boolean =>
  key.length > top.length && key.charCodeAt(top.length) === slash && key.startsWith(top)

const openDirectory = (at: number, name: Buffer): number =>
  openat2(at, name, O_PATH | O_DIRECTORY, 0, beneath)

/** What an error of walking a path means: only ENOENT may be a tree that merely lacks something. */
export function onTheWay(result: number): number {
  if (result >= 0) return result
  if (result === -errno.ELOOP) return refusal.SYMLINK
  if (result === -errno.ENOTDIR) return refusal.NOT_A_DIRECTORY
  if (result === -errno.EXDEV) return refusal.MOUNTED
  return result
}
