// The journal's own spool: what a call on the mount has changed is there before the call returns,
// and outlives every process.

import { errnoName } from '#posix'
import { SpoolWriter, type SpoolWriterOptions } from '#spool'
import { limits, type Position } from '#wire'
import { IntentFile, type Intent } from './intent.js'

export interface JournalSpoolOptions extends SpoolWriterOptions {
  /** Where it takes nothing though there was room before: wait, or go on without it. */
  readonly onFull: 'block' | 'detach'
  /** Whether to give up waiting, asked now and then. */
  readonly isAbandoned: () => boolean
  /** It takes nothing, as `why` says, and is tried again (null: it does again). */
  readonly onStall: (why: string | null) => void
  /** From now on nothing is written to it. */
  readonly onDetach: (why: string) => void
}

/** For one change, but for those that send on whole trees. */
const reservedBytes = limits.messageSizeMax + (256 << 10)
/** For one that may make room. */
const reservedForRemoval = 128 << 10
const waitStepMs = 100

export class JournalSpool {
  readonly #options: JournalSpoolOptions
  readonly #writer: SpoolWriter
  readonly #intent: IntentFile
  readonly #idle = new Int32Array(new SharedArrayBuffer(4))
  #isAttached = true
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

  /** Makes room for what a change will say: 0, or -errno, and then it must not be done. */
  reserve(isRemoval: boolean): number {
    if (!this.#isAttached || this.#options.onFull === 'detach') return 0
    return this.#writer.reserve(isRemoval ? reservedForRemoval : reservedBytes)
  }

  /** Notes what is about to be done, see IntentFile. 0, or -errno, and then it must not be done. */
  intend(
    seq: number,
    several: boolean,
    one: Buffer | undefined,
    other: Buffer | undefined,
  ): number {
    return this.#isAttached ? this.#intent.note(seq, several, one, other) : 0
  }

  /** Nothing is under way. */
  settle(): void {
    // Where that fails, a path will be in doubt that need not be.
    this.#intent.note(0, false, undefined, undefined)
  }

  /** Appends a message, and waits for room where there is none; then it is there, or detached. */
  append(buffer: Buffer, size: number): void {
    let isStalled = false
    while (this.#isAttached) {
      const done = this.#writer.append(buffer, size)
      if (done >= 0) break
      const why = errnoName(-done)
      if (this.#options.onFull === 'detach') return this.#detach(why)
      if (this.#options.isAbandoned()) return this.#detach(`${why}, and it was to end`)
      if (!isStalled) this.#options.onStall(why)
      isStalled = true
      Atomics.wait(this.#idle, 0, 0, waitStepMs)
    }
    if (isStalled) this.#options.onStall(null)
    if (this.#options.sync === 'always') this.#writer.sync()
  }

  /** A descriptor by which another thread makes durable what is there; undefined: not wanted. */
  durable(): number | undefined {
    if (!this.#isAttached || this.#options.sync === 'none') return undefined
    const fd = this.#writer.duplicate()
    return fd < 0 ? undefined : fd
  }

  close(): number {
    this.#isAttached = false
    this.#intent.close()
    return this.#writer.close()
  }

  #detach(why: string): void {
    this.#isAttached = false
    this.#options.onDetach(why)
  }
}
