// Finds the ends of messages in a stream by their sizes, and follows the numbers in the headers as
// far as a relay reports them. Bodies stay unread, but that of a hello.

import { flag, header, isEnd, isSize, messageTable, WireError } from '#wire'
import { isAfter, previousOf } from './retained.js'

const at = header.offsets
const { hello, gap } = messageTable

/** What a relay does with messages that are more to it than bytes. */
export interface Handler {
  /**
   * A message to keep for those who join: one with RETAIN, or the end of an epoch. A view; and the
   * numbers of the message before it.
   */
  retain(message: Buffer, epochBefore: number, seqBefore: number): void
  /** A message for this relay alone, not to be forwarded. A view; may throw WireError. */
  hop(message: Buffer): void
  /** What a person should know of the numbering. */
  note(text: string): void
}

/** Follows one stream; `scan` it piece by piece. */
export class Scanner {
  /** Whole messages so far, without those for the relay itself. */
  messages = 0
  /** Of the last message. */
  epoch = 0
  seq = 0
  /** Type of the last message, 0 before the first. */
  type = 0
  /** Bytes of the stream in whole messages, those for the relay itself included. */
  offset = 0
  /** Where the last message began in the data of the last `scan`. */
  lastAt = 0
  /** Places where messages are missing, whether a gap says so or not. */
  gaps = 0
  /** Size of the message that `scan` found unfinished; 0 where not even that is known. */
  wanted = 0
  /** Why nothing after the messages that were found can be read. */
  fault: WireError | undefined
  /** Size of the message for the relay itself at which `scan` stopped, else 0. */
  hopSize = 0
  readonly #handler: Handler
  #joining = false

  constructor(handler: Handler) {
    this.#handler = handler
  }

  /** Goes on behind a message that another has scanned. */
  begin(epoch: number, seq: number, type: number): void {
    this.epoch = epoch
    this.seq = seq
    this.type = type
  }

  /**
   * Nobody can know the next number: nothing has come but what a relay keeps for those who join.
   */
  get joining(): boolean {
    return this.type === 0 || this.#joining
  }

  /** An epoch has ended, and no other has begun. */
  get ended(): boolean {
    return isEnd(this.type)
  }

  /**
   * Takes the whole messages that begin at `from` and end by `to`; gives the end of the last. Stops
   * early at a message for the relay itself (see `hopSize`: cut it out and scan on) and where the
   * stream cannot be read (see `fault`).
   */
  scan(data: Buffer, from: number, to: number): number {
    let start = from
    this.wanted = 0
    this.hopSize = 0
    while (to - start >= 4 && !this.fault) {
      const size = data.readUInt32LE(start + at.size)
      if (!isSize(size)) {
        this.#fail(new WireError('EWIRE_SIZE', `a message cannot have ${size} bytes`))
        break
      }
      if (to - start < size) {
        this.wanted = size
        break
      }
      this.offset += size
      if (data.readUInt16LE(start + at.flags) & flag.HOP) {
        this.#hop(data.subarray(start, start + size))
        break
      }
      this.#count(data, start, size)
      this.lastAt = start
      start += size
    }
    return start
  }

  #count(data: Buffer, start: number, size: number): void {
    const type = data.readUInt16LE(start + at.type)
    const flags = data.readUInt16LE(start + at.flags)
    const epoch = data.readUInt32LE(start + at.epoch)
    const seq =
      data.readUInt32LE(start + at.seq) + data.readUInt32LE(start + at.seq + 4) * 0x100000000
    const message = data.subarray(start, start + size)
    if (seq !== this.seq + 1 || epoch !== this.epoch) this.#jump(message, type, seq, epoch, flags)
    if (flags & flag.RETAIN || isEnd(type)) this.#handler.retain(message, this.epoch, this.seq)
    if (type === gap.type) this.gaps++
    if (this.#joining) this.#joining = (flags & flag.RETAIN) !== 0
    if (type === hello.type) this.#joining = true
    this.messages++
    this.type = type
    this.seq = seq
    this.epoch = epoch
  }

  // Readers refuse what is missing; here it is named only, to be found where it happened.
  #jump(message: Buffer, type: number, seq: number, epoch: number, flags: number): void {
    const begins = type === hello.type && this.#mayBegin(message)
    const joins = this.type === hello.type && epoch === this.epoch && seq > this.seq
    const skips = type === gap.type && epoch === this.epoch && seq > this.seq
    if (begins || joins || skips || (flags & flag.RETAIN && epoch === this.epoch)) return
    this.gaps++
    const last = this.type === 0 ? 'no hello' : `${this.epoch}:${this.seq}`
    this.#handler.note(`message ${epoch}:${seq} comes after ${last}`)
  }

  // An epoch whose hello names none before it can only be taken at its word.
  #mayBegin(hello: Buffer): boolean {
    if (this.type === 0 || isAfter(hello, this)) return true
    return this.ended && previousOf(hello) === undefined
  }

  #hop(message: Buffer): void {
    this.hopSize = message.length
    try {
      this.#handler.hop(message)
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      this.offset -= message.length
      this.#fail(error)
    }
  }

  #fail(error: WireError): void {
    this.fault = error.at({ offset: this.offset })
  }
}
