// The memory that the session's thread shares with the threads that read and hash content for it:
// a slot for each job, and the order in which they are to be done. Both sides declare it here.

import { limits } from '#wire'

/** Jobs that are asked for, under way, or whose result nobody has let go of: a power of two. */
export const slotsMax = 64
/** Bytes that one job reads at most. */
export const blockSize = limits.dataSizeMax

/** Int32 at the beginning. `awaited`: how many are to be done until the loop is woken. */
export const control = { put: 0, taken: 1, awaited: 2, isClosing: 3, order: 4 } as const

/** Int32 of a slot. Sizes are two halves, the low one first. */
export const field = {
  isDone: 0,
  /** See jobKind. */
  kind: 1,
  /** Whether the bytes are wanted; else their hash. */
  wantsData: 2,
  /** The file, or for `jobKind.FILE` the directory. */
  fd: 3,
  nameLength: 4,
  offset: 5,
  /** What is to be read; of a FILE, no more than that. Then what was read. */
  length: 7,
  /** 0 or -errno. */
  result: 8,
  /** Of a FILE: what it is. A larger one is not read. */
  size: 9,
  inoLow: 11,
  inoHigh: 12,
  devMajor: 13,
  devMinor: 14,
} as const

/** FILE: all of the regular file of a name in a directory. BLOCK: a part of an open one. */
export const jobKind = { FILE: 0, BLOCK: 1 } as const

const headWords = 4 + slotsMax
const slotWords = 16
const smallSize = 256
const half = 0x100000000

export class ContentSlots {
  readonly shared: SharedArrayBuffer
  readonly words: Int32Array
  readonly #smallAt = 4 * (headWords + slotsMax * slotWords)

  constructor(shared?: SharedArrayBuffer) {
    const size = this.#smallAt + slotsMax * (smallSize + blockSize)
    this.shared = shared ?? new SharedArrayBuffer(size)
    this.words = new Int32Array(this.shared, 0, this.#smallAt / 4)
  }

  /** Where in `words` a field of a slot is. */
  at(slot: number, name: keyof typeof field): number {
    return headWords + slot * slotWords + field[name]
  }

  get(slot: number, name: keyof typeof field): number {
    return this.words[this.at(slot, name)]!
  }

  set(slot: number, name: keyof typeof field, value: number): void {
    this.words[this.at(slot, name)] = value
  }

  size(slot: number, name: 'offset' | 'size'): number {
    const at = this.at(slot, name)
    return (this.words[at]! >>> 0) + this.words[at + 1]! * half
  }

  setSize(slot: number, name: 'offset' | 'size', value: number): void {
    const at = this.at(slot, name)
    this.words[at] = value % half
    this.words[at + 1] = Math.floor(value / half)
  }

  /** The name that is to be read, then the hash. */
  small(slot: number): Buffer {
    return Buffer.from(this.shared, this.#smallAt + slot * smallSize, smallSize)
  }

  data(slot: number): Buffer {
    const at = this.#smallAt + slotsMax * smallSize + slot * blockSize
    return Buffer.from(this.shared, at, blockSize)
  }
}
