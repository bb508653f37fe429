// A directory that is being stated: which of its names are not yet. It is read over many steps, and
// meanwhile, and after, operations are followed into it: it holds what is there.

import type { Name } from '#wire'
import { NameList } from './name-list.js'

export class Listing {
  /** All of the directory has been read. */
  isRead = false
  readonly #names = new NameList()
  // What was removed before it was read, and must not be believed if it is read after all.
  readonly #gone = new Set<string>()
  #isBegun = false
  #upto = ''

  /** Whether a list of names has been stated: the directory itself is, then. */
  get isBegun(): boolean {
    return this.#isBegun
  }

  /** The last name that is stated. */
  get upto(): Buffer {
    return Buffer.from(this.#upto, 'latin1')
  }

  /** Whether what is called so (one unit for each byte) is still to be stated. */
  covers(name: string): boolean {
    return !this.#isBegun || name > this.#upto
  }

  /** A name was read from the directory. */
  read(name: string, type: number): void {
    if (!this.#gone.has(name) && !this.#names.has(name)) this.#names.set(name, type)
  }

  readAll(): void {
    this.isRead = true
    this.#gone.clear()
  }

  /** An operation was about that name: by now it is there, and of `type`, or (0) it is not. */
  follow(name: string, type: number): void {
    if (!this.covers(name)) return
    this.#names.set(name, type)
    if (this.isRead) return
    if (type === 0) this.#gone.add(name)
    else this.#gone.delete(name)
  }

  /** The next names, of so many bytes as a list; and whether they are the last. */
  take(sizeMax: number): { names: Name[]; isLast: boolean } {
    const names = this.#names.take(sizeMax)
    const last = names.at(-1)
    if (last) this.#upto = last.name.toString('latin1')
    this.#isBegun = true
    return { names, isLast: this.#names.isEmpty }
  }
}
