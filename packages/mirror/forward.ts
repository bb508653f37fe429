// What was applied goes on to the next reader, with the very bytes, no faster than it is taken.

import type { Writable } from 'node:stream'
import { MirrorError } from './mirror-error.js'

const graceMs = 2000

export class Forward {
  readonly #output: Writable
  readonly #pieces: Buffer[] = []
  readonly #signal: AbortSignal | undefined
  #failure: Error | undefined

  /**
   * Once `signal` aborts, a reader that takes nothing is not waited for any longer than a moment.
   */
  constructor(output: Writable, signal?: AbortSignal) {
    this.#output = output
    this.#signal = signal
    output.on('error', (cause: Error) => {
      const reason = `the stream cannot be passed on: ${cause.message}`
      this.#failure = new MirrorError('EMIRROR_OUTPUT', reason, { cause })
    })
  }

  /** Keeps a message, a view of what was read, until `flush`. */
  add(message: Buffer): void {
    const last = this.#pieces.at(-1)
    // Neighbours in memory go out as one.
    if (
      last &&
      last.buffer === message.buffer &&
      last.byteOffset + last.length === message.byteOffset
    )
      this.#pieces[this.#pieces.length - 1] = Buffer.from(
        last.buffer,
        last.byteOffset,
        last.length + message.length,
      )
    else this.#pieces.push(message)
  }

  /**
   * Passes on what was added; waits until there is room for more. Throws MirrorError
   * EMIRROR_OUTPUT.
   */
  async flush(): Promise<void> {
    this.hand()
    if (this.#output.writableNeedDrain && !this.#failure) await this.#until('drain')
    if (this.#failure) throw this.#failure
  }

  /** Passes on what was added, without waiting. */
  hand(): void {
    for (const piece of this.#pieces.splice(0)) this.#output.write(piece)
  }

  /** Everything is out, or never will be. Throws MirrorError EMIRROR_OUTPUT. */
  async end(): Promise<void> {
    await this.flush()
    this.#output.end()
    if (!this.#output.writableFinished) await this.#until('finish')
    if (this.#failure) throw this.#failure
  }

  // An error closes the output as well.
  #until(event: 'drain' | 'finish'): Promise<void> {
    return new Promise((resolve) => {
      let timer: NodeJS.Timeout | undefined
      const hurry = () => (timer ??= setTimeout(done, graceMs))
      const done = () => {
        clearTimeout(timer)
        this.#signal?.removeEventListener('abort', hurry)
        for (const name of [event, 'close']) this.#output.removeListener(name, done)
        resolve()
      }
      for (const name of [event, 'close']) this.#output.once(name, done)
      this.#signal?.addEventListener('abort', hurry)
      if (this.#signal?.aborted) hurry()
    })
  }
}
