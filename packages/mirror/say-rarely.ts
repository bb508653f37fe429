// Lines for people about what may happen a million times: the first ones, then a few a minute.

const burst = 10
const everyMs = 10_000

export class SayRarely {
  readonly #say: (line: string) => void
  #left = burst
  #held = 0
  #since = performance.now()

  constructor(say: (line: string) => void) {
    this.#say = say
  }

  say(line: string): void {
    if (performance.now() - this.#since >= everyMs) this.#renew()
    if (this.#left > 0) {
      this.#left--
      this.#say(line)
    } else this.#held++
  }

  /** Says how many lines were held back. */
  close(): void {
    if (this.#held > 0) this.#say(`and ${this.#held} more of the kind`)
    this.#held = 0
  }

  #renew(): void {
    this.close()
    this.#left = 1
    this.#since = performance.now()
  }
}
