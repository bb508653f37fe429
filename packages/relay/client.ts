// One reader of the stream, and one write at a time to its socket: from the shared window, or from
// the spool what that does not have any more.

import assert from 'node:assert'
import type { Socket } from 'node:net'
import type { SpoolReader } from '#spool'
import { timeOf, type Body, type Position, type Stamp } from '#wire'
import { peerOf } from './connection.js'
import { LostRange } from './lost-range.js'
import type { Retained } from './retained.js'
import { subscribedTo } from '#wire'
import type { Answer } from './subscriptions.js'
import { WindowCursor, type WindowPlace } from './window-cursor.js'
import type { Block, Window } from './window.js'

/** What clients share. */
export interface Stream {
  readonly window: Window
  readonly retained: Retained
  /** The client has taken bytes, or is gone. */
  moved(client: Client): void
  now(): Stamp
  /**
   * How the stream goes on behind a position; undefined where nobody can say that yet, or that
   * fails: the client is cut.
   */
  answer(client: Client, position: Position): Answer | undefined
  /** Where in the window what follows a position is, if that is near enough to go on there. */
  near(position: Position): WindowPlace | undefined
  /** A reader of the spool behind a position; undefined where that fails: the client is cut. */
  reader(client: Client, position: Position): SpoolReader | undefined
  /** The spool cannot be read on for that client. */
  unreadable(client: Client, error: unknown): void
}

