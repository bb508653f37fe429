// What a reader checks of the order of messages: one epoch at a time, numbers without gaps, an end
// that says that it is one.

import type { AnyMessage, Message } from './codec.js'
import { flag, isRequest, messageTable } from './message-table.js'
import { WireError } from './wire-error.js'

export interface Position {
  readonly epoch: number
  readonly seq: number
}

/** Follows a stream's numbering; `check` each message in turn, then `end`. */
export class Numbering {
  /** 0 until the first hello. */
  epoch = 0
  /** The last seq, 0 until the first hello. */
  seq = 0
  /** A bye or abort was the last message. */
  ended = false
  /**
   * The reader has asked for what follows a position: until the answer has come nothing counts, and
   * an answer is an error at any other time.
   */
  subscribing = false
  // The answer has come: whether its position ends an epoch is not known.
  #subscribed = false
  // A hello may be one that a relay kept, as may what follows with RETAIN: then the numbers begin
  // with the message after them.
  #joining = false

  /** Throws WireError where `message` cannot come next. */
  check(message: AnyMessage): void {
    const { name, seq, epoch, flags } = message
    if (flags & flag.HOP) return this.#hop(message)
    if (this.subscribing) return
    if (name !== 'unknown' && isRequest(messageTable[name].type))
      throw new WireError('EWIRE_ORDER', `a request (${name}) within a stream`, { seq })
    if (message.name === 'hello') return this.#hello(message)
    if (this.epoch === 0) throw new WireError('EWIRE_ORDER', 'no hello before it', { seq })
    if (epoch !== this.epoch)
      throw new WireError('EWIRE_EPOCH', `is of epoch ${epoch}, not ${this.epoch}`, { seq })
    if (this.ended) throw new WireError('EWIRE_ORDER', 'comes after the end of its epoch', { seq })
    const first = name === 'gap' ? message.body.from : seq
    if (name === 'gap' && (message.body.to !== seq || first > seq))
      throw new WireError('EWIRE_FIELD', `a gap from ${first} to ${message.body.to}`, { seq })
    this.#numbered(first, seq, (flags & flag.RETAIN) !== 0)
    this.ended = name === 'bye' || name === 'abort'
  }

  /** Throws WireError where the stream may not end here. */
  end(pendingBytes = 0): void {
    const why =
      pendingBytes > 0
        ? `ends ${pendingBytes} bytes into a message`
        : this.epoch === 0
          ? 'is empty, without a bye or even a hello'
          : 'ends here without a bye: more may be missing'
    if (pendingBytes > 0 || !this.ended) throw new WireError('EWIRE_TRUNCATED', why, this.#here)
  }

  get #here(): { seq?: number } {
    return this.epoch ? { seq: this.seq } : {}
  }

  #hop(message: AnyMessage): void {
    const { name, seq } = message
    if (seq !== 0) throw new WireError('EWIRE_FIELD', 'a HOP message has a seq', { seq })
    if (name === 'subscribe')
      throw new WireError('EWIRE_ORDER', 'a request (subscribe) within a stream')
    if (name !== 'subscribed') return
    if (!this.subscribing) throw new WireError('EWIRE_ORDER', 'an answer (subscribed) to nothing')
    this.subscribing = false
    const { epoch, seq: last } = message.body
    if (epoch === this.epoch && last === this.seq) return
    this.#subscribed = true
    this.ended = false
    this.epoch = epoch
    this.seq = last
    this.#joining = false
  }

  #hello({ seq, epoch, body }: Extract<Message, { name: 'hello' }>): void {
    if (epoch === 0 || seq !== 1)
      throw new WireError('EWIRE_FIELD', `a hello with epoch ${epoch} and seq ${seq}`, { seq })
    const follows = body.previousEpoch === this.epoch && body.previousSeq === this.seq
    if (this.epoch !== 0 && !this.ended && !this.#subscribed && !follows)
      throw new WireError(
        'EWIRE_TRUNCATED',
        `epoch ${this.epoch} went on to ${epoch} without a bye`,
        { seq },
      )
    if (this.epoch === epoch) throw new WireError('EWIRE_ORDER', 'a second hello', { seq })
    this.epoch = epoch
    this.seq = seq
    this.ended = false
    this.#subscribed = false
    this.#joining = true
  }

  #numbered(first: number, seq: number, isRetained: boolean): void {
    if (first <= this.seq)
      throw new WireError('EWIRE_ORDER', `number ${first} after ${this.seq}`, { seq })
    const missed = this.seq + 1
    if (first > missed && !this.#joining) {
      const range =
        first - 1 === missed ? `message ${missed} is` : `messages ${missed} to ${first - 1} are`
      throw new WireError('EWIRE_GAP', `${range} missing`, { seq })
    }
    this.#joining = this.#joining && isRetained
    this.#subscribed = false
    this.seq = seq
  }
}
