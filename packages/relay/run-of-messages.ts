// Messages that lie side by side in memory, given on as one piece.

export class Run {
  #memory: ArrayBufferLike | undefined
  #start = 0
  #end = 0

  /** Takes a message; gives what came before, where it does not follow on that. */
  add({ buffer, byteOffset, length }: Buffer): Buffer | undefined {
    if (buffer === this.#memory && byteOffset === this.#end) {
      this.#end += length
      return undefined
    }
    const before = this.take()
    this.#memory = buffer
    this.#start = byteOffset
    this.#end = byteOffset + length
    return before
  }

  /** What was taken and not given on, if there is anything. */
  take(): Buffer | undefined {
    const memory = this.#memory
    this.#memory = undefined
    return memory && Buffer.from(memory as ArrayBuffer, this.#start, this.#end - this.#start)
  }
}
