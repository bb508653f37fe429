// Lines about what may happen again and again: one a minute, and how many there were.

const everyMs = 60_000

export class SaySeldom {
  readonly #log: (what: string, why: string) => void
  #heldBack = 0
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
    this.#log(what, this.#heldBack > 0 ? `${why} (${this.#heldBack} more such lines before)` : why)
    this.#heldBack = 0
  }

  /** Says how many were left out, at the end. */
  close(): void {
    if (this.#heldBack > 0) this.#log('the log', `${this.#heldBack} lines were left out`)
    this.#heldBack = 0
  }
}
