// A relay whose connections break after so many bytes: it has a stream, and answers who asks for
// what follows a position.

import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { decodeMessage, epochOf, Framer, seqOf, type Body, type Position } from '#wire'
import { refusal, subscribedTo } from '#wire'
import { tempDirectory } from './temp-directory.js'

export type Told = Omit<Body<'ack'>, 'who'> & { readonly who: string }

/** How long a connection may ask for a position before it joins. */
const joinMs = 100

export class FlakyRelay {
  readonly path: string
  /** Positions that were asked for. */
  readonly asked: Position[] = []
  readonly acks: Told[] = []
  connections = 0
  /** Bytes after which a connection ends, drawn anew for each. */
  cutAfter: () => number = () => Infinity
  readonly #messages: Buffer[] = []
  // Connections that take what comes, by how many bytes they still take.
  readonly #live = new Map<Socket, number>()

  private constructor(path: string) {
    this.path = path
  }

  static async start(t: { teardown(end: () => void): void }): Promise<FlakyRelay> {
    const relay = new FlakyRelay(join(tempDirectory(t).path, 'socket'))
    const sockets = new Set<Socket>()
    const server = createServer((socket) => {
      sockets.add(socket)
      relay.#serve(socket)
    })
    await new Promise<void>((resolve) => server.listen(relay.path, resolve))
    t.teardown(() => {
      for (const socket of sockets) socket.destroy()
      server.close()
    })
    return relay
  }

  /** Messages that are new. */
  add(messages: readonly Buffer[]): void {
    this.#messages.push(...messages)
    for (const socket of this.#live.keys()) this.#write(socket, Buffer.concat(messages))
  }

  #serve(socket: Socket): void {
    this.connections++
    const framer = new Framer()
    socket.on('error', () => undefined)
    socket.on('close', () => this.#live.delete(socket))
    // Who asks for nothing gets all there is.
    const joining = setTimeout(() => {
      this.#live.set(socket, this.cutAfter())
      this.#write(socket, Buffer.concat(this.#messages))
    }, joinMs)
    socket.on('data', (piece) => {
      framer.push(piece)
      for (let one = framer.next(); one; one = framer.next()) {
        const request = decodeMessage(one)
        if (request?.name === 'subscribe') {
          clearTimeout(joining)
          this.#answer(socket, request.body)
        }
        if (request?.name !== 'ack') continue
        this.acks.push({ ...request.body, who: request.body.who.toString() })
      }
    })
  }

  #answer(socket: Socket, position: Position): void {
    this.asked.push(position)
    this.#live.set(socket, this.cutAfter())
    const { epoch, seq } = position
    const at = this.#messages.findIndex((m) => epochOf(m) === epoch && seqOf(m) === seq)
    if (at < 0) return this.#refuse(socket, epoch)
    const rest = this.#messages.slice(at + 1)
    this.#write(socket, Buffer.concat([subscribedTo(position), ...rest]))
  }

  #refuse(socket: Socket, epoch: number): void {
    this.#live.delete(socket)
    socket.end(refusal(61, `epoch ${epoch} is not known here`))
  }

  #write(socket: Socket, bytes: Buffer): void {
    const left = this.#live.get(socket)
    if (left === undefined) return
    socket.write(bytes.subarray(0, Math.min(left, bytes.length)))
    this.#live.set(socket, left - bytes.length)
    if (left >= bytes.length) return
    this.#live.delete(socket)
    socket.end()
  }
}
