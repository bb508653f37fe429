// The files that an assertion comes to next are read ahead of it, as far as their directories have
// been listed. It is a guess: what was not meant, or has changed since, counts for nothing.

import { close } from '#posix'
import type { Name } from '#wire'
import type { Contents, Piece } from './contents.js'
import type { InodeKey } from './node.js'
import { childOf } from './pending.js'
import { openDirectory } from './walk-place.js'

interface Listed {
  readonly path: Buffer
  readonly names: readonly Name[]
  /** More of them are listed when these are stated. */
  readonly hasMore: boolean
  /** The first of them that is not asked for, nor passed. */
  at: number
  /** A descriptor, while it is used; else -1. */
  fd: number
  uses: number
}

interface Asked {
  readonly path: Buffer
  readonly piece: Piece
}

/** Levels of directories. */
const levelsMax = 16
/** Files that are asked for and not stated yet. */
const askedMax = 32
const directory = 4 << 12
const file = 8 << 12
const slash = 0x2f

export class LookAhead {
  readonly #contents: Contents
  readonly #how: { readonly rootFd: number; readonly sizeMax: number; readonly wantsData: boolean }
  // What is deeper comes later.
  readonly #levels: Listed[] = []
  readonly #asked: Asked[] = []
  // Since something was found.
  #misses = 0
  #missed: Buffer | undefined

  /** Files of more than `sizeMax` bytes are not read. */
  constructor(contents: Contents, how: { rootFd: number; sizeMax: number; wantsData: boolean }) {
    this.#contents = contents
    this.#how = how
  }

  /** Names of the directory at `path` were listed, and come next. */
  enter(path: Buffer, names: readonly Name[], hasMore: boolean): void {
    const cut = path.lastIndexOf(slash)
    const above = path.subarray(0, Math.max(0, cut))
    while (this.#levels.length > 0 && !this.#levels.at(-1)!.path.equals(above)) this.#leave()
    const parent = this.#levels.at(-1)
    if (parent) this.#pass(parent, path.subarray(cut + 1))
    if (this.#levels.length === levelsMax) release(this.#levels.shift()!)
    const next = names.filter(({ type }) => type === directory || type === file)
    this.#levels.push({ path, names: next, hasMore, at: 0, fd: -1, uses: 1 })
  }

  /** Asks for as much as may be asked for now; many at once, since waking a thread takes time. */
  fill(): void {
    if (this.#asked.length > askedMax / 2) return
    this.#askMore()
    this.#contents.start()
  }

  #askMore(): void {
    while (this.#asked.length < askedMax && this.#contents.hasRoom) {
      const level = this.#levels.at(-1)
      if (!level) return
      const next = level.names[level.at]
      if (!next && level.hasMore) return
      if (!next) {
        this.#leave()
        continue
      }
      // What is in it comes first.
      if (next.type === directory || !this.#ask(level, next.name)) return
      level.at++
    }
  }

  /** What was read of the file `key`, which is stated now, at `path`; it may be stale. */
  find(path: Buffer, key: InodeKey): Piece | undefined {
    const i = this.#asked.findIndex((one) => one.path.equals(path))
    if (i < 0) {
      this.#miss(path)
      const level = this.#levels.at(-1)
      const cut = path.lastIndexOf(slash)
      if (level?.path.equals(path.subarray(0, Math.max(0, cut))))
        this.#pass(level, path.subarray(cut + 1))
      return undefined
    }
    this.#missed = undefined
    this.#misses = 0
    this.#drop(i)
    const { piece } = this.#asked[0]!
    if (!piece.isDone || (piece.result === 0 && piece.key === key)) return piece
    this.#drop(1)
    return undefined
  }

  /** The file at `path` has been stated: neither it nor what comes before it is wanted any more. */
  passed(path: Buffer): void {
    this.#drop(1 + this.#asked.findIndex((one) => one.path.equals(path)))
  }

  close(): void {
    this.#drop(this.#asked.length)
    while (this.#levels.length > 0) this.#leave()
  }

  #ask(level: Listed, name: Buffer): boolean {
    const { rootFd, sizeMax, wantsData } = this.#how
    if (level.fd < 0) level.fd = openDirectory(rootFd, level.path)
    // It is elsewhere by now, or gone: nothing in it is met there.
    if (level.fd < 0) {
      level.at = level.names.length
      return true
    }
    const done = () => release(level)
    const piece = this.#contents.ahead(level.fd, name, sizeMax, wantsData, done)
    if (!piece) return false
    level.uses++
    this.#asked.push({ path: childOf(level.path, name), piece })
    return true
  }

  // Where so many others come, what was asked for was no good guess.
  #miss(path: Buffer): void {
    if (this.#missed?.equals(path)) return
    this.#missed = path
    if (++this.#misses > askedMax) this.#drop(this.#asked.length)
  }

  // What is called so, or comes before it, is not to be asked for any more.
  #pass(level: Listed, name: Buffer): void {
    const { names } = level
    while (level.at < names.length && Buffer.compare(names[level.at]!.name, name) <= 0) level.at++
  }

  #leave(): void {
    release(this.#levels.pop()!)
  }

  #drop(count: number): void {
    if (count === 0) return
    for (const { piece } of this.#asked.splice(0, count)) this.#contents.release(piece)
  }
}

function release(level: Listed): void {
  if (--level.uses > 0) return
  if (level.fd >= 0) close(level.fd)
  level.fd = -1
}
