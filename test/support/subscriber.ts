// A client that asks for what follows a position, and keeps what it then gets.

import { setTimeout as sleep } from 'node:timers/promises'
import { decodeMessage, Framer, Numbering, type Message, type Position } from '#wire'
import { streamClient, type StreamClient } from './stream-client.js'
import { messageOf } from './stream-writer.js'

const attemptsMax = 5000

export class Subscriber {
  /** `subscribed` and `refused`, in order. */
  readonly answers: Message[] = []
  /** Messages behind the newest answer. */
  messages: Buffer[] = []
  /** What is wrong with how they are numbered. */
  fault: unknown
  client!: StreamClient
  #wake: (() => void)[] = []
  readonly #numbering = new Numbering()
  readonly #framer = new Framer()

  private constructor() {}

  static async connect(path: string, position?: Position): Promise<Subscriber> {
    const self = new Subscriber()
    self.client = await streamClient(path, (bytes) => self.#push(bytes))
    void self.client.ended.then(() => self.#told())
    if (position) self.ask(position)
    return self
  }

  /** Connects as soon as there is a server. */
  static async connectSoon(path: string, position?: Position): Promise<Subscriber> {
    for (let attempt = 0; ; attempt++)
      try {
        return await Subscriber.connect(path, position)
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException
        if (attempt === attemptsMax) throw error
        if (!['ECONNREFUSED', 'ECONNRESET', 'ENOENT'].includes(code ?? '')) throw error
        await sleep(5)
      }
  }

  ask(position: Position): void {
    this.#numbering.subscribing = true
    this.client.socket.write(messageOf('subscribe', position, { seq: 0, epoch: 0 }))
  }

  ack(at: Position & { durable?: number }, who = 'copy'): void {
    const { epoch, seq, durable = seq } = at
    const body = { epoch, received: seq, applied: seq, durable, who }
    this.client.socket.write(messageOf('ack', body, { seq: 0, epoch }))
  }

  /** Of the last message. */
  get position(): Position {
    const { epoch, seq } = this.#numbering
    return { epoch, seq }
  }

  get bytes(): Buffer {
    return Buffer.concat(this.messages)
  }

  /** Waits until that holds, or the connection is over. */
  async until(
    holds: () => boolean,
    isOver = () => this.client.socket.readableEnded,
  ): Promise<void> {
    while (!holds() && !isOver() && !this.client.socket.destroyed)
      await new Promise<void>((resolve) => this.#wake.push(resolve))
  }

  #push(bytes: Buffer): void {
    this.#framer.push(Buffer.from(bytes))
    for (let message = this.#framer.next(); message; message = this.#framer.next())
      this.#take(message)
  }

  #take(message: Buffer): void {
    const decoded = decodeMessage(message)
    try {
      if (decoded) this.#numbering.check(decoded)
    } catch (error) {
      this.fault ??= error
    }
    if (decoded?.name === 'subscribed' || decoded?.name === 'refused') {
      this.answers.push(decoded)
      this.messages = []
    } else if (!this.#numbering.subscribing) this.messages.push(message)
    this.#told()
  }

  #told(): void {
    const wake = this.#wake
    this.#wake = []
    for (const resolve of wake) resolve()
  }
}
