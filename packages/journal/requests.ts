// What readers of the stream ask for, on its way to the session's thread: of each copy's acks the
// newest, and one mark after the other. What waits for the thread is bounded.

import { escapeName } from '#posix'
import type { Ack, RequestTarget } from './request-reader.js'
import type { AssertRequest } from './walker.js'
import type { SessionThreadRequest } from './session-thread-data.js'

/** Copies whose acks wait; marks that wait for the one that is being set. */
const acksMax = 1024
const marksMax = 256
/** Assertions that wait, and bytes of their paths. */
const assertsMax = 4096
const assertPathsMax = 4 << 20

export class Requests implements RequestTarget {
  readonly #post: (request: SessionThreadRequest) => void
  readonly #log: (what: string, why: string) => void
  readonly #acks = new Map<string, Ack>()
  readonly #marks: Buffer[] = []
  readonly #asserts: AssertRequest[] = []
  #assertPaths = 0
  #areAcksUnderWay = false
  #isMarkUnderWay = false
  #areAssertsUnderWay = false
  #isFull = false

  constructor(
    post: (request: SessionThreadRequest) => void,
    log: (what: string, why: string) => void,
  ) {
    this.#post = post
    this.#log = log
  }

  ack(ack: Ack): void {
    if (this.#acks.size >= acksMax && !this.#acks.has(ack.who)) return
    this.#acks.set(ack.who, ack)
    this.#passAcks()
  }

  wantMark(name: Buffer): void {
    if (this.#marks.length < marksMax) this.#marks.push(name)
    else if (!this.#isFull) this.#log('marks', `${marksMax} are asked for at once: no more are set`)
    this.#isFull = this.#marks.length >= marksMax
    this.#passMark()
  }

  wantAssert(request: AssertRequest): void {
    // Who asked asks again where no answer comes.
    const paths = this.#assertPaths + request.path.length
    if (this.#asserts.length >= assertsMax || paths > assertPathsMax) return
    this.#assertPaths = paths
    this.#asserts.push(request)
    this.#passAsserts()
  }

  /** The thread has begun with them, or put them down. */
  assertsTaken(): void {
    this.#areAssertsUnderWay = false
    this.#passAsserts()
  }

  /** The thread has dealt with the acks. */
  acksTaken(): void {
    this.#areAcksUnderWay = false
    this.#passAcks()
  }

  /** The thread has set the mark, or could not, as -errno says. */
  markDone(name: Uint8Array, result: number): void {
    if (result < 0)
      this.#log(`the mark ${escapeName(name)}`, 'was asked for by a reader, and cannot be set')
    this.#isMarkUnderWay = false
    this.#passMark()
  }

  #passAsserts(): void {
    if (this.#areAssertsUnderWay || this.#asserts.length === 0) return
    this.#areAssertsUnderWay = true
    this.#assertPaths = 0
    this.#post({ wantAsserts: this.#asserts.splice(0) })
  }

  #passAcks(): void {
    if (this.#areAcksUnderWay || this.#acks.size === 0) return
    this.#areAcksUnderWay = true
    this.#post({ acks: [...this.#acks.values()] })
    this.#acks.clear()
  }

  #passMark(): void {
    if (this.#isMarkUnderWay) return
    const name = this.#marks.shift()
    if (!name) return
    this.#isMarkUnderWay = true
    this.#post({ wantMark: name })
  }
}
