// Makes the journal's spool durable in another thread: one sync at a time, for all who wait then.

import { errnoName } from '#posix'
import type { SpoolWriter, SyncPolicy } from '#spool'
import type { SyncPool } from './sync-pool.js'

export interface SpoolSyncOptions {
  readonly sync: SyncPolicy
  readonly syncs: SyncPool
  readonly onSyncFailure: (why: string) => void
}

type Done = (result: number) => void

export class SpoolSync {
  readonly #writer: SpoolWriter
  readonly #options: SpoolSyncOptions
  #waiting: Done[] = []
  #isUnderWay = false
  /** When the last one was begun, by the monotonic clock. */
  #begunMs = performance.now()

  constructor(writer: SpoolWriter, options: SpoolSyncOptions) {
    this.#writer = writer
    this.#options = options
  }

  /** Calls `done`, with 0 or -errno, when what has been appended is durable. */
  want(done: Done): void {
    this.#waiting.push(done)
    if (!this.#isUnderWay) this.#begin()
  }

  /** Milliseconds until the policy asks for one. */
  get dueMs(): number {
    const { sync } = this.#options
    if (typeof sync !== 'number' || this.#isUnderWay || this.#writer.isDurable) return Infinity
    return this.#begunMs + sync - performance.now()
  }

  #begin(): void {
    const waiting = this.#waiting
    this.#waiting = []
    this.#begunMs = performance.now()
    const begun = this.#writer.beginSync()
    if (typeof begun !== 'object') return this.#end(waiting, begun ?? 0)
    this.#isUnderWay = true
    this.#options.syncs.sync(begun.fd, true, (result) => {
      this.#writer.endSync(begun, result)
      this.#isUnderWay = false
      if (this.#waiting.length > 0) this.#begin()
      this.#end(waiting, result)
    })
  }

  #end(waiting: readonly Done[], result: number): void {
    if (result < 0) this.#options.onSyncFailure(errnoName(-result))
    for (const done of waiting) done(result)
  }
}
