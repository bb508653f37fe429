// One stream to many readers: reads the input into the window, lets each client's cursor follow,
// and holds the input or gives a client up where one is too slow.

import assert from 'node:assert'
import type { Socket } from 'node:net'
import type { SpoolReader } from '#spool'
import { checkMessage, epochOf, messageTable, WireError } from '#wire'
import type { Body, Position, Stamp } from '#wire'
import { describeBroadcast } from './broadcast-status.js'
import { Client, type Stream } from './client.js'
import type { Input } from './input.js'
import { drain } from './drain.js'
import { findInWindow } from './find-in-window.js'
import { LimitedLog, type RelayLog } from './limited-log.js'
import { Pace, type SlowPolicy } from './pace.js'
import { Reaper } from './reaper.js'
import { isHello, previousOf, Retained } from './retained.js'
import { Scanner } from './scanner.js'
import type { SpoolFeed } from './spool-feed.js'
import { lostText } from './spool-stream.js'
import type { StatusReport } from './status-report.js'
import { isFaultOfSpool, readerAfter } from './reader-after.js'
import { Subscriptions, type Answer } from './subscriptions.js'
import { isForRelay, UpstreamReader } from './upstream-reader.js'
import type { UpstreamTarget } from './upstream-writer.js'
import type { WindowPlace } from './window-cursor.js'
import { Window } from './window.js'

export interface BroadcastOptions {
  /** When a client's backlog is full: the input waits, or the client loses messages. */
  readonly slow: SlowPolicy
  /** Bytes of the stream that may wait for a client; a message of the largest size at least. */
  readonly backlogBytes: number
  readonly clientsMax: number
  readonly upstream: UpstreamTarget
  readonly log: RelayLog
  /** What the source knows to be wrong with itself, for people. */
  readonly trouble?: (() => string | undefined) | undefined
}

/** The bytes that it keeps are bounded by the backlog and a block for each client. */
export class Broadcast implements Stream {
  readonly window: Window
  readonly retained = new Retained()
  readonly #options: BroadcastOptions
  readonly #log: LimitedLog
  readonly #scanner: Scanner
  readonly #subscriptions: Subscriptions
  readonly #clients = new Set<Client>()
  readonly #reaper = new Reaper(this.#clients)
  readonly #pace: Pace
  #clientsEver = 0
  #refused = 0
  // When the last message came; and what the source itself knows to be wrong.
  #heardMs = performance.now()
  #trouble: () => string | undefined = () => undefined

