// A set of which most have one member, without a Set for that.

export class Few<T> {
  #one: T | undefined
  #more: Set<T> | undefined

  get size(): number {
    return this.#more?.size ?? (this.#one === undefined ? 0 : 1)
  }

  has(item: T): boolean {
    return this.#more?.has(item) ?? this.#one === item
  }

  add(item: T): void {
    if (this.has(item)) return
    if (this.#more) this.#more.add(item)
    else if (this.#one === undefined) this.#one = item
    else (this.#more ??= new Set([this.#one as T])).add(item)
  }

  delete(item: T): void {
    if (this.#more) this.#more.delete(item)
    else if (this.#one === item) this.#one = undefined
  }

  clear(): void {
    this.#one = this.#more = undefined
  }

  [Symbol.iterator](): Iterator<T> {
    const one = this.#one === undefined ? [] : [this.#one]
    return (this.#more ?? one).values()
  }
}
