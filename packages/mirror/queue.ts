// What waits for its turn, however much that is. Most that wait do so alone, without an array.

export class Queue<T> {
  // Undefined where nothing waits.
  #first: T | undefined
  #rest: T[] | undefined
  #head = 0

  get first(): T | undefined {
    return this.#first
  }

  push(item: T): void {
    if (this.#first === undefined) this.#first = item
    else (this.#rest ??= []).push(item)
  }

  shift(): void {
    const rest = this.#rest
    this.#first = rest?.[this.#head]
    if (!rest) return
    this.#head++
    if (this.#head * 2 < rest.length) return
    this.#rest = this.#head < rest.length ? rest.slice(this.#head) : undefined
    this.#head = 0
  }
}