/** Subscriptions that wait for one write to end. */
const askedMax = 16

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
  /** It has, since it was too slow. */
  hasLost = false
  /** Numbers of the last message that was given to its socket. */
  epoch = 0
  seq = 0
  /** Of that message: nanoseconds since 1970, rounded. */
  time = 0
  /** The newest of what it has said that it has. */
  acked: Body<'ack'> | undefined
  /** Told when that has changed, once. */
  onAck: (() => void) | undefined
  /** It gets from the spool what the window does not have any more. */
  isBehind = false
  /** What it does not get because it was too slow, while that still grows. */
  lost: LostRange | undefined
  /** Its connection is over. */
  gone = false
  /** Why it does not get what it asked for; its connection ends. */
  refused: string | undefined
  readonly #stream: Stream
  readonly #cursor: WindowCursor
  // Where it is behind, and has read.
  #reader: SpoolReader | undefined
  // What is to be written before that.
  #first: Buffer | undefined
  // The positions it asked for and has no answer to.
  #asked: Position[] = []
  #busy = false
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
    this.#cursor = new WindowCursor(stream.window)
    this.#toEnd(stream.retained.all)
    socket.on('close', () => this.#leave())
  }

  /** Bytes of the stream that it has not got yet, those being written included. */
  get backlog(): number {
    return this.#follows ? this.#stream.window.position - this.#cursor.position : 0
  }

  /** Whether something of the stream waits for the end of the write that is being done. */
  get waits(): boolean {
    return this.#follows && this.#cursor.next < this.#stream.window.position
  }

  get #follows(): boolean {
    return !this.gone && this.#cursor.isAttached
  }

  /** Writes on where nothing is being written. */
  flush(): void {
    if (this.#busy || this.gone || this.lost) return
    if (this.#asked.length > 0) this.#answer()
    if (this.#first) return this.#write(this.#first)
    const block = this.isBehind ? this.#fromSpool() : undefined
    if (block) return this.#write(block)
    if (this.gone) return
    const taken = this.#cursor.take()
    if (taken) {
      this.sentMessages += taken.messages
      this.#isAt(taken.end)
      return this.#write(taken.bytes)
    }
    if (this.refused !== undefined) this.socket.destroySoon()
    else if (this.#ending) this.socket.end()
  }

  /** Its stream goes on behind `position`, from the next message on. False: it asks too often. */
  subscribe(position: Position): boolean {
    if (this.#asked.length === askedMax) return false
    if (!this.socket.writable) return true
    this.#asked.push(position)
    this.flush()
    return true
  }

  /** Goes on from the spool, since it is too slow for the window. */
  fallBehind(): void {
    this.#cursor.detach()
    this.isBehind = true
  }

  /** Gives up what `waits`. It is told when the write that is being done has ended. */
  lose(): void {
    assert(this.waits && this.#busy)
    const { place } = this.#cursor
    assert(place)
    this.hasLost = true
    this.lost = new LostRange(place.block, place.offset)
    // Only now: nobody else may need these blocks.
    this.#cursor.detach()
  }

  /** It says that it has so much. */
  acknowledge(ack: Body<'ack'>): void {
    this.acked = ack
    this.#tellAck()
  }

  #tellAck(): void {
    const told = this.onAck
    this.onAck = undefined
    told?.()
  }

  /** Ends the connection once everything is written. */
  end(): void {
    this.#ending = true
    this.flush()
  }

  #toEnd(first: Buffer[]): void {
    this.#cursor.toEnd()
    if (first.length === 0) return
    this.#first = Buffer.concat(first)
    this.sentMessages += first.length
    this.#isAt(this.#stream.window.last)
  }

  #isAt({ epoch, seq, time }: Pick<Block, 'epoch' | 'seq' | 'time'>): void {
    this.epoch = epoch
    this.seq = seq
    this.time = time
  }

  // The next from there, unless the window has it by now, or there is nothing more yet.
  #fromSpool(): Buffer | undefined {
    const place = this.#stream.near(this)
    if (place) {
      this.#leaveSpool()
      this.#cursor.to(place)
      return undefined
    }
    try {
      this.#reader ??= this.#stream.reader(this, this)
      const block = this.#reader?.next()
      if (block) this.#note(block, this.#reader!.position)
      return block
    } catch (error) {
      this.#stream.unreadable(this, error)
      return undefined
    }
  }

  #note(block: Buffer, { epoch, seq }: Position): void {
    let last = 0
    for (let at = 0; at < block.length; at += block.readUInt32LE(at)) {
      last = at
      this.sentMessages++
    }
    this.#isAt({ epoch, seq, time: Number(timeOf(block.subarray(last))) })
  }

  #leaveSpool(): void {
    this.isBehind = false
    this.#reader?.close()
    this.#reader = undefined
  }

  #resume(lost: LostRange): void {
    const { last } = this.#stream.window
    const messages = lost.messages(last.epoch, last.seq, this.#stream.retained, this.#stream.now())
    this.lost = undefined
    this.lostMessages += last.messages - this.#cursor.messages
    this.#toEnd(messages)
  }

  // Each question gets its answer; the last one says where the stream goes on.
  #answer(): void {
    const position = this.#asked.at(-1)
    const answer = position && this.#stream.answer(this, position)
    if (!answer) return
    const before = this.#asked.slice(0, -1).map(subscribedTo)
    this.#asked = []
    this.#restart(position, answer)
    this.#first = Buffer.concat([...before, ...answer.first])
  }

  #restart({ epoch, seq }: Position, answer: Answer): void {
    this.lost = undefined
    this.#leaveSpool()
    if (answer.flow === 'window') this.#cursor.to(answer.place)
    else this.#cursor.detach()
    if (answer.flow === 'refused') this.refused = answer.reason
    if (answer.flow === 'spool') {
      this.isBehind = true
      this.#reader = answer.reader
    }
    this.epoch = epoch
    this.seq = seq
  }

  #write(bytes: Buffer): void {
    this.#busy = true
    this.sentBytes += bytes.length
    this.socket.write(bytes, this.#wrote)
  }

  #written(): void {
    if (this.gone) return
    this.#busy = false
    this.#first = undefined
    this.#cursor.written()
    if (this.lost && this.#asked.length > 0) this.#answer()
    if (this.lost) this.#resume(this.lost)
    this.flush()
    this.#stream.moved(this)
  }

  #leave(): void {
    this.gone = true
    this.#leaveSpool()
    this.#cursor.written()
    this.#cursor.detach()
    this.#stream.window.trim()
    this.#stream.moved(this)
    this.#tellAck()
  }
}