  constructor(options: BroadcastOptions) {
    this.#options = options
    this.#log = new LimitedLog(options.log)
    this.#scanner = new Scanner({
      retain: (message, epochBefore, seqBefore) => this.#retain(message, epochBefore, seqBefore),
      hop: (message) => {
        checkMessage(message)
        isForRelay(message)
      },
      note: (text) => this.#log.warn('wrong numbers', 'input', text),
    })
    this.window = new Window(this.#scanner, options.backlogBytes)
    this.#subscriptions = new Subscriptions(this.#scanner, this.window, this.retained)
    this.#pace = new Pace(options.slow, options.backlogBytes, this.#log)
  }

  now(): Stamp {
    const ms = Date.now()
    return { sec: Math.floor(ms / 1000), nsec: (ms % 1000) * 1e6 }
  }

  answer(client: Client, position: Position): Answer | undefined {
    const answer = this.#readable(client, () => this.#subscriptions.answer(position))
    if (answer?.flow === 'spool')
      answer.reader.onLost = (from, oldest) => this.#lost(client, from, oldest)
    if (answer?.flow === 'refused')
      this.#log.warn('refused clients', `client ${client.id}`, `refused: ${answer.reason}`)
    return answer
  }

  near(position: Position): WindowPlace | undefined {
    const place = findInWindow(this.window, position)
    if (!place || place.missing) return undefined
    const { block, offset } = place
    const behind = this.window.position - (block.position - (block.end - offset))
    return behind <= this.#options.backlogBytes / 2 ? place : undefined
  }

  reader(client: Client, position: Position): SpoolReader | undefined {
    const { spool } = this.#subscriptions
    assert(spool)
    const onLost = (from: Position, oldest: Position) => this.#lost(client, from, oldest)
    return this.#readable(client, () => readerAfter(spool, position, onLost))
  }

  unreadable(client: Client, error: unknown): void {
    if (!isFaultOfSpool(error)) throw error
    this.#log.warn('cut clients', `client ${client.id}`, `cut: ${error.message}`)
    client.socket.destroy()
  }

  #readable<T>(client: Client, read: () => T): T | undefined {
    try {
      return read()
    } catch (error) {
      this.unreadable(client, error)
      return undefined
    }
  }

  moved(client: Client): void {
    if (client.gone) this.#clients.delete(client)
    if (this.#pace.held) this.#pace.regulate(this.#clients)
  }

  /**
   * Passes all of `input` on. Resolves at its end if that is a bye; throws WireError where it is
   * not or the stream cannot be read, and the input's own errors.
   */
  async read(input: Input): Promise<void> {
    try {
      await new Promise<void>((resolve, reject) => {
        this.#pace.start(input)
        input.start({
          room: () => this.window.room(),
          filled: (size) => {
            if (this.#scanner.fault) return
            this.window.filled(size)
            this.#publish()
            if (this.#scanner.fault) reject(this.#scanner.fault)
          },
          ended: (error) => (error ? reject(error) : resolve()),
        })
      })
    } finally {
      this.#pace.stop()
      input.destroy()
    }
    this.#checkEnd()
  }

  /** Goes on where a spool ends; clients may have what is in it. Before anything else. */
  use(feed: SpoolFeed): void {
    const { spool, begin } = feed
    this.#trouble = () => feed.trouble
    this.#subscriptions.spool = spool
    const { epoch, seq, type, time, retained } = begin
    this.#scanner.begin(epoch, seq, type)
    this.window.begin({ epoch, seq, time })
    for (const message of retained) this.retained.keep(message)
  }

  /** Passes whole messages on. */
  pass(bytes: Buffer): void {
    for (let at = 0; at < bytes.length;) {
      const size = bytes.copy(this.window.room(), 0, at)
      at += size
      this.window.filled(size)
      if (this.#scanner.fault) throw this.#scanner.fault
    }
    this.#publish()
  }

  /** Takes a connection. Refuses it by closing it where there are too many. */
  join(socket: Socket): void {
    if (this.#clients.size >= this.#options.clientsMax) this.#reaper.reapNow()
    if (this.#clients.size >= this.#options.clientsMax) return this.#refuse(socket)
    const client = new Client(++this.#clientsEver, socket, this)
    const name = `client ${client.id}`
    socket.on('error', (error) => this.#log.info(name, error.message))
    socket.on('end', () => this.#reaper.watch())
    socket.on('close', () => this.#log.info(name, 'has left'))
    const cut = (reason: string) => {
      this.#log.warn('cut clients', name, `cut: ${reason}`)
      socket.destroy()
    }
    const subscribe = (position: Position) => this.#subscribe(client, position, cut)
    const acked = (ack: Body<'ack'>) => client.acknowledge(ack)
    new UpstreamReader(socket, this.#options.upstream, { subscribe, acked, cut })
    this.#clients.add(client)
    const { epoch, seq } = this.#scanner
    this.#log.info(name, `has joined after message ${epoch}:${seq} (${client.peer})`)
    client.flush()
  }

  /**
   * Gives clients up to `limitMs` to take what is left, ends them, and gives the upstream output as
   * much.
   */
  async drain(limitMs: number): Promise<void> {
    const { epoch, seq } = this.#scanner
    for (const { id, backlog } of await drain([...this.#clients], { epoch, seq }, limitMs))
      this.#log.warn('cut clients', `client ${id}`, `cut: ${backlog} bytes not taken by the end`)
    this.#disconnect()
    await this.#options.upstream.end(limitMs)
  }

  /** Closes all at once. */
  close(): void {
    this.#disconnect()
    this.#options.upstream.close()
    this.#log.close()
  }

  /** Notes that a connection could not be accepted. */
  failed(error: Error): void {
    this.#log.warn('failures to accept', 'client', error.message)
  }

  status(): StatusReport {
    return describeBroadcast({
      scanner: this.#scanner,
      window: this.window,
      clients: this.#clients,
      spool: this.#subscriptions.spool,
      backlogBytes: this.#options.backlogBytes,
      isHeld: this.#pace.held,
      trouble: this.#trouble() ?? this.#options.trouble?.(),
      silentMs: performance.now() - this.#heardMs,
      clientsEver: this.#clientsEver,
      refused: this.#refused,
    })
  }

  #disconnect(): void {
    for (const { socket } of this.#clients) socket.destroy()
    this.#reaper.close()
  }

  #refuse(socket: Socket): void {
    this.#refused++
    const limit = `there are ${this.#clients.size} (see --max-clients)`
    this.#log.warn('refused clients', 'client', `refused: ${limit}`)
    socket.on('error', () => undefined)
    socket.destroy()
  }

  #subscribe(client: Client, position: Position, cut: (reason: string) => void): void {
    if (client.gone || client.refused !== undefined) return
    const name = `client ${client.id}`
    this.#log.info(name, `wants what follows ${position.epoch}:${position.seq}`)
    if (!client.subscribe(position)) cut('it asks again and again and reads no answer')
  }

  #publish(): void {
    this.#heardMs = performance.now()
    const { slow, backlogBytes } = this.#options
    const { spool } = this.#subscriptions
    for (const client of this.#clients) {
      client.flush()
      if (client.backlog <= backlogBytes || !client.waits) continue
      if (spool) client.fallBehind()
      else if (slow === 'drop') this.#lose(client)
    }
    this.#pace.published(this.window.position)
    this.#pace.regulate(this.#clients)
  }

  #lose(client: Client): void {
    const size = client.backlog
    client.lose()
    const why = `too slow, with a backlog of ${size} bytes: loses messages`
    this.#log.warn('slow clients', `client ${client.id}`, why)
  }

  #lost(client: Client, from: Position, oldest: Position): void {
    client.hasLost = true
    this.#log.warn('slow clients', `client ${client.id}`, lostText(from, oldest))
  }

  #retain(message: Buffer, epochBefore: number, seqBefore: number): void {
    if (isHello(message)) this.#begins(message)
    this.retained.keep(message)
    for (const { lost } of this.#clients) lost?.see(message, epochBefore, seqBefore)
  }

  #begins(hello: Buffer): void {
    const previous = previousOf(hello)
    if (previous) this.#subscriptions.know(previous.epoch)
    this.#subscriptions.know(epochOf(hello))
  }

  #checkEnd(): void {
    const { offset, seq, ended, type, messages } = this.#scanner
    const where = messages > 0 ? { offset, seq } : { offset }
    const { pending } = this.window
    const fail = (reason: string) => new WireError('EWIRE_TRUNCATED', reason, where)
    if (offset + pending === 0) throw fail('is empty: its source has sent nothing')
    if (pending > 0) throw fail(`ends ${pending} bytes into a message`)
    if (!ended) throw fail('ends here without a bye: more may be missing')
    if (type === messageTable.abort.type) throw fail('ends with abort: the source gave up')
  }
}
