// Lines about what may happen again and again: one a minute, and how many there were.

const everyMs = 60_000

export class SaySeldom {
  readonly #log: (what: string, why: string) => void
  #heldBack = 0
  #what = ''
  #saidMs = -Infinity

  constructor(log: (what: string, why: string) => void) {
    this.#log = log
  }

  say(what: string, why: string): void {
    if (performance.now() - this.#saidMs < everyMs) {
      this.#heldBack++
      return
    }
    this.#saidMs = performance.now()
    this.#what = what
    this.#log(what, this.#heldBack > 0 ? `${why} (and ${this.#heldBack} times before)` : why)
    this.#heldBack = 0
  }

  /** Says how many were left out, at the end. */
  close(): void {
    if (this.#heldBack > 0)
      this.#log(this.#what, `${this.#heldBack} more lines of the kind were left out`)
    this.#heldBack = 0
  }
}
