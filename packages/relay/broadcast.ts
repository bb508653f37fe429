// One stream to many readers: reads the input into the window, lets each client's cursor follow,
// and holds the input or gives a client up where one is too slow.

import type { Socket } from 'node:net'
import { checkMessage, epochOf, messageTable, WireError } from '#wire'
import type { Position, Stamp } from '#wire'
import { Client, type Stream } from './client.js'
import type { Input } from './input.js'
import { isHungUp } from './connection.js'
import { LimitedLog, type RelayLog } from './limited-log.js'
import { Pace, type SlowPolicy } from './pace.js'
import { isHello, previousOf, Retained } from './retained.js'
import { Scanner } from './scanner.js'
import { Subscriptions, type Answer } from './subscriptions.js'
import { isForRelay, UpstreamReader } from './upstream-reader.js'
import type { UpstreamTarget } from './upstream-writer.js'
import { Window } from './window.js'

export interface BroadcastOptions {
  /** When a client's backlog is full: the input waits, or the client loses messages. */
  readonly slow: SlowPolicy
  /** Bytes of the stream that may wait for a client; a message of the largest size at least. */
  readonly backlogBytes: number
  readonly clientsMax: number
  readonly upstream: UpstreamTarget
  readonly log: RelayLog
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
  readonly #pace: Pace
  #clientsEver = 0
  #refused = 0
  #reaper: NodeJS.Timeout | undefined

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

  answer({ id }: Client, position: Position): Answer | undefined {
    const answer = this.#subscriptions.answer(position)
    if (answer?.flow === 'refused')
      this.#log.warn('refused clients', `client ${id}`, `refused: ${answer.reason}`)
    return answer
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

  /** Takes a connection. Refuses it by closing it where there are too many. */
  join(socket: Socket): void {
    if (this.#clients.size >= this.#options.clientsMax) this.#reap(isUnread)
    if (this.#clients.size >= this.#options.clientsMax) return this.#refuse(socket)
    const client = new Client(++this.#clientsEver, socket, this)
    const name = `client ${client.id}`
    socket.on('error', (error) => this.#log.info(name, error.message))
    socket.on('end', () => this.#watchHalfOpen())
    socket.on('close', () => this.#log.info(name, 'has left'))
    const cut = (reason: string) => {
      this.#log.warn('cut clients', name, `cut: ${reason}`)
      socket.destroy()
    }
    const subscribe = (position: Position) => this.#subscribe(client, position, cut)
    const acked = () => undefined
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
    const clients = [...this.#clients]
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, limitMs)
    })
    const finished = clients.map(
      ({ socket }) =>
        new Promise<void>((resolve) => {
          socket.on('finish', resolve).on('close', resolve)
        }),
    )
    for (const client of clients) client.end()
    await Promise.race([Promise.all(finished), late])
    clearTimeout(timer)
    const unfinished = clients.filter((c) => !c.gone && !c.socket.writableFinished)
    for (const { id, backlog } of unfinished)
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

  /** The input and each client, one line each. */
  status(): string[] {
    const { messages, epoch, seq } = this.#scanner
    const parts = [
      `input: ${this.#pace.held ? 'held' : 'flowing'} at ${epoch}:${seq}`,
      `${this.window.position} bytes in ${messages} messages`,
      `${this.#clients.size} clients of ${this.#clientsEver}`,
      `${this.#refused} refused`,
      `${this.window.allocated} bytes of memory`,
    ]
    return [parts.join(', '), ...[...this.#clients].map(clientLine)]
  }

  #disconnect(): void {
    for (const { socket } of this.#clients) socket.destroy()
    clearInterval(this.#reaper)
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
    const { slow, backlogBytes } = this.#options
    for (const client of this.#clients) {
      client.flush()
      if (slow === 'block' || client.backlog <= backlogBytes || !client.waits) continue
      const size = client.backlog
      client.lose()
      const why = `too slow, with a backlog of ${size} bytes: loses messages`
      this.#log.warn('slow clients', `client ${client.id}`, why)
    }
    this.#pace.published(this.window.position)
    this.#pace.regulate(this.#clients)
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

  // Who has ended its sending is not read any more, so that its leaving would go unnoticed until
  // something is written to it.
  #watchHalfOpen(): void {
    this.#reaper ??= setInterval(() => {
      if (this.#reap(isHalfOpen) > 0) return
      clearInterval(this.#reaper)
      this.#reaper = undefined
    }, 1000)
  }

  /** Lets those of `suspects` go that are not there any more; gives the number of the others. */
  #reap(suspects: (socket: Socket) => boolean): number {
    let alive = 0
    for (const client of this.#clients) {
      if (!suspects(client.socket)) continue
      if (!isHungUp(client.socket)) alive++
      else {
        client.socket.destroy()
        this.#clients.delete(client)
      }
    }
    return alive
  }
}

const isHalfOpen = (socket: Socket): boolean => socket.readableEnded
const isUnread = (socket: Socket): boolean => socket.readableEnded || socket.isPaused()

function clientLine(client: Client): string {
  const { id, peer, since, epoch, seq, backlog, sentBytes, sentMessages, lostMessages } = client
  return [
    `client ${id}: ${peer}, since ${since.toISOString()}`,
    `at ${epoch}:${seq}`,
    client.lost ? 'losing messages' : `backlog ${backlog} bytes`,
    `sent ${sentBytes} bytes in ${sentMessages} messages`,
    `lost ${lostMessages} messages`,
  ].join(', ')
}
