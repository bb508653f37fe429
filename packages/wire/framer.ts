// Cuts a stream of bytes, which arrives in any pieces, into whole messages. Looks at sizes only.

import assert from 'node:assert'
import { isSize } from './header.js'
import { messageSizeMax } from './limits.js'
import { WireError } from './wire-error.js'

/**
 * Give it pieces with `push`, take messages with `next` until it yields undefined. Messages are
 * views of the pieces (or of its own buffer, where one came in several), so a piece must not change
 * while its messages are in use. Keeps less than one message.
 */
export class Framer {
  /** Bytes of all messages that `next` has yielded. */
  offset = 0
  #piece: Buffer = Buffer.alloc(0)
  #at = 0
  // The start of a message whose rest has not come yet.
  #carry = Buffer.alloc(0)
  #carried = 0

  /** Bytes of an unfinished message. */
  get pending(): number {
    return this.#carried + this.#piece.length - this.#at
  }

  /** Takes the next bytes. All messages of the piece before have been taken with `next`. */
  push(piece: Buffer): void {
    this.#hold()
    this.#piece = piece
    this.#at = 0
  }

  /** The next whole message, or undefined where more bytes are needed. Throws WireError. */
  next(): Buffer | undefined {
    const message = this.#carried ? this.#nextCarried() : this.#nextWhole()
    if (message) this.offset += message.length
    return message
  }

  #nextWhole(): Buffer | undefined {
    const left = this.#piece.length - this.#at
    if (left < 4) return undefined
    const size = this.#sized(this.#piece, this.#at)
    if (size > left) return undefined
    const start = this.#at
    this.#at += size
    return this.#piece.subarray(start, start + size)
  }

  #nextCarried(): Buffer | undefined {
    if (this.#carried < 4 && !this.#fill(4)) return undefined
    const size = this.#sized(this.#carry, 0)
    if (!this.#fill(size)) return undefined
    const message = this.#carry.subarray(0, size)
    this.#carry = Buffer.alloc(0)
    this.#carried = 0
    return message
  }

  // Moves bytes of the piece behind the carried ones until there are `size` of them.
  #fill(size: number): boolean {
    const take = Math.min(size - this.#carried, this.#piece.length - this.#at)
    this.#grow(this.#carried + take)
    this.#piece.copy(this.#carry, this.#carried, this.#at, this.#at + take)
    this.#carried += take
    this.#at += take
    return this.#carried === size
  }

  // What is left of the piece begins a message that the next piece goes on with.
  #hold(): void {
    const left = this.#piece.length - this.#at
    if (left === 0) return
    const isTaken = this.#carried > 0 || left < 4 || this.#piece.readUInt32LE(this.#at) > left
    assert(isTaken, 'messages of the last piece are not taken')
    this.#fill(this.#carried + left)
  }

  #grow(size: number): void {
    if (size <= this.#carry.length) return
    const room = Math.min(messageSizeMax, Math.max(size, 2 * this.#carry.length, 64 << 10))
    const grown = Buffer.allocUnsafe(room)
    this.#carry.copy(grown, 0, 0, this.#carried)
    this.#carry = grown
  }

  #sized(buffer: Buffer, at: number): number {
    const size = buffer.readUInt32LE(at)
    if (isSize(size)) return size
    throw new WireError('EWIRE_SIZE', `a message cannot have ${size} bytes`, {
      offset: this.offset,
    })
  }
}
