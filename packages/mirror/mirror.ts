// A stream replayed into a directory, from opening it to the last message.

import type { Readable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import { check, close, escapeName, Stat, syncfs, umask } from '#posix'
import { LeftOut } from './left-out.js'
import { checkRoot, openRoot } from './open-root.js'
import { Owners, type Ids } from './owners.js'
import { Replay, type ReplayCounts } from './replay.js'
import { Resume } from './resume.js'
import { openState, type StateDirectory } from './state-directory.js'
import { Tree } from './tree.js'

export interface MirrorOptions {
  readonly directory: string
  readonly source: Readable
  /** Adopt a directory that is not empty, or a stream that is not the mirror's. */
  readonly force: boolean
  readonly ids: Ids
  readonly untrusted: boolean
  /** Bytes that no file may pass. */
  readonly maxFileSize: number
  /** Seconds between syncs of the target, or when. */
  readonly sync: number | 'none' | 'always'
  readonly say: (line: string) => void
  /** Ends the replay after the message at hand. */
  readonly signal?: AbortSignal
}

export interface MirrorResult {
  readonly counts: ReplayCounts
  readonly leftOut: LeftOut
}

// How long messages are applied in a row before signals and timers get their turn.
const turnMs = 20

/** Replays until the stream ends. Throws WireError, MirrorError, and errno errors of the target. */
export async function mirror(options: MirrorOptions): Promise<MirrorResult> {
  const shown = escapeName(options.directory)
  const root = openRoot(options.directory, true)
  // Modes are the stream's.
  umask(0)
  const state = openState(root, shown, options.force)
  const leftOut = new LeftOut(options.say)
  const { untrusted, maxFileSize } = options
  const owners = new Owners(options.ids, untrusted, leftOut)
  const tree = new Tree(root, { owners, leftOut, untrusted, maxFileSize })
  const resume = new Resume(state.position.record, state.position, options)
  const replay = new Replay(tree, resume)
  const run = new Run(options, shown, tree, state, resume, replay)
  try {
    await run.all()
    return { counts: replay.counts, leftOut }
  } finally {
    options.source.destroy()
    tree.forgetAll()
    state.close()
    close(root)
  }
}

class Run {
  readonly #options: MirrorOptions
  readonly #shown: string
  readonly #tree: Tree
  readonly #state: StateDirectory
  readonly #resume: Resume
  readonly #replay: Replay
  readonly #stat = new Stat()
  #syncedAt = performance.now()
  #failed = false

  constructor(
    options: MirrorOptions,
    shown: string,
    tree: Tree,
    state: StateDirectory,
    resume: Resume,
    replay: Replay,
  ) {
    this.#options = options
    this.#shown = shown
    this.#tree = tree
    this.#state = state
    this.#resume = resume
    this.#replay = replay
  }

  async all(): Promise<void> {
    const { source, signal } = this.#options
    const stop = () => source.destroy()
    signal?.addEventListener('abort', stop)
    try {
      for await (const piece of source) {
        this.#replay.push(piece as Buffer)
        while (this.#turn() && !signal?.aborted) await setImmediate()
        if (signal?.aborted) return
      }
      this.#replay.end()
    } catch (error) {
      // Our own end of reading, seen from the stream.
      if (!signal?.aborted || this.#failed) throw error
    } finally {
      signal?.removeEventListener('abort', stop)
      this.#end()
    }
  }

  // Whether messages are left.
  #turn(): boolean {
    checkRoot(this.#tree.root, this.#shown, this.#stat)
    const until = performance.now() + turnMs
    try {
      while (this.#replay.step()) if (performance.now() >= until) return true
    } catch (error) {
      this.#failed = true
      throw error
    }
    const { sync } = this.#options
    if (typeof sync === 'number' && until - this.#syncedAt >= sync * 1000) this.#sync()
    if (sync === 'always') this.#sync()
    return false
  }

  #sync(): void {
    const { epoch, seq } = this.#resume
    check(syncfs(this.#tree.root), 'syncfs', this.#shown)
    this.#resume.durable(epoch, seq)
    this.#syncedAt = performance.now()
  }

  #end(): void {
    if (this.#options.sync !== 'none') this.#sync()
    if (!this.#tree.began) this.#resume.settle()
    this.#state.position.sync()
  }
}
