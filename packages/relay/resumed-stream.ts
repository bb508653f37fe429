// A stream that outlives its connections: where one breaks, the next goes on behind the last
// message that came, so that whoever reads this notices nothing.

import { Readable, type Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { answerOf, Backoff, epochOf, flag, flagsOf, Framer, isEnd, isRefusal } from '#wire'
import { seqOf, subscribeTo, typeOf, WireError, type Position } from '#wire'
import type { RelayLog } from './limited-log.js'
import { looksOn } from './loss-behind.js'
import { Run } from './run-of-messages.js'

export interface ResumeOptions {
  /** What is connected to, for people. */
  readonly name: string
  /**
   * Makes a connection: stream down, requests up. `asks`: a position is asked for before anything
   * else, and what comes before the answer is of no use. Rejects where there is nobody.
   */
  readonly connect: (asks: boolean) => Promise<Duplex>
  /** The first one is made when the stream is read, and only then fails. */
  readonly opensLate?: boolean
  /** Of the last message that the reader has; undefined: whatever comes from now on. */
  readonly position: Position | undefined
  /** Whether a connection that ended, so, is made anew; else its end is the stream's. */
  readonly retry: (error: Error | undefined) => boolean
  /** Whether to wait for the next epoch when one has ended. */
  readonly stay: boolean
  /**
   * A connection on which nothing came for so long is given up: an idle source ticks. Undefined for
   * what may be silent.
   */
  readonly idleMs: number | undefined
  /** The same until the very first piece has come; `idleMs` if left out. */
  readonly firstMs?: number
  readonly signal: AbortSignal
  readonly log: RelayLog
  /** The reader asks by itself: a refusal is for it, and the stream's end. Else it is an error. */
  readonly passesRefusals?: boolean
  /** It is an error where messages behind `position` are missing. Else the stream says so. */
  readonly refusesLoss?: boolean
  /** Requests other than subscriptions reach somebody. */
  readonly takesRequests?: boolean
}

/** After the end of an epoch, for who does not stay: what belongs to it comes at once. */
const endedMs = 1000

export class ResumedStream {
  /** Whole messages. Fails with WireError. */
  readonly stream: Readable
  /** Of the last message that came. */
  position: Position | undefined
  /** How many connections there were. */
  connections = 0
  readonly #options: ResumeOptions
  readonly #backoff = new Backoff()
  readonly #stop = new AbortController()
  #connection: Duplex | undefined
  // The last message that a relay had kept for those who join: it may come again.
  #retained: Position | undefined
  #isEnded = false
  #hasBegun = false
  // Something has, over any connection: before that, a failure is the user's to mend.
  #hasCome = false
  // What comes before the answer to a subscription is not for us.
  #isFlowing = true
  // Our own reader waits for an answer.
  #isAsked = false
  #isRefused = false
  // What comes first may say that messages are missing, which is an error.
  #looksForLoss: boolean
  // How long an answer was waited for.
  #unansweredMs = 0
  #heardMs = performance.now()

  private constructor(options: ResumeOptions, first: Duplex | undefined) {
    this.#options = options
    this.position = options.position
    this.#looksForLoss = options.refusesLoss === true && options.position !== undefined
    const stop = () => this.#stop.abort()
    options.signal.addEventListener('abort', stop)
    this.#stop.signal.addEventListener('abort', () => {
      options.signal.removeEventListener('abort', stop)
      this.#connection?.destroy()
    })
    if (options.signal.aborted) stop()
    this.stream = Readable.from(this.#pieces(first), { objectMode: false })
    this.#destroySoon(first)
  }

  // Otherwise it would wait for the next piece first.
  #destroySoon(first: Duplex | undefined): void {
    const { stream } = this
    const destroy = stream._destroy.bind(stream)
    stream._destroy = (error, done) => {
      this.#stop.abort()
      if (!this.#hasBegun) first?.destroy()
      destroy(error, done)
    }
  }

  /** Whether `send` is of any use. */
  get takesRequests(): boolean {
    return this.#options.takesRequests === true
  }

  /** There is a connection, and what it brings is for the reader. */
  get isConnected(): boolean {
    return this.#connection !== undefined && this.#isFlowing
  }

  /** The last message that came ends its epoch. */
  get isEnded(): boolean {
    return this.#isEnded
  }

  /** Since anything has come. */
  get silentMs(): number {
    return performance.now() - this.#heardMs
  }

  /** Makes the first connection; rejects where that fails. */
  static async open(options: ResumeOptions): Promise<ResumedStream> {
    const { connect, opensLate = false, position } = options
    return new ResumedStream(options, opensLate ? undefined : await connect(!!position))
  }

  /** Sends a request upstream. False: it cannot be sent now, and is left out. */
  send(message: Buffer): boolean {
    const connection = this.#connection
    if (!connection?.writable || connection.writableNeedDrain) return false
    connection.write(message)
    return true
  }

  /**
   * Goes on behind another position; the relay's answer comes first in the stream. `isEnded`: an
   * epoch ends there.
   */
  subscribe(position: Position, isEnded = false): void {
    this.position = position
    this.#isEnded = isEnded
    this.#isAsked = true
    this.#isFlowing = false
    this.#unansweredMs = 0
    // Otherwise the next connection asks by itself.
    this.#connection?.write(subscribeTo(position))
  }

  async *#pieces(first: Duplex | undefined): AsyncGenerator<Buffer> {
    const { name, log, stay, retry, connect } = this.#options
    const { signal } = this.#stop
    let isLost = false
    this.#hasBegun = true
    for (
      let connection: Duplex | undefined = first ?? (await connect(!!this.position));
      !signal.aborted;
      connection = await this.#tryToConnect()
    ) {
      if (!connection) continue
      let failure: Error | undefined
      try {
        for await (const piece of this.#messages(connection)) {
          if (isLost) log(name, 'is back')
          isLost = false
          this.#hasCome = true
          this.#backoff.reset()
          yield piece
        }
      } catch (error) {
        if (error instanceof WireError || isFinal(error)) throw error
        if (!this.#hasCome && !isLoss(error)) throw error
        failure = error as Error
      } finally {
        this.#connection = undefined
        connection.destroy()
      }
      if (signal.aborted || this.#isRefused || (this.#isEnded && !stay)) return
      if (!retry(failure)) {
        if (failure) throw failure
        return
      }
      const why = failure?.message ?? 'the connection has ended'
      if (isLost) log.verbose(name, why)
      else if (!this.#isEnded) log(name, `${why}; trying again until it is back`)
      isLost = true
      await this.#pause()
    }
  }

  async #tryToConnect(): Promise<Duplex | undefined> {
    const { connect, log, name } = this.#options
    try {
      return await connect(!!this.position)
    } catch (error) {
      log.verbose(name, (error as Error).message)
      await this.#pause()
      return undefined
    }
  }

  async #pause(): Promise<void> {
    const { signal } = this.#stop
    // Rejects where the signal came, which the caller then sees.
    await sleep(this.#backoff.next(), undefined, { signal }).catch(() => undefined)
  }

  async *#messages(connection: Duplex): AsyncGenerator<Buffer> {
    this.#connection = connection
    this.connections++
    this.#isFlowing = this.position === undefined
    this.#unansweredMs = 0
    if (this.position) connection.write(subscribeTo(this.position))
    // Where that fails, reading does too.
    connection.on('error', () => undefined)
    const framer = new Framer()
    const run = new Run()
    const pieces = connection[Symbol.asyncIterator]() as AsyncIterator<Buffer, undefined>
    for (;;) {
      const { value, done } = await this.#within(connection, pieces.next())
      if (done) return
      if (value.length > 0) this.#heardMs = performance.now()
      framer.push(value)
      for (let message = framer.next(); message; message = framer.next()) {
        const before = this.#isWanted(message) ? run.add(message) : undefined
        if (before) yield before
      }
      const rest = run.take()
      if (rest) yield rest
      if (this.#isRefused) return
    }
  }

  // Only while something is waited for: a reader of ours that takes its time is no fault of theirs.
  async #within<T>(connection: Duplex, next: Promise<T>): Promise<T> {
    const limitMs = this.#limitMs
    if (limitMs === undefined) return next
    const isAnswered = this.#isFlowing
    const begun = performance.now()
    const limit = `${(this.#patienceMs ?? 0) / 1000} s`
    const why =
      isAnswered || this.#unansweredMs === 0
        ? `nothing came for ${limit}`
        : `does not say within ${limit} what follows a position`
    const timer = setTimeout(() => connection.destroy(new Silence(why)), limitMs)
    try {
      return await next
    } finally {
      clearTimeout(timer)
      if (!isAnswered) this.#unansweredMs += performance.now() - begun
    }
  }

  get #limitMs(): number | undefined {
    if (this.#isEnded && this.#hasCome && !this.#options.stay) return endedMs
    const patienceMs = this.#patienceMs
    // What comes before the answer does not count.
    if (patienceMs === undefined || this.#isFlowing) return patienceMs
    return Math.max(0, patienceMs - this.#unansweredMs)
  }

  get #patienceMs(): number | undefined {
    const { idleMs, firstMs } = this.#options
    return this.#hasCome ? idleMs : (firstMs ?? idleMs)
  }

  #isWanted(message: Buffer): boolean {
    if (flagsOf(message) & flag.HOP) return this.#hop(message)
    return this.#isFlowing && this.#isNew(message)
  }

  #hop(message: Buffer): boolean {
    if (this.#options.passesRefusals && this.#isAsked && isRefusal(message))
      return (this.#isRefused = true)
    const position = answerOf(message, this.#options.name)
    if (!position) return false
    this.#isFlowing = true
    this.position = position
    const isAsked = this.#isAsked
    this.#isAsked = false
    return isAsked
  }

  // What a relay keeps for those who join comes once, though there may be several connections.
  #isNew(message: Buffer): boolean {
    const at = { epoch: epochOf(message), seq: seqOf(message) }
    const { position } = this
    if (position?.epoch === at.epoch && at.seq <= position.seq) return false
    if (position && this.#looksForLoss)
      this.#looksForLoss = looksOn(message, position, this.#options.name)
    this.#isEnded = isEnd(typeOf(message))
    if (position || !(flagsOf(message) & flag.RETAIN)) {
      this.position = at
      return true
    }
    const known = this.#retained
    if (known?.epoch === at.epoch && at.seq <= known.seq) return false
    this.#retained = at
    return true
  }
}

class Silence extends Error {}

/** Whether who was connected to has gone, and was not out of reach: who serves it may come back. */
const isLoss = (error: unknown): boolean =>
  error instanceof Silence ||
  ['EPIPE', 'ECONNRESET'].includes((error as NodeJS.ErrnoException).code ?? '')

/** Whether an error says of itself that trying again would bring it back. */
const isFinal = (error: unknown): boolean =>
  (error as { isFinal?: boolean } | undefined)?.isFinal === true
