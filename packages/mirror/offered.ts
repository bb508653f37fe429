// What a source states as data though nobody here has asked for it, as `.tfs/assert` on the mount
// has it do: taken by a mirror that knows that it is wrong somewhere.

export class Offered {
  readonly #paths = new Map<number, Buffer>()

  /** It is taken, from its beginning on. */
  take(id: number, path: Buffer): void {
    this.#paths.set(id, Buffer.from(path))
  }

  has(id: number): boolean {
    return this.#paths.has(id)
  }

  /** It is of all there is, so that each link is stated. */
  isWhole(id: number): boolean {
    return this.#paths.get(id)?.length === 0
  }

  /** Whether it was taken, and was of all there is. */
  ends(id: number): boolean {
    const isWhole = this.isWhole(id)
    this.#paths.delete(id)
    return isWhole
  }

  /** None of them will come to its end. */
  clear(): void {
    this.#paths.clear()
  }
}
