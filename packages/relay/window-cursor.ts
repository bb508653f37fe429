// Where one client is in the window: what is to be written next, and what of it is written.

import assert from 'node:assert'
import type { Block, StreamPlace, Window } from './window.js'

/** A place in the window, between two messages. */
export interface WindowPlace {
  readonly block: Block
  readonly offset: number
  /** Messages of the stream before it. */
  readonly messages: number
}

/** Whole messages, and the place behind them. */
export interface Taken {
  readonly bytes: Buffer
  readonly messages: number
  readonly end: StreamPlace
}

export class WindowCursor {
  /** Bytes and messages of the stream before what is to be taken next. */
  next = 0
  messages = 0
  /** Bytes of the stream before what is not written. */
  position = 0
  readonly #window: Window
  // What is to be taken next; nothing while it is elsewhere.
  #block: Block | undefined
  #offset = 0
  // Where the bytes that are being written lie.
  #source: Block | undefined

  constructor(window: Window) {
    this.#window = window
  }

  get isAttached(): boolean {
    return this.#block !== undefined
  }

  /** Goes to where the stream is. */
  toEnd(): void {
    const { last } = this.#window
    this.to({ block: last, offset: last.end, messages: last.messages })
  }

  to({ block, offset, messages }: WindowPlace): void {
    assert(!this.#source)
    // First the new place, so that its block stays.
    block.cursors++
    this.detach()
    this.#block = block
    this.#offset = offset
    this.next = this.position = block.position - (block.end - offset)
    this.messages = messages
  }

  /** Where what is to be taken next is. */
  get place(): WindowPlace | undefined {
    const block = this.#block
    return block && { block, offset: this.#offset, messages: this.messages }
  }

  /** Leaves the window, whose blocks may then be used for something else. */
  detach(): void {
    const block = this.#block
    if (!block) return
    block.cursors--
    this.#block = undefined
    this.#window.trim()
  }

  /** The next bytes, where there are any; until they are `written` they stay. */
  take(): Taken | undefined {
    const block = this.#advance()
    if (!block || this.#offset === block.end) return undefined
    const bytes = block.data.subarray(this.#offset, block.end)
    const messages = block.messages - this.messages
    this.#offset = block.end
    this.next = block.position
    this.messages = block.messages
    this.#source = block
    block.writes++
    return { bytes, messages, end: block }
  }

  /** What was taken is not needed any more. */
  written(): void {
    if (!this.#source) return
    this.#source.writes--
    this.#window.recycle(this.#source)
    this.#source = undefined
    this.position = this.next
  }

  #advance(): Block | undefined {
    const block = this.#block
    if (!block?.next || this.#offset < block.end) return block
    const { next } = block
    block.cursors--
    next.cursors++
    this.#block = next
    this.#offset = 0
    this.#window.trim()
    return next
  }
}
