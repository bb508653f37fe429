// When what was applied is made durable, and what the position's record says of that: first the
// tree, then the record that says so, which then is made durable itself.

import { Worker } from 'node:worker_threads'
import { check, syncfs } from '#posix'
import type { PositionFile } from './position-file.js'
import type { Resume } from './resume.js'

/** Never; so many seconds after the last time; or whenever all that has come in is applied. */
export type SyncPolicy = 'none' | 'always' | number

export interface SyncOptions {
  readonly policy: SyncPolicy
  readonly root: number
  /** The root's path for people. */
  readonly shown: string
  readonly resume: Resume
  readonly position: PositionFile
}

export class Sync {
  readonly #options: SyncOptions
  #thread: Worker | undefined
  // One that is under way in the thread; it never rejects.
  #round: Promise<void> | undefined
  // Why one failed. Another would succeed, and what was lost by then would still be lost.
  #failure: unknown
  #at = performance.now()
  #seq = 0

  constructor(options: SyncOptions) {
    this.#options = options
  }

  /** All that has come in is applied. Throws errno errors. */
  settled(): void {
    const { policy, resume } = this.#options
    if (policy === 'always' && resume.seq !== this.#seq) this.now()
  }

  /** Begins one where it is time for it; replaying goes on meanwhile. Throws errno errors. */
  poll(): void {
    const { policy, resume } = this.#options
    if (this.#failure !== undefined) throw this.#failure
    if (typeof policy !== 'number' || this.#round || resume.seq === this.#seq) return
    if (performance.now() - this.#at < policy * 1000) return
    this.#round = this.#inThread()
      .catch((error: unknown) => this.#fail(error))
      .then(() => (this.#round = undefined))
  }

  /** Makes all durable at once. Throws errno errors. */
  now(): void {
    if (this.#options.policy === 'none') return
    if (this.#failure !== undefined) throw this.#failure
    const { root, shown, resume, position } = this.#options
    const { epoch, seq } = resume
    try {
      check(syncfs(root), 'syncfs', shown)
      this.#durable(epoch, seq)
      position.sync()
    } catch (error) {
      this.#fail(error)
      throw error
    }
  }

  /**
   * The mirror takes up a stream on top of what it is: that is durable before `note` writes the
   * position, and the position before anything is applied. Throws errno errors.
   */
  join(note: () => void): void {
    this.now()
    note()
    this.now()
  }

  /** The replay ends, in order or not. */
  async close(): Promise<void> {
    await this.#round
    await this.#thread?.terminate()
  }

  async #inThread(): Promise<void> {
    const { root, shown, resume, position } = this.#options
    const { epoch, seq } = resume
    check(await this.#ask({ tree: root }), 'syncfs', shown)
    this.#durable(epoch, seq)
    check(await this.#ask({ file: position.fd }), 'fdatasync', position.shown)
  }

  #ask(what: SyncQuestion): Promise<number> {
    const thread = (this.#thread ??= start())
    return new Promise((resolve, reject) => {
      thread.once('error', reject)
      thread.once('message', (e: number) => {
        thread.off('error', reject)
        resolve(e)
      })
      thread.postMessage(what)
    })
  }

  #durable(epoch: number, seq: number): void {
    this.#options.resume.durable(epoch, seq)
    this.#seq = seq
    this.#at = performance.now()
  }

  #fail(error: unknown): void {
    this.#failure = error
    this.#options.resume.distrust()
  }
}

/** A descriptor: of a file system, or of a file. */
export type SyncQuestion = { readonly tree: number } | { readonly file: number }

function start(): Worker {
  const thread = new Worker(new URL('sync-thread.js', import.meta.url))
  thread.unref()
  return thread
}
