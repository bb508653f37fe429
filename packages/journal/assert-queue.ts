// Assertions that are asked for and have not begun. How many there are is bounded; whole trees wait
// for what is smaller, and not for ever.

import type { AssertRequest } from './walker.js'

const waitingMax = 4096
/** Bytes of their paths. */
const pathsMax = 4 << 20
/** Of those that want the same: several readers may, and one that asks again and again does. */
const equalMax = 16
/** A whole tree may begin after so many that are smaller. */
const flatRunMax = 16

/** By what is wanted, in the order in which it was asked for; each has one request at least. */
type Wanted = Map<string, AssertRequest[]>

export class AssertQueue {
  readonly #flat: Wanted = new Map()
  readonly #deep: Wanted = new Map()
  readonly #ids = new Set<number>()
  #bytes = 0
  // Smaller ones that have begun since a whole tree has.
  #flatRun = 0

  get size(): number {
    return this.#ids.size
  }

  has(id: number): boolean {
    return this.#ids.has(id)
  }

  /**
   * Puts one down. Where there is no room for it, or too many want the same, the oldest of these
   * gives way. False: there are too many.
   */
  add(request: AssertRequest): boolean {
    const all = this.#of(request)
    const key = keyOf(request)
    const equal = all.get(key) ?? []
    const isFull = this.size >= waitingMax || this.#bytes + request.path.length > pathsMax
    if (isFull && equal.length === 0) return false
    if (isFull || equal.length >= equalMax) this.#forget(equal.shift()!)
    equal.push(request)
    all.set(key, equal)
    this.#ids.add(request.id)
    this.#bytes += request.path.length
    return true
  }

  /**
   * The one that is to begin next. `takesDeep`: a whole tree may; `isDeepDue`: it need not wait for
   * what is smaller.
   */
  peek(takesDeep: boolean, isDeepDue: boolean): AssertRequest | undefined {
    const deep = takesDeep ? firstOf(this.#deep) : undefined
    if (deep && (isDeepDue || this.#flatRun >= flatRunMax)) return deep
    return firstOf(this.#flat) ?? deep
  }

  /** Takes out what is to begin next: others that want the same wait for what else there is. */
  take(request: AssertRequest): void {
    const all = this.#of(request)
    const key = keyOf(request)
    const equal = all.get(key)
    if (equal?.[0] !== request) return
    all.delete(key)
    equal.shift()
    if (equal.length > 0) all.set(key, equal)
    this.#forget(request)
    this.#flatRun = request.isDeep ? 0 : this.#flatRun + 1
  }

  clear(): void {
    for (const all of [this.#flat, this.#deep, this.#ids]) all.clear()
    this.#bytes = 0
  }

  #forget({ id, path }: AssertRequest): void {
    this.#ids.delete(id)
    this.#bytes -= path.length
  }

  #of({ isDeep }: AssertRequest): Wanted {
    return isDeep ? this.#deep : this.#flat
  }
}

const firstOf = (all: Wanted): AssertRequest | undefined => {
  const first: AssertRequest[] | undefined = all.values().next().value
  return first?.[0]
}

const keyOf = ({ path, form, offset, length }: AssertRequest) =>
  `${form} ${offset} ${length} ${path.toString('latin1')}`
