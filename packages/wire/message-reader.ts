// A stream as a reader takes it that trusts nothing: pieces of bytes in; messages out, whole,
// checked, decoded and in order.

import { decodeAny, type AnyMessage } from './codec.js'
import { Framer } from './framer.js'
import { Numbering } from './numbering.js'
import { WireError } from './wire-error.js'

/** Give it pieces with `push`, take messages with `next` until it yields undefined, then `end`. */
export class MessageReader {
  /** The epoch and number of the last message. */
  readonly numbering = new Numbering()
  /** Bytes before the last message. */
  offset = 0
  /** The last message; Buffers in it are views of its bytes. */
  message: AnyMessage | undefined
  readonly #framer = new Framer()

  /** Takes the next bytes; they must not change while messages in them are in use. */
  push(piece: Buffer): void {
    this.#framer.push(piece)
  }

  /** The bytes of the next message, or undefined where more are needed. Throws WireError. */
  next(): Buffer | undefined {
    this.offset = this.#framer.offset
    try {
      const bytes = this.#framer.next()
      if (!bytes) return undefined
      this.message = decodeAny(bytes)
      this.numbering.check(this.message)
      return bytes
    } catch (error) {
      throw this.#placed(error)
    }
  }

  /** There are no more bytes. Throws WireError where the stream may not end here. */
  end(): void {
    this.offset = this.#framer.offset
    try {
      this.numbering.end(this.#framer.pending)
    } catch (error) {
      throw this.#placed(error)
    }
  }

  #placed(error: unknown): unknown {
    return error instanceof WireError ? error.at({ offset: this.offset }) : error
  }
}
