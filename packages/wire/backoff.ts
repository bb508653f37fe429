// How long to wait before the next try: twice as long each time, and never all at the same moment.

const firstMs = 100
const lastMs = 30_000

export class Backoff {
  readonly #random: () => number
  #nextMs = firstMs

  constructor(random: () => number = Math.random) {
    this.#random = random
  }

  /** Milliseconds: between half and all of 0.1 s, 0.2 s … 30 s. */
  next(): number {
    const limitMs = this.#nextMs
    this.#nextMs = Math.min(lastMs, 2 * limitMs)
    return (limitMs / 2) * (1 + this.#random())
  }

  /** It went well: the next failure is a first one. */
  reset(): void {
    this.#nextMs = firstMs
  }
}
