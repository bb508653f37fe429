// The names of a directory that are still to be stated, in the order of their bytes, however many:
// compact, and quick to change at any place.

import type { Name } from '#wire'
import { nameEntrySize } from '#wire'

/** Names, one unit for each byte, and the type of each. Never empty, but for the only one. */
interface Block {
  names: string[]
  types: number[]
}

const blockMax = 512

export class NameList {
  readonly #blocks: Block[] = [{ names: [], types: [] }]

  get isEmpty(): boolean {
    return this.#blocks[0]!.names.length === 0
  }

  /** `name` is there, and of `type` (st_mode's bits); 0: it is not there. */
  set(name: string, type: number): void {
    const index = this.#blockOf(name)
    const block = this.#blocks[index]!
    const at = lowerBound(block.names, name)
    if (block.names[at] === name) {
      if (type !== 0) block.types[at] = type
      else this.#remove(index, at)
    } else if (type !== 0) this.#insert(index, at, name, type)
  }

  has(name: string): boolean {
    const { names } = this.#blocks[this.#blockOf(name)]!
    return names[lowerBound(names, name)] === name
  }

  /** Takes out the first ones: as many as have room in a list of `sizeMax` bytes. */
  take(sizeMax: number): Name[] {
    const taken: Name[] = []
    for (let size = 0; !this.isEmpty;) {
      const { names, types } = this.#blocks[0]!
      let count = 0
      for (; count < names.length; count++) {
        const name = Buffer.from(names[count]!, 'latin1')
        if ((size += nameEntrySize(name)) > sizeMax) break
        taken.push({ type: types[count]!, name })
      }
      const isAll = count === names.length
      names.splice(0, count)
      types.splice(0, count)
      if (!isAll) break
      if (this.#blocks.length > 1) this.#blocks.shift()
    }
    return taken
  }

  #insert(index: number, at: number, name: string, type: number): void {
    const { names, types } = this.#blocks[index]!
    names.splice(at, 0, name)
    types.splice(at, 0, type)
    if (names.length <= blockMax) return
    const half = blockMax >> 1
    const next = { names: names.splice(half), types: types.splice(half) }
    this.#blocks.splice(index + 1, 0, next)
  }

  #remove(index: number, at: number): void {
    const { names, types } = this.#blocks[index]!
    names.splice(at, 1)
    types.splice(at, 1)
    if (names.length === 0 && this.#blocks.length > 1) this.#blocks.splice(index, 1)
  }

  // The last one whose first name is not behind `name`.
  #blockOf(name: string): number {
    let [low, high] = [0, this.#blocks.length - 1]
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.#blocks[middle]!.names[0]! <= name) low = middle
      else high = middle - 1
    }
    return low
  }
}

// The first place whose name is not before `name`.
function lowerBound(names: readonly string[], name: string): number {
  let [low, high] = [0, names.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (names[middle]! < name) low = middle + 1
    else high = middle
  }
  return low
}
