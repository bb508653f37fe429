// Assertions that are asked for and have not begun. How many there are is bounded, and whole trees
// wait for what is smaller.

import type { AssertRequest } from './walker.js'

const waitingMax = 4096
/** Bytes of their paths. */
const pathsMax = 4 << 20

export class AssertQueue {
  // By what is wanted, in the order in which it was asked for first.
  readonly #flat = new Map<string, AssertRequest>()
  readonly #deep = new Map<string, AssertRequest>()
  readonly #ids = new Set<number>()
  #bytes = 0

  get size(): number {
    return this.#ids.size
  }

  has(id: number): boolean {
    return this.#ids.has(id)
  }

  /**
   * Puts one down, in place of one that wants the same: who asks again has given up the first.
   * False: there are too many.
   */
  add(request: AssertRequest): boolean {
    const all = this.#of(request)
    const key = keyOf(request)
    const before = all.get(key)
    const bytes = this.#bytes + request.path.length
    if (before) this.#ids.delete(before.id)
    else if (this.size >= waitingMax || bytes > pathsMax) return false
    else this.#bytes = bytes
    this.#ids.add(request.id)
    all.set(key, request)
    return true
  }

  /** The one that is to begin next; `takesDeep`: a whole tree may. */
  peek(takesDeep: boolean): AssertRequest | undefined {
    const next: AssertRequest | undefined = this.#flat.values().next().value
    return next ?? (takesDeep ? this.#deep.values().next().value : undefined)
  }

  remove(request: AssertRequest): void {
    if (!this.#ids.delete(request.id)) return
    this.#of(request).delete(keyOf(request))
    this.#bytes -= request.path.length
  }

  clear(): void {
    for (const all of [this.#flat, this.#deep, this.#ids]) all.clear()
    this.#bytes = 0
  }

  #of({ isDeep }: AssertRequest): Map<string, AssertRequest> {
    return isDeep ? this.#deep : this.#flat
  }
}

const keyOf = ({ path, form, offset, length }: AssertRequest) =>
  `${form} ${offset} ${length} ${path.toString('latin1')}`
