// A recorded stream, as if a relay had it: what follows a position can be asked for.

import { createReadStream } from 'node:fs'
import { Duplex } from 'node:stream'
import {
  decodeMessage,
  epochOf,
  flag,
  flagsOf,
  Framer,
  refusal,
  seqOf,
  subscribedTo,
  WireError,
  type Position,
} from '#wire'
import { oldest, Spool, SpoolReader, watchSpool, type SpoolWatch } from '#spool'
import { readerAfter } from './reader-after.js'
import { Run } from './run-of-messages.js'

/** Whole messages in any pieces, from behind a position or all; rejects where that is not there. */
export type Recorded = (position?: Position) => AsyncGenerator<Buffer>

const ENODATA = 61

export class RecordedConnection extends Duplex {
  readonly #recorded: Recorded
  readonly #requests = new Framer()
  #pieces: AsyncGenerator<Buffer>
  #isReading = false

  constructor(recorded: Recorded) {
    super()
    this.#recorded = recorded
    this.#pieces = recorded()
  }

  override _read(): void {
    if (this.#isReading) return
    this.#isReading = true
    void this.#pull()
  }

  override _write(piece: Buffer, _: BufferEncoding, done: (error?: Error) => void): void {
    try {
      this.#requests.push(piece)
      for (let one = this.#requests.next(); one; one = this.#requests.next()) this.#take(one)
      done()
    } catch (error) {
      done(error as Error)
    }
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    void this.#pieces.return(undefined).then(() => done(error), done)
  }

  #take(message: Buffer): void {
    const request = decodeMessage(message)
    // Others are for a source, and there is none any more.
    if (request?.name !== 'subscribe') return
    void this.#pieces.return(undefined)
    this.#pieces = answered(this.#recorded, request.body)
  }

  async #pull(): Promise<void> {
    try {
      for (let more = true; more;) {
        const pieces = this.#pieces
        const { value, done } = await pieces.next()
        // Another position was asked for meanwhile.
        if (pieces !== this.#pieces && done) continue
        more = this.push(done ? null : value) && !done
      }
    } catch (error) {
      this.destroy(error as Error)
    } finally {
      this.#isReading = false
    }
  }
}

async function* answered(recorded: Recorded, position: Position): AsyncGenerator<Buffer> {
  const { epoch, seq } = position
  const pieces = recorded(epoch === 0 ? undefined : position)
  let first
  try {
    first = await pieces.next()
  } catch (error) {
    yield refusal(ENODATA, (error as Error).message)
    return
  }
  yield subscribedTo({ epoch, seq })
  if (first.done) return
  yield first.value
  yield* pieces
}

/** A recorded stream in a file. What is no message is given on for its reader to judge. */
export const recordedFile = (path: string): Recorded =>
  async function* (position) {
    const framer = new Framer()
    const run = new Run()
    let isBehind = position === undefined
    for await (const piece of createReadStream(path, { highWaterMark: 1 << 20 })) {
      framer.push(piece as Buffer)
      for (let message = framer.next(); message; message = framer.next()) {
        const before = isBehind ? run.add(message) : undefined
        if (before) yield before
        isBehind ||= isAt(message, position!)
      }
      const rest = run.take()
      if (rest) yield rest
    }
    if (!isBehind) throw missing(path, position!)
    if (framer.pending > 0) throw truncated(framer)
  }

/** A spool, to its end or on and on as it grows. Fails with SpoolError, WireError, errno errors. */
export const recordedSpool = (path: string, follow: boolean): Recorded =>
  async function* (position) {
    const spool = new Spool(path)
    let reader: SpoolReader | undefined
    let wake: (isTick: boolean) => void = () => {}
    let watch: SpoolWatch | undefined
    try {
      reader = position
        ? readerAfter(spool, position, undefined)
        : new SpoolReader(spool, oldest(spool))
      const hello = position ? undefined : reader.hello()
      if (hello) yield hello
      if (follow) watch = watchSpool(spool, (isTick) => wake(isTick))
      for (let isTick = false; ;) {
        const woken = new Promise<boolean>((resolve) => (wake = resolve))
        for (let block = reader.next(); block; block = reader.next()) yield Buffer.from(block)
        const pending = !follow || isTick ? reader.pending() : 0
        if (!follow && pending > 0)
          throw new WireError('EWIRE_TRUNCATED', `ends ${pending} bytes into a message`)
        if (!follow) return
        // So that who has gone, or asks for something else, need not wait for a message.
        yield nothing
        isTick = await woken
      }
    } finally {
      watch?.close()
      reader?.close()
      spool.close()
    }
  }

const nothing = Buffer.alloc(0)

const isAt = (message: Buffer, { epoch, seq }: Position): boolean =>
  epochOf(message) === epoch && seqOf(message) === seq && !(flagsOf(message) & flag.HOP)

const truncated = ({ pending, offset }: Framer) =>
  new WireError('EWIRE_TRUNCATED', `ends ${pending} bytes into a message`, { offset })

const missing = (path: string, { epoch, seq }: Position) =>
  new Error(`'${path}' has no message ${seq} of epoch ${epoch}`)
