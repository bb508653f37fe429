// A broadcast's stream by way of a spool: what comes in is appended there first, unless another
// process does that already; then this one only follows.

import { setTimeout as sleep } from 'node:timers/promises'
import { systemError } from '#posix'
import { makeDirectory, Spool, SpoolError, SpoolWriter } from '#spool'
import type { Keep, SpoolWriterOptions } from '#spool'
import { WireError, type Position } from '#wire'
import type { Input } from './input.js'
import { LimitedLog, type RelayLog } from './limited-log.js'
import { SpoolIntake } from './spool-intake.js'
import { lostText } from './spool-stream.js'
import { SpoolTail, type SpoolEnd } from './spool-tail.js'
import { SpoolTrimmer } from './spool-trimmer.js'

const secondMs = 1000
const scratchSize = 64 << 10

export interface SpoolFeedOptions extends SpoolWriterOptions {
  readonly keep?: Keep | undefined
  /**
   * follow: never written here. own: the input is appended. shared: it is, unless another process
   * writes the spool by the time that the first of it comes; then it is read and not used.
   */
  readonly use: 'follow' | 'own' | 'shared'
}

/** Opens what comes in, which goes on behind `position` if it can. */
export type OpenInput = (position?: Position) => Promise<Input> | Input

export class SpoolFeed {
  readonly spool: Spool
  readonly #options: SpoolFeedOptions
  readonly #log: LimitedLog
  readonly #say: RelayLog
  #passOn: (bytes: Buffer) => void = () => undefined
  readonly #tail: SpoolTail
  #writer: SpoolWriter | undefined
  #intake: SpoolIntake | undefined
  #trimmer: SpoolTrimmer | undefined
  #input: Input | undefined
  #isHeld = false
  #stopping = false
  #isDiscarding = false
  // What has come before it is known where it goes.
  readonly #scratch = Buffer.allocUnsafeSlow(scratchSize)

