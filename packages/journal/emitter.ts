// Numbers, dates and sends messages: the one place where the stream is written.

import { realTime } from '#posix'
import {
  codecs,
  limits,
  protocolMagic,
  protocolVersion,
  seal,
  type Body,
  type MessageName,
  type OperationName,
  type Position,
  type Stamp,
} from '#wire'
import type { JournalSpool } from './journal-spool.js'
import type { Sink } from './output.js'

const pieceMin = 1 << 10
const pieceMax = 64 << 10

export class Emitter {
  readonly epoch: number
  /** Of the last message. */
  seq = 0
  /** When that was, by the monotonic clock in milliseconds. */
  lastMs = 0
  /** Of all messages. */
  bytes = 0
  /** Is told of each operation once it has been handed over. */
  onOperation: (<K extends OperationName>(name: K, body: Body<K>) => void) | undefined
  readonly #output: Sink
  readonly #spool: JournalSpool | undefined
  readonly #buffer = Buffer.alloc(limits.messageSizeMax)
  readonly #now: Stamp = { sec: 0, nsec: 0 }

  constructor(output: Sink, spool: JournalSpool | undefined, epoch: number) {
    this.#output = output
    this.#spool = spool
    this.epoch = epoch
  }

  /** Whether anybody gets what is emitted. */
  get isAttached(): boolean {
    return this.#output.isAttached || this.#spool?.isAttached === true
  }

  /** So many bytes, a power of two, fit in one message for which a slow reader has room. */
  get pieceMax(): number {
    return Math.max(
      pieceMin,
      2 ** Math.floor(Math.log2(Math.min(pieceMax, this.#output.capacity / 4))),
    )
  }

  /** What `act` emits goes to the reader together, as far as it fits, when that is over. */
  together<T>(act: () => T): T {
    this.#output.cork()
    try {
      return act()
    } finally {
      this.#output.uncork()
    }
  }

  /** Begins the stream, which goes on from `previous`. `source` is a name for people. */
  hello(source: string, previous: Position): void {
    this.emit('hello', {
      magic: protocolMagic,
      version: protocolVersion,
      features: 0,
      previousEpoch: previous.epoch,
      previousSeq: previous.seq,
      source: Buffer.from(source).subarray(0, limits.textSizeMax),
    })
  }

  /** Says that a message is missing: what it would have said could not be found out. */
  lose(): void {
    const next = this.seq + 1
    this.emit('gap', { from: next, to: next })
  }

  /** Returns when the message has been handed over (or nobody is there to take it). */
  emit<K extends MessageName>(name: K, body: Body<K>): void {
    if (!this.isAttached) return
    const buffer = this.#buffer
    const size = codecs[name].encode(buffer, body)
    seal(buffer, size, ++this.seq, realTime(this.#now), this.epoch)
    this.#spool?.append(buffer, size)
    this.#output.write(buffer, size)
    this.bytes += size
    this.lastMs = performance.now()
  }
}
