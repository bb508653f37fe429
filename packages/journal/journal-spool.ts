// The journal's own spool: what a call on the mount has changed is there before the call returns,
// and outlives every process.

import { errnoName } from '#posix'
import { SpoolWriter, type SpoolWriterOptions } from '#spool'
import { limits, type Position } from '#wire'
import { IntentFile, noChange, type Change, type Intent } from './intent.js'
import { SpoolSync } from './spool-sync.js'
import type { SyncPool } from './sync-pool.js'

export interface JournalSpoolOptions extends SpoolWriterOptions {
  /** Where it takes nothing though there was room before: wait, or go on without it. */
  readonly onFull: 'block' | 'detach'
  /** Whether to give up waiting, asked now and then. */
  readonly isAbandoned: () => boolean
  /** It takes nothing, as `why` says, and is tried again (null: it does again). */
  readonly onStall: (why: string | null) => void
  /** From now on nothing is written to it. */
  readonly onDetach: (why: string) => void
  /** It could not be made durable, which is tried again. */
  readonly onSyncFailure: (why: string) => void
  readonly syncs: SyncPool
}

/** For one change, but for those that send on whole trees. */
const reservedBytes = limits.messageSizeMax + (256 << 10)
/** For one that may make room. */
const reservedForRemoval = 128 << 10
/** For what nobody has asked for. */
const reservedForQuiet = limits.pathSizeMax + 1024
const waitStepMs = 100

export class JournalSpool {
  readonly #options: JournalSpoolOptions
  readonly #writer: SpoolWriter
  readonly #intent: IntentFile
  readonly #sync: SpoolSync
  readonly #idle = new Int32Array(new SharedArrayBuffer(4))
  #isAttached = true
  /** The last change that was asked for had no room. */
  isFull = false
  /** Where the spool ended before this run, and whether with a bye. Epoch 0: it was empty. */
  readonly previous: Position
  readonly endedCleanly: boolean

  /** Opens the spool for the run `epoch`. Throws SpoolError and SystemError. */
  constructor(options: JournalSpoolOptions, epoch: number) {
    this.#options = options
    this.#writer = new SpoolWriter(options)
    this.previous = this.#writer.position
    this.endedCleanly = this.#writer.ended
    this.#intent = new IntentFile(this.#writer.spool.fd, epoch)
    this.#sync = new SpoolSync(this.#writer, options)
  }

  get isAttached(): boolean {
    return this.#isAttached
  }

  /** What was under way when the run before ended. */
  get left(): Intent | undefined {
    return this.#intent.left
  }

  /** Of the last message that is there. */
  get position(): Position {
    return this.#writer.position
  }

  get spool() {
    return this.#writer.spool
  }

  /** The run is about to begin: see IntentFile. Throws SystemError. */
  begin(after: number, left: Intent | undefined, owedSince: number): void {
    this.#intent.begin(after, left, owedSince)
  }

  /** Makes room for what a change will say: 0, or -errno, and then it must not be done. */
  reserve(isRemoval: boolean): number {
    if (!this.#isAttached || this.#options.onFull === 'detach') return 0
    const e = this.#writer.reserve(isRemoval ? reservedForRemoval : reservedBytes)
    this.isFull = e < 0 || (isRemoval && this.isFull)
    return e
  }

  /** Whether there is room for what nobody has asked for: a tick, a file's time. */
  hasRoom(): boolean {
    if (!this.#isAttached || this.#options.onFull === 'detach') return true
    return this.#writer.reserve(reservedForQuiet) === 0
  }

  /** Notes what is about to be done, see IntentFile. 0, or -errno, and then it must not be done. */
  intend(seq: number, several: boolean, change: Readonly<Change>): number {
    return this.#isAttached ? this.#intent.note(seq, several, change) : 0
  }

  /** Nothing is under way. */
  settle(): void {
    // Where that fails, a path will be stated that need not be.
    if (this.#isAttached) this.#intent.note(0, false, noChange)
  }

  /** Appends a message, and waits for room where there is none; then it is there, or detached. */
  append(buffer: Buffer, size: number): void {
    if (!this.#isAttached) return
    this.#insist(() => this.#writer.append(buffer, size))
    if (this.#options.sync === 'always') this.#insist(() => this.#writer.sync())
  }

  /** Calls `done`, with 0 or -errno, when all that is there is as durable as it is to be. */
  whenDurable(done: (result: number) => void): void {
    if (this.#isAttached && this.#options.sync !== 'none') this.#sync.want(done)
    else done(0)
  }

  /** Milliseconds until `poll` has something to do. */
  get dueMs(): number {
    return this.#isAttached ? this.#sync.dueMs : Infinity
  }

  /** Begins to make durable what is there, where it is time for that. */
  poll(): void {
    if (this.dueMs <= 0) this.#sync.want(() => undefined)
  }

  close(): number {
    this.#isAttached = false
    this.#intent.close()
    return this.#writer.close()
  }

  // Tries until `attempt` gives no error, or it is to go on without the spool.
  #insist(attempt: () => number): void {
    let isStalled = false
    while (this.#isAttached) {
      const done = attempt()
      if (done >= 0) break
      const why = errnoName(-done)
      if (this.#options.onFull === 'detach') return this.#detach(why)
      if (this.#options.isAbandoned()) return this.#detach(`${why}, and it was to end`)
      if (!isStalled) this.#options.onStall(why)
      isStalled = true
      Atomics.wait(this.#idle, 0, 0, waitStepMs)
    }
    if (isStalled) this.#options.onStall(null)
  }

  #detach(why: string): void {
    this.#isAttached = false
    this.#intent.void()
    this.#options.onDetach(why)
  }
}
