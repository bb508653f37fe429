// Lets one task wait until another has something for it.

export class Wake {
  #isSet = false
  #resolve: (() => void) | undefined

  /** Ends the wait that is, or else the next one. */
  set(): void {
    this.#isSet = true
    this.#resolve?.()
  }

  async wait(): Promise<void> {
    if (!this.#isSet) await new Promise<void>((resolve) => (this.#resolve = resolve))
    this.#isSet = false
    this.#resolve = undefined
  }
}
