// When what was applied is made durable, and what the position's record says of that: first the
// tree, then the record that says so, which then is made durable itself.

import { Worker } from 'node:worker_threads'
import { check, syncfs } from '#posix'
import type { Position } from '#wire'
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
  /** `certain` has moved. Where it is set, somebody waits for that. */
  readonly onCertain?: (() => void) | undefined
}

export class Sync {
  /** Survives a power cut, which the disk has confirmed; epoch 0: nothing is known to. */
  certain: Position = { epoch: 0, seq: 0 }
  readonly #options: SyncOptions
  #thread: Worker | undefined
  // One that is under way in the thread; it never rejects.
  #round: Promise<void> | undefined
  // Why one failed. Another would succeed, and what was lost by then would still be lost.
  #failure: unknown
  #at = performance.now()
  #seq = 0
  #epoch = 0
  #isWanted = false
  #isClosed = false
  // Of those that were done at once: a round that began before one knows less than that did.
  #atOnce = 0

  constructor(options: SyncOptions) {
    this.#options = options
  }

  /** Why one failed; undefined: none has. */
  get failure(): unknown {
    return this.#failure
  }
  /** One is under way. */
  get isBusy(): boolean {
    return this.#round !== undefined
  }
  /** `afterTurn` would begin one. */
  get isDue(): boolean {
    return this.#isWanted && !this.#round
  }

  /** Makes durable what earlier runs have applied: they may not have wanted that. */
  begin(): void {
    const { policy, resume, onCertain } = this.#options
    if (policy !== 'none' && onCertain && resume.epoch !== 0) this.#start()
  }

  /**
   * Somebody waits for what is applied until now. What others want while one is under way is done
   * with the next one, all at once.
   */
  want(): void {
    const { policy, onCertain } = this.#options
    if (policy !== 'none' && onCertain) this.#isWanted = true
  }

  /** Messages have been applied; all that came in where `isSettled`. Throws errno errors. */
  afterTurn(isSettled: boolean): void {
    const { policy, onCertain } = this.#options
    if (this.#failure !== undefined) throw this.#failure
    if (policy === 'always' && this.#hasMoved) {
      if (onCertain) this.#isWanted = true
      else if (isSettled) this.now()
    }
    if (this.isDue) this.#start()
  }

  get #hasMoved(): boolean {
    const { seq, epoch } = this.#options.resume
    return seq !== this.#seq || epoch !== this.#epoch
  }

  /** Begins one where it is time for it; replaying goes on meanwhile. Throws errno errors. */
  poll(): void {
    const { policy } = this.#options
    if (this.#failure !== undefined) throw this.#failure
    if (typeof policy !== 'number' || this.#round || !this.#hasMoved) return
    if (performance.now() - this.#at >= policy * 1000) this.#start()
  }

  #start(): void {
    this.#isWanted = false
    this.#round = this.#inThread()
      .catch((error: unknown) => this.#fail(error))
      .then(() => {
        this.#round = undefined
        if (this.isDue && !this.#isClosed && this.#failure === undefined) this.#start()
      })
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
      this.#atOnce++
      this.#confirm(epoch, seq)
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
    this.#isClosed = true
    await this.#round
    await this.#thread?.terminate()
  }

  async #inThread(): Promise<void> {
    const { root, shown, resume, position } = this.#options
    const { epoch, seq } = resume
    const atOnce = this.#atOnce
    check(await this.#ask({ tree: root }), 'syncfs', shown)
    if (this.#atOnce !== atOnce) return
    this.#durable(epoch, seq)
    check(await this.#ask({ file: position.fd }), 'fdatasync', position.shown)
    if (this.#atOnce === atOnce) this.#confirm(epoch, seq)
  }

  #confirm(epoch: number, seq: number): void {
    this.certain = { epoch, seq }
    this.#options.onCertain?.()
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
    this.#epoch = epoch
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
