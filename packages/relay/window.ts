// The newest part of the stream, kept once for all clients: blocks of whole messages, which live as
// long as a client's cursor has not passed them, and a while longer for those who come back, and
// are used again.

import assert from 'node:assert'
import { header, limits } from '#wire'
import type { Scanner } from './scanner.js'

/** More than a socket takes at once, and little for each stalled client to hold on to. */
const blockSize = 256 << 10
/** Reading goes on into a new block rather than with less room than this. */
const roomMin = 16 << 10
const largeBlockSize = limits.messageSizeMax + roomMin

/**
 * A run of whole messages, one at least but in the last block. What `end` delimits is fixed; more
 * may come behind it.
 */
export class Block {
  data: Buffer
  /** Bytes of whole messages. */
  end = 0
  /** Bytes that were read: the rest begins a message. */
  filled = 0
  next: Block | undefined
  /** The stream at `end`: whole bytes and messages before it, numbers of the last message. */
  position = 0
  messages = 0
  epoch = 0
  seq = 0
  /** Of that message: nanoseconds since 1970, rounded. */
  time = 0
  /** Clients whose next byte is here. */
  cursors = 0
  /** Writes that are still being done from here. */
  writes = 0
  /** No cursor can come here any more. */
  left = false

  constructor(size: number) {
    this.data = Buffer.allocUnsafeSlow(size)
  }
}

/** A place in the stream: the last message before it, and how many there were. */
export type StreamPlace = Pick<Block, 'position' | 'messages' | 'epoch' | 'seq' | 'time'>

/** What `room` and `filled` write, cursors read: `last` and its `end` are where the stream is. */
export class Window {
  first: Block
  last: Block
  /** Where the first block begins. */
  start: StreamPlace = { position: 0, messages: 0, epoch: 0, seq: 0, time: 0 }
  /** Bytes that the blocks now hold in memory, free ones included. */
  allocated = 0
  readonly #scanner: Scanner
  readonly #historyBytes: number
  // Bytes of memory from `first` to `last`.
  #held: number
  readonly #free: Block[] = []

  /** Blocks that no cursor needs are kept as long as all are within `historyBytes` of memory. */
  constructor(scanner: Scanner, historyBytes = 0) {
    this.#scanner = scanner
    this.#historyBytes = historyBytes
    this.first = this.last = this.#take(blockSize)
    this.#held = blockSize
  }

  /** Says which message comes before the first: `epoch`:`seq`. */
  begin(place: Pick<StreamPlace, 'epoch' | 'seq' | 'time'>): void {
    assert(this.position === 0 && this.pending === 0)
    this.start = { ...this.start, ...place }
    Object.assign(this.last, place)
  }

  /** Bytes of whole messages since the beginning, without those for the relay itself. */
  get position(): number {
    return this.last.position
  }

  /** Bytes of a message that has not come whole. */
  get pending(): number {
    return this.last.filled - this.last.end
  }

  /** Where the next bytes of the stream go; it has place for one at least. */
  room(): Buffer {
    const { last } = this
    const pending = last.filled - last.end
    const wanted = Math.max(this.#scanner.wanted, pending + roomMin)
    if (last.data.length - last.end < wanted) this.#roll(wanted)
    return this.last.data.subarray(this.last.filled)
  }

  /** Says that the first `size` bytes of `room` are there, and takes the messages they complete. */
  filled(size: number): void {
    const { last } = this
    const scanner = this.#scanner
    last.filled += size
    assert(last.filled <= last.data.length)
    do {
      const end = scanner.scan(last.data, last.end, last.filled)
      last.position += end - last.end
      last.end = end
      this.#cut(scanner.hopSize)
    } while (scanner.hopSize > 0 && !scanner.fault)
    if (scanner.messages === last.messages) return
    last.messages = scanner.messages
    last.epoch = scanner.epoch
    last.seq = scanner.seq
    last.time = timeAt(last.data, scanner.lastAt)
  }

  // What is for this relay alone is taken out of what goes on.
  #cut(size: number): void {
    const { last } = this
    if (size === 0) return
    last.data.copyWithin(last.end, last.end + size, last.filled)
    last.filled -= size
  }

  #roll(wanted: number): void {
    const { last } = this
    const block = this.#take(wanted > blockSize ? largeBlockSize : blockSize)
    if (last.end === 0) return this.#enlarge(block)
    block.position = last.position
    block.messages = last.messages
    block.epoch = last.epoch
    block.seq = last.seq
    block.time = last.time
    this.#held += block.data.length
    block.filled = last.data.copy(block.data, 0, last.end, last.filled)
    last.filled = last.end
    last.next = block
    this.last = block
    this.trim()
  }

  // A block that would stay empty gets the room of another instead.
  #enlarge(block: Block): void {
    const { last } = this
    this.#held += block.data.length - last.data.length
    last.data.copy(block.data, 0, 0, last.filled)
    ;[last.data, block.data] = [block.data, last.data]
    this.#free.push(block)
  }

  /** Lets go of blocks before the first cursor. Called when a cursor has moved on. */
  trim(): void {
    while (this.first !== this.last && this.first.cursors === 0 && this.#isFull) {
      const block = this.first
      const { position, messages, epoch, seq, time } = block
      this.start = { position, messages, epoch, seq, time }
      this.#held -= block.data.length
      this.first = block.next as Block
      block.next = undefined
      block.left = true
      this.recycle(block)
    }
  }

  get #isFull(): boolean {
    return this.#held > this.#historyBytes
  }

  /** Takes a block back once nothing points there. Called when a write from it has ended. */
  recycle(block: Block): void {
    if (!block.left || block.writes > 0) return
    block.left = false
    block.end = block.filled = 0
    this.#free.push(block)
  }

  #take(size: number): Block {
    const index = this.#free.findIndex((block) => block.data.length === size)
    if (index >= 0) return this.#free.splice(index, 1)[0] as Block
    this.allocated += size
    return new Block(size)
  }
}

const timeAt = (data: Buffer, start: number): number =>
  data.readUInt32LE(start + header.offsets.timeLo) +
  data.readUInt32LE(start + header.offsets.timeHi) * 0x100000000
