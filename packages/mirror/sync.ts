// When what was applied is made durable, and what the position's record says of that.

import { Worker } from 'node:worker_threads'
import { check, syncfs } from '#posix'
import type { Resume } from './resume.js'

/** Never; so many seconds after the last time; or whenever all that has come in is applied. */
export type SyncPolicy = 'none' | 'always' | number

export class Sync {
  readonly #policy: SyncPolicy
  readonly #root: number
  readonly #shown: string
  readonly #resume: Resume
  #thread: Worker | undefined
  #isBusy = false
  #failure = 0
  #at = performance.now()
  #seq = 0

  constructor(policy: SyncPolicy, root: number, shown: string, resume: Resume) {
    this.#policy = policy
    this.#root = root
    this.#shown = shown
    this.#resume = resume
  }

  /** All that has come in is applied. Throws errno errors. */
  settled(): void {
    if (this.#policy === 'always' && this.#resume.seq !== this.#seq) this.now()
  }

  /** Begins a sync where it is time for one; replaying goes on meanwhile. Throws errno errors. */
  poll(): void {
    check(this.#failure, 'syncfs', this.#shown)
    if (typeof this.#policy !== 'number' || this.#isBusy || this.#resume.seq === this.#seq) return
    if (performance.now() - this.#at < this.#policy * 1000) return
    const { epoch, seq } = this.#resume
    this.#isBusy = true
    this.#thread ??= this.#start()
    this.#thread.once('message', (e: number) => {
      this.#isBusy = false
      this.#failure = e
      if (e === 0) this.#durable(epoch, seq)
    })
    this.#thread.postMessage(null)
  }

  /** Makes all durable at once. Throws errno errors. */
  now(): void {
    const { epoch, seq } = this.#resume
    check(syncfs(this.#root), 'syncfs', this.#shown)
    this.#durable(epoch, seq)
  }

  /** The replay ends, in order or not. */
  async close(): Promise<void> {
    await this.#thread?.terminate()
  }

  #durable(epoch: number, seq: number): void {
    this.#resume.durable(epoch, seq)
    this.#seq = seq
    this.#at = performance.now()
  }

  #start(): Worker {
    const thread = new Worker(new URL('sync-thread.js', import.meta.url), {
      workerData: { fd: this.#root },
    })
    thread.unref()
    thread.on('error', (error) => {
      throw error
    })
    return thread
  }
}