  /** Throws SpoolError and SystemError. */
  constructor(options: SpoolFeedOptions, log: RelayLog) {
    const { path, use } = options
    this.#options = options
    this.#say = log
    this.#log = new LimitedLog(log)
    if (use !== 'follow') makeDirectory(path)
    this.spool = new Spool(path)
    try {
      if (use === 'own') this.#write()
      this.#tail = new SpoolTail(
        this.spool,
        (bytes) => this.#passOn(bytes),
        (from, oldest) => this.#log.warn('losses', path, lostText(from, oldest)),
      )
    } catch (error) {
      this.close()
      throw error
    }
  }

  /** Where the stream stood when this began. */
  get begin(): SpoolEnd {
    return this.#tail.end
  }

  /** Why the input waits or the stream stands still; undefined where nothing is wrong. */
  get trouble(): string | undefined {
    return this.#isHeld ? `the spool takes nothing: ${this.#failure}` : undefined
  }

  /**
   * Passes all that comes on, until the input ends or `stop`; without one, until `stop`. Throws
   * WireError where that is no clean end, SpoolError, SystemError.
   */
  async run(passOn: (bytes: Buffer) => void, open: OpenInput | undefined): Promise<void> {
    this.#passOn = passOn
    const timer = setInterval(() => this.#eachSecond(), secondMs)
    try {
      if (!open) return await this.#tail.follow()
      const { epoch, seq } = this.begin
      this.#input = await open(epoch === 0 ? undefined : { epoch, seq })
      await this.#read(this.#input)
    } finally {
      clearInterval(timer)
      // Clients may take their time for the rest, while a source that is started again needs it.
      this.#letGo()
    }
    if (!this.#stopping) this.#checkEnd()
  }

  /** `run` ends, with what has come. */
  stop(): void {
    this.#stopping = true
    this.#input?.destroy()
    this.#tail.stop()
  }

  /** Makes all durable that is to be, and lets go. */
  close(): void {
    this.#letGo()
    this.#tail?.close()
    this.spool.close()
    this.#log.close()
  }

  // Writes no more.
  #letGo(): void {
    const e = this.#writer?.close() ?? 0
    if (e < 0) this.#say(this.#options.path, systemError(e, 'fdatasync').message)
    this.#writer = undefined
  }

  async #read(input: Input): Promise<void> {
    const { spool } = this
    let failed: (error: Error) => void = () => undefined
    const ended = new Promise<void>((resolve, reject) => {
      failed = reject
      input.start({
        room: () => (this.#isDiscarding ? this.#scratch : (this.#intake?.room() ?? this.#scratch)),
        filled: (size) => {
          try {
            this.#filled(size)
          } catch (error) {
            reject(error as Error)
          }
          if (this.#intake?.fault) resolve()
        },
        ended: (error) => (error && !this.#stopping ? reject(error) : resolve()),
      })
      if (this.#stopping) input.destroy()
    })
    const following = this.#intake ? undefined : this.#tail.follow().catch(failed)
    try {
      await ended
      // What has come is kept, if need be when there is room for it again.
      while (this.#isHeld && !this.#stopping) await sleep(secondMs / 10)
    } finally {
      input.destroy()
      this.#tail.stop()
      await following
    }
    if (!this.#intake) this.#tail.catchUp()
    const pending = this.#intake?.failure ? this.#intake.pending : 0
    if (pending > 0) this.#say(spool.path, `${pending} bytes that came are not kept`)
  }

  #filled(size: number): void {
    if (this.#isDiscarding) return
    if (!this.#intake) {
      if (!this.#tryToWrite()) return
      this.#scratch.copy(this.#intake!.room(), 0, 0, size)
    }
    if (this.#intake!.fault) return
    this.#intake!.filled(size)
    this.#appended()
  }

  // Who sends to us may be writing the spool itself.
  #tryToWrite(): boolean {
    const { path } = this.#options
    try {
      this.#write()
    } catch (error) {
      if (!(error instanceof SpoolError) || error.code !== 'ESPOOL_LOCKED') throw error
      this.#isDiscarding = true
      this.#log.info(path, 'is written by another process, and followed; the input is not used')
      return false
    }
    this.#tail.stop()
    this.#tail.catchUp()
    return true
  }

  #write(): void {
    const { path, keep } = this.#options
    const writer = new SpoolWriter(this.#options)
    this.#writer = writer
    if (writer.torn !== undefined) this.#say(path, `cut off what a crash had left: ${writer.torn}`)
    const say = (what: string, why: string) => this.#log.warn('gaps', what, why)
    this.#intake = new SpoolIntake(writer, say, (bytes) => this.#passOn(bytes))
    this.#trimmer = new SpoolTrimmer(writer, keep, this.#log)
  }

  #eachSecond(): void {
    if (!this.#intake) return
    this.#intake.retry()
    this.#appended()
  }

  #appended(): void {
    const { failure } = this.#intake!
    const { path } = this.#options
    if (failure < 0 && !this.#isHeld) {
      this.#isHeld = true
      this.#input?.pause()
      this.#say(path, `takes nothing, so the input waits: ${this.#failure}`)
    } else if (failure === 0 && this.#isHeld) {
      this.#isHeld = false
      this.#input?.resume()
      this.#say(path, 'goes on')
    }
    this.#trimmer?.check()
  }

  get #failure(): string {
    return systemError(this.#intake?.failure ?? 0, 'write', this.#options.path).message
  }

  #checkEnd(): void {
    if (this.#intake) return this.#intake.finish()
    const { epoch, seq, ended } = this.spool.newest()
    if (epoch === 0) throw new WireError('EWIRE_TRUNCATED', 'is empty: its source has sent nothing')
    if (!ended)
      throw new WireError('EWIRE_TRUNCATED', 'ends here without a bye: more may be missing', {
        seq,
      })
  }
}
