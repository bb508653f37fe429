// One reader of the stream: a cursor into the shared window, and one write at a time from there.

import assert from 'node:assert'
import type { Socket } from 'node:net'
import type { Stamp } from '#wire'
import { peerOf } from './connection.js'
import { LostRange } from './lost-range.js'
import type { Retained } from './retained.js'
import type { Block, Window } from './window.js'

/** What clients share. */
export interface Stream {
  readonly window: Window
  readonly retained: Retained
  /** The client has taken bytes, or is gone. */
  moved(client: Client): void
  now(): Stamp
}

export class Client {
  readonly id: number
  readonly socket: Socket
  readonly since = new Date()
  /** Who connected, for people. */
  readonly peer: string
  /** Given to its socket. */
  sentBytes = 0
  sentMessages = 0
  lostMessages = 0
  /** Numbers of the last message that was given to its socket. */
  epoch = 0
  seq = 0
  /** What it does not get because it was too slow, while that still grows. */
  lost: LostRange | undefined
  /** Its connection is over. */
  gone = false
  readonly #stream: Stream
  // The cursor: what is to be written next, and how many whole bytes and messages lie before it.
  #block: Block
  #offset: number
  #next: number
  #messages: number
  // What is to be written before that.
  #first: Buffer | undefined
  #busy = false
  // Where the bytes being written lie.
  #source: Block | undefined
  // How much of the stream is written.
  #position: number
  #ending = false
  readonly #wrote = (error?: Error | null) => {
    if (!error) this.#written()
  }

  constructor(id: number, socket: Socket, stream: Stream) {
    this.id = id
    this.socket = socket
    const peer = peerOf(socket)
    this.peer = peer ? `process ${peer.pid}, user ${peer.uid}` : 'unknown'
    this.#stream = stream
    this.#block = stream.window.last
    this.#offset = this.#next = this.#messages = this.#position = 0
    this.#toEnd(stream.retained.all)
    socket.on('close', () => this.#leave())
  }

  /** Bytes of the stream that it has not got yet, those being written included. */
  get backlog(): number {
    return this.gone || this.lost ? 0 : this.#stream.window.position - this.#position
  }

  /** Whether something of the stream waits for the end of the write that is being done. */
  get waits(): boolean {
    return !this.gone && !this.lost && this.#next < this.#stream.window.position
  }

  /** Writes on where nothing is being written. */
  flush(): void {
    if (this.#busy || this.gone || this.lost) return
    if (this.#first) return this.#write(this.#first)
    if (this.#offset === this.#block.end && this.#block.next) this.#advance(this.#block.next)
    const block = this.#block
    if (this.#offset < block.end) return this.#writeBlock(block)
    if (this.#ending) this.socket.end()
  }

  /** Gives up what `waits`. It is told when the write that is being done has ended. */
  lose(): void {
    assert(this.waits && this.#busy)
    this.lost = new LostRange(this.#block, this.#offset)
    this.#block.cursors--
    this.#stream.window.trim()
  }

  /** Ends the connection once everything is written. */
  end(): void {
    this.#ending = true
    this.flush()
  }

  #toEnd(first: Buffer[]): void {
    const { last } = this.#stream.window
    last.cursors++
    this.#block = last
    this.#offset = last.end
    this.#next = this.#position = last.position
    this.#messages = last.messages
    if (first.length === 0) return
    this.#first = Buffer.concat(first)
    this.sentMessages += first.length
    this.epoch = last.epoch
    this.seq = last.seq
  }

  #resume(lost: LostRange): void {
    const { last } = this.#stream.window
    const messages = lost.messages(last.epoch, last.seq, this.#stream.retained, this.#stream.now())
    this.lost = undefined
    this.lostMessages += last.messages - this.#messages
    this.#toEnd(messages)
  }

  #advance(next: Block): void {
    this.#block.cursors--
    next.cursors++
    this.#block = next
    this.#offset = 0
    this.#stream.window.trim()
  }

  #writeBlock(block: Block): void {
    const bytes = block.data.subarray(this.#offset, block.end)
    this.sentMessages += block.messages - this.#messages
    this.epoch = block.epoch
    this.seq = block.seq
    this.#offset = block.end
    this.#next = block.position
    this.#messages = block.messages
    this.#source = block
    block.writes++
    this.#write(bytes)
  }

  #write(bytes: Buffer): void {
    this.#busy = true
    this.sentBytes += bytes.length
    this.socket.write(bytes, this.#wrote)
  }

  #written(): void {
    if (this.gone) return
    this.#busy = false
    if (this.#source) this.#release()
    else this.#first = undefined
    if (this.lost) this.#resume(this.lost)
    this.flush()
    this.#stream.moved(this)
  }

  #release(): void {
    if (!this.#source) return
    this.#source.writes--
    this.#stream.window.recycle(this.#source)
    this.#source = undefined
    this.#position = this.#next
  }

  #leave(): void {
    if (!this.lost) this.#block.cursors--
    this.gone = true
    this.#release()
    this.#stream.window.trim()
    this.#stream.moved(this)
  }
}
