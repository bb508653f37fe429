// The content of the file that an assertion states in pieces: several are read ahead of it.

import { close } from '#posix'
import { blockSize } from './content-slots.js'
import type { Contents, Piece } from './contents.js'
import type { InodeKey } from './node.js'

const aheadMax = 8
/** So often what was read may turn out to be changed meanwhile. */
const discardsMax = 3

/** A descriptor that several read from. */
interface Opened {
  readonly fd: number
  uses: number
}

export class FileBlocks {
  readonly #contents: Contents
  readonly #wantsData: boolean
  #pieces: Piece[] = []
  #file: Opened | undefined
  #key: InodeKey | undefined
  // Of the piece that is wanted now.
  #discards = 0
  /** Pieces that had changed by the time they were read. */
  reread = 0

  constructor(contents: Contents, wantsData: boolean) {
    this.#contents = contents
    this.#wantsData = wantsData
  }

  /**
   * `length` bytes from `at` on of the file `key`, of which more is wanted up to `end`. 'waits': it
   * is not read yet. A number: the file is to be read from there at once, by the descriptor, since
   * others write to it all the time; or -errno.
   */
  get(
    key: InodeKey,
    at: number,
    length: number,
    end: number,
    open: () => number,
  ): Piece | number | 'waits' {
    const file = this.#use(key, open)
    if (typeof file === 'number') return file
    const found = this.#covering(at)
    if (found && !this.#isGood(found, at, length)) {
      this.#drop(found)
      // What cannot be read says why to who reads it at once.
      if (found.isStale) this.#discards++
      else if (found.result < 0) this.#discards = discardsMax
      if (found.isStale) this.reread++
    }
    if (this.#discards >= discardsMax) return file.fd
    // A hash is of exactly these bytes.
    const needed = this.#wantsData ? Math.min(blockEnd(at), end) - at : length
    const piece = this.#covering(at) ?? this.#ask(file, at, needed, true)
    for (let next = blockEnd(at); next < Math.min(end, at + aheadMax * blockSize);) {
      const size = Math.min(blockSize, end - next)
      if (!this.#covering(next) && !this.#ask(file, next, size, false)) break
      next += blockSize
    }
    return piece?.isDone ? piece : 'waits'
  }

  /** What is before `at` has been stated. */
  passed(at: number): void {
    this.#discards = 0
    for (const piece of this.#pieces) if (piece.offset + piece.length <= at) this.#drop(piece)
  }

  close(): void {
    for (const piece of this.#pieces) this.#drop(piece)
    if (this.#file) unuse(this.#file)
    this.#file = undefined
    this.#key = undefined
    this.#discards = 0
  }

  #use(key: InodeKey, open: () => number): Opened | number {
    if (this.#file && this.#key === key) return this.#file
    this.close()
    const fd = open()
    if (fd < 0) return fd
    this.#key = key
    return (this.#file = { fd, uses: 1 })
  }

  #ask(file: Opened, offset: number, length: number, isNeeded: boolean): Piece | undefined {
    const done = () => unuse(file)
    const range = { offset, length }
    const wantsData = this.#wantsData
    const piece = this.#contents.block(this.#key!, file.fd, range, wantsData, isNeeded, done)
    if (!piece) return undefined
    file.uses++
    this.#pieces.push(piece)
    return piece
  }

  #covering(at: number): Piece | undefined {
    return this.#pieces.find(({ offset, length }) => offset <= at && at < offset + length)
  }

  #isGood({ result, isStale, offset, length: read }: Piece, at: number, length: number): boolean {
    if (result < 0 || isStale) return false
    return this.#wantsData ? at + length <= offset + read : at === offset && length === read
  }

  #drop(piece: Piece): void {
    this.#pieces = this.#pieces.filter((one) => one !== piece)
    this.#contents.release(piece)
  }
}

const blockEnd = (at: number) => at - (at % blockSize) + blockSize

function unuse(file: Opened): void {
  if (--file.uses === 0) close(file.fd)
}
