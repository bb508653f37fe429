// What was applied goes on to the next reader, with the very bytes, no faster than it is taken.

import type { Writable } from 'node:stream'
import { MirrorError } from './mirror-error.js'

export class Forward {
  readonly #output: Writable
  readonly #pieces: Buffer[] = []
  #failure: Error | undefined

  constructor(output: Writable) {
    this.#output = output
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
    let hasRoom = true
    for (const piece of this.#pieces.splice(0)) hasRoom = this.#output.write(piece)
    if (!hasRoom && !this.#failure) await this.#room()
    if (this.#failure) throw this.#failure
  }

  /** Everything is out, or never will be. */
  async end(): Promise<void> {
    await this.flush()
    await new Promise<void>((resolve) => {
      this.#output.once('error', resolve)
      this.#output.end(resolve)
    })
    if (this.#failure) throw this.#failure
  }

  #room(): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#output.removeListener('drain', done)
        this.#output.removeListener('close', done)
        resolve()
      }
      this.#output.once('drain', done)
      this.#output.once('close', done)
    })
  }
}
