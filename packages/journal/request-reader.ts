// Reads what comes back from readers of the stream: whole messages, checked and bounded. What is no
// message ends the reading, and nothing else.

import type { Readable } from 'node:stream'
import { decodeMessage, flag, flagsOf, Framer, typeOf, WireError } from '#wire'
import type { Body, Position } from '#wire'
import type { AssertRequest } from './walker.js'

/** An ack, with the name of the copy byte by byte (latin1). */
export interface Ack {
  readonly who: string
  readonly epoch: number
  readonly received: number
  readonly applied: number
  readonly durable: number
}

/** Who does what is asked for. */
export interface RequestTarget {
  ack(ack: Ack): void
  wantMark(name: Buffer): void
  wantAssert(request: AssertRequest): void
  /** Undefined where nobody can answer it. */
  readonly subscribe?: ((position: Position) => void) | undefined
}

const requestSizeMax = 64 << 10

/** Reads `input`. `ended` is told why it reads no further; undefined: that is the end. */
export class RequestReader {
  readonly #input: Readable
  readonly #target: RequestTarget
  readonly #ended: (why: string | undefined) => void
  readonly #framer = new Framer()
  #isOver = false

  constructor(input: Readable, target: RequestTarget, ended: (why: string | undefined) => void) {
    this.#input = input
    this.#target = target
    this.#ended = ended
    input.on('data', (piece: Buffer) => this.#take(piece))
    input.on('error', (error) => this.#end(error.message))
    input.on('end', () => {
      this.#end(this.#framer.pending > 0 ? 'it ends inside a message' : undefined)
    })
  }

  close(): void {
    this.#isOver = true
    this.#input.destroy()
  }

  #end(why: string | undefined): void {
    if (this.#isOver) return
    this.close()
    this.#ended(why)
  }

  #take(piece: Buffer): void {
    if (this.#isOver) return
    try {
      this.#framer.push(piece)
      for (let next = this.#framer.next(); next; next = this.#framer.next()) {
        refuseLarge(next.length)
        this.#pass(next)
        if (this.#isOver) return
      }
      refuseLarge(this.#framer.pending)
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      this.#end(error.message)
    }
  }

  #pass(bytes: Buffer): void {
    const message = decodeMessage(bytes)
    const target = this.#target
    if (message?.name === 'ack')
      target.ack({ ...message.body, who: message.body.who.toString('latin1') })
    else if (message?.name === 'want-assert') target.wantAssert(assertRequestOf(message.body))
    else if (message?.name === 'want-mark') target.wantMark(Buffer.from(message.body.name))
    else if (message?.name === 'subscribe' && target.subscribe) target.subscribe(message.body)
    else if (flagsOf(bytes) & flag.REQUIRED) {
      const what = message?.name ?? `type 0x${typeOf(bytes).toString(16)}`
      throw new WireError('EWIRE_TYPE', `a message (${what}) that cannot be answered here`)
    }
  }
}

const assertRequestOf = (body: Body<'want-assert'>): AssertRequest => ({
  ...body,
  path: Buffer.from(body.path),
  isDeep: body.depth > 0,
})

function refuseLarge(size: number): void {
  if (size > requestSizeMax)
    throw new WireError('EWIRE_SIZE', `${size} bytes, more than the ${requestSizeMax} of a request`)
}
