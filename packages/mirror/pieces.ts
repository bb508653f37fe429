// Parts of one file's content, found by their place however many there are.

import { limits } from '#wire'

export interface Piece {
  readonly offset: number
  /** 0: the whole file. */
  length: number
}

/** Pieces are about as long as a message's data. */
const grain = limits.dataSizeMax

export class Pieces<P extends Piece> {
  // Most files have one piece, which needs no map.
  #one: P | undefined
  #buckets: Map<number, Map<number, P>> | undefined
  #lengthMax = grain
  size = 0

  at(offset: number): P | undefined {
    if (!this.#buckets) return this.#one?.offset === offset ? this.#one : undefined
    return this.#buckets.get(Math.floor(offset / grain))?.get(offset)
  }

  /** There is none at its offset. */
  add(piece: P): void {
    this.#lengthMax = Math.max(this.#lengthMax, piece.length)
    this.size++
    if (this.size === 1 && !this.#buckets) {
      this.#one = piece
      return
    }
    this.#put(piece)
    if (this.#one) this.#put(this.#one)
    this.#one = undefined
  }

  #put(piece: P): void {
    this.#buckets ??= new Map()
    const key = Math.floor(piece.offset / grain)
    const bucket = this.#buckets.get(key) ?? new Map<number, P>()
    this.#buckets.set(key, bucket.set(piece.offset, piece))
  }

  delete({ offset }: P): void {
    if (this.#one?.offset === offset) {
      this.#one = undefined
      this.size--
    }
    const key = Math.floor(offset / grain)
    const bucket = this.#buckets?.get(key)
    if (!bucket?.delete(offset)) return
    if (bucket.size === 0) this.#buckets?.delete(key)
    this.size--
  }

  /** A piece was made longer. */
  grown({ length }: P): void {
    this.#lengthMax = Math.max(this.#lengthMax, length)
  }

  /** Those that have bytes there; one that is of the whole file always. */
  overlapping(offset: number, length: number): P[] {
    const end = offset + length
    const first = Math.max(0, Math.floor((offset - this.#lengthMax) / grain))
    const all = this.#between(first, Math.floor(end / grain))
    return all.filter((one) =>
      one.length === 0 ? true : one.offset < end && one.offset + one.length > offset,
    )
  }

  /** Those of which all is there. */
  within(offset: number, length: number): P[] {
    const end = offset + length
    const all = this.#between(Math.floor(offset / grain), Math.floor(end / grain))
    return all.filter(
      (one) => one.length > 0 && one.offset >= offset && one.offset + one.length <= end,
    )
  }

  #between(first: number, last: number): P[] {
    if (!this.#buckets) return this.#one ? [this.#one] : []
    const found: P[] = []
    if (last - first >= this.#buckets.size)
      for (const bucket of this.#buckets.values()) found.push(...bucket.values())
    else
      for (let key = first; key <= last; key++)
        for (const one of this.#buckets.get(key)?.values() ?? []) found.push(one)
    return found
  }
}
