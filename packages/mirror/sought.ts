// Why a mirror would end, while it asks its source to state what there is instead.

import type { MirrorError } from './mirror-error.js'

/** How long the source may take to begin before that is said, and before the mirror ends. */
const [sayMs, patienceMs] = [10_000, 600_000]

export class Sought {
  #error: MirrorError | undefined
  #sinceMs = 0
  #isSaid = false

  get isThere(): boolean {
    return this.#error !== undefined
  }

  begin(error: MirrorError): void {
    this.#error = error
    this.#sinceMs = performance.now()
    this.#isSaid = false
  }

  end(): void {
    this.#error = undefined
  }

  /** Throws where it did not come. */
  check(): void {
    if (this.#error) throw this.#error
  }

  /** For now and then: says once that it waits. Throws where that has taken too long. */
  poll(say: (line: string) => void): void {
    if (!this.#error) return
    const waitedMs = performance.now() - this.#sinceMs
    if (waitedMs > patienceMs) throw this.#error
    if (waitedMs > sayMs && !this.#isSaid) {
      this.#isSaid = true
      say(`waits for the source to begin, for ${patienceMs / 60_000} minutes at most`)
    }
  }
}
