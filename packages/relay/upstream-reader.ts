// What one client sends back: whole messages, each within a size and a time, or the client is cut.

import type { Socket } from 'node:net'
import { decodeMessage, flag, flagsOf, Framer, isRequest, typeOf, WireError } from '#wire'
import type { Body, Position } from '#wire'
import type { UpstreamTarget } from './upstream-writer.js'

export const upstreamSizeMax = 64 << 10
export const upstreamDeadlineMs = 5000

/** What a client's messages mean to the relay itself. */
export interface UpstreamHandler {
  /** It wants what follows a position. */
  subscribe(position: Position): void
  /** It has so much; the message goes upstream as well. */
  acked(ack: Body<'ack'>): void
  /** The reason for which this client can not be read on: ends the connection. */
  cut(reason: string): void
}

/** Reads a socket's messages into `target`. */
export class UpstreamReader {
  messages = 0
  readonly #socket: Socket
  readonly #target: UpstreamTarget
  readonly #handler: UpstreamHandler
  readonly #framer = new Framer()
  #deadline: NodeJS.Timeout | undefined
  #over = false
  readonly #ready = () => this.#resume()

  constructor(socket: Socket, target: UpstreamTarget, handler: UpstreamHandler) {
    this.#socket = socket
    this.#target = target
    this.#handler = handler
    this.#pauseIfFull()
    socket.on('data', (piece: Buffer) => this.#take(piece))
    // A reader may close its writing side at once, as `nc -N` does, but not inside a message.
    socket.on('end', () => {
      if (this.#framer.pending > 0) this.#stop('ended inside a message')
    })
    socket.on('close', () => {
      this.#rest()
      target.forget(this.#ready)
    })
  }

  #take(piece: Buffer): void {
    if (this.#over) return
    const { messages } = this
    const begun = this.#framer.pending > 0
    try {
      this.#framer.push(piece)
      this.#pass()
      if (this.#framer.pending > upstreamSizeMax) throw tooLarge(this.#framer.pending)
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      return this.#stop(error.message)
    }
    // The time of a message runs from its first byte.
    if (messages !== this.messages || !begun || this.#framer.pending === 0) this.#rest()
    if (this.#framer.pending > 0) this.#watch()
    this.#pauseIfFull()
  }

  #pass(): void {
    for (let message = this.#framer.next(); message; message = this.#framer.next()) {
      if (message.length > upstreamSizeMax) throw tooLarge(message.length)
      // The source reads what many send: what it could not read must not get there.
      const request = decodeMessage(message)
      this.messages++
      if (request?.name === 'subscribe') this.#handler.subscribe(request.body)
      else if (request?.name === 'ack') this.#acked(message, request.body)
      else if (!isForRelay(message)) {
        if (request && !isRequest(typeOf(message))) throw noRequest(request.name)
        this.#target.write(message)
      }
    }
  }

  #acked(message: Buffer, body: Body<'ack'>): void {
    this.#target.acknowledge(body.who, message)
    this.#handler.acked(body)
  }

  // Also before it has sent anything, or many short connections would fill what is full already.
  #pauseIfFull(): void {
    if (this.#target.hasRoom(this.#ready)) return
    this.#socket.pause()
    this.#rest()
  }

  #resume(): void {
    if (this.#over || this.#socket.destroyed) return
    this.#socket.resume()
    if (this.#framer.pending > 0) this.#watch()
  }

  #watch(): void {
    this.#deadline ??= setTimeout(
      () => this.#stop(`a message unfinished after ${upstreamDeadlineMs / 1000} s`),
      upstreamDeadlineMs,
    )
  }

  #rest(): void {
    clearTimeout(this.#deadline)
    this.#deadline = undefined
  }

  #stop(reason: string): void {
    if (this.#over) return
    this.#over = true
    this.#rest()
    this.#handler.cut(reason)
  }
}

const tooLarge = (size: number) =>
  new WireError(
    'EWIRE_SIZE',
    `${size} bytes, more than the ${upstreamSizeMax} of an upstream message`,
  )

const noRequest = (name: string) => new WireError('EWIRE_ORDER', `a ${name}, which is no request`)

/** No other message for the relay itself can be answered: one may be skipped, or is refused. */
export function isForRelay(message: Buffer): boolean {
  const flags = flagsOf(message)
  if (!(flags & flag.HOP)) return false
  if (!(flags & flag.REQUIRED)) return true
  const type = `0x${typeOf(message).toString(16)}`
  throw new WireError(
    'EWIRE_TYPE',
    `a request of type ${type} is not known here; a newer version made it`,
  )
}
