// The assertions of a journal without a mount: they state what a directory holds, step by step,
// and what they say is kept. Operations are emitted as a test wants them.

import { mkdirSync, openSync, closeSync } from 'node:fs'
import { join } from 'node:path'
import { close, eventfd, eventfdClear, poll, POLLIN, PollSet } from '#posix'
import { assertForm, decodeMessage, PathPatterns, type Message, type PathRule } from '#wire'
import { Assertions } from '../../packages/journal/assertions.js'
import { Contents } from '../../packages/journal/contents.js'
import { descriptorBudget } from '../../packages/journal/descriptor-budget.js'
import { Emitter } from '../../packages/journal/emitter.js'
import { JournalContext } from '../../packages/journal/journal-context.js'
import type { Sink } from '../../packages/journal/output.js'
import { Replicas } from '../../packages/journal/replicas.js'
import { SyncPool } from '../../packages/journal/sync-pool.js'
import { Tree } from '../../packages/journal/tree.js'
import type { AssertRequest } from '../../packages/journal/walker.js'
import { tempDirectory } from './temp-directory.js'

/** Keeps what is emitted; nobody reads it. */
class KeptOutput implements Sink {
  isAttached = true
  untaken = 0
  capacity = Infinity
  readonly messages: Message[] = []

  write(buffer: Buffer, size: number): void {
    this.untaken += size
    const message = decodeMessage(Buffer.from(buffer.subarray(0, size)))
    if (message) this.messages.push(message)
  }

  cork(): void {}

  uncork(): void {}

  checkReader(): void {}

  close(): void {
    this.isAttached = false
  }
}

export class StatingJournal {
  readonly store: string
  readonly output = new KeptOutput()
  readonly context: JournalContext
  readonly assertions: Assertions
  /** Paths that could not be stated, with the error's number. */
  readonly unstated: [string, number][] = []
  readonly #wakeFd = eventfd()
  readonly #polled = new PollSet(1)

  constructor(t: { teardown(end: () => unknown): void }, rules: readonly PathRule[] = []) {
    this.store = join(tempDirectory(t).path, 'store')
    mkdirSync(this.store)
    const rootFd = openSync(this.store, 'r')
    const patterns = rules.length ? new PathPatterns(rules) : undefined
    const tree = new Tree(rootFd, patterns, descriptorBudget(1024))
    const syncs = new SyncPool(this.#wakeFd)
    const contents = new Contents(this.#wakeFd, (inode) => tree.nodes.keyOf(inode))
    const none = { count: 0, timeoutMs: undefined, onTimeout: 'warn' } as const
    const replicas = new Replicas(none, 1, () => undefined)
    const emitter = new Emitter(this.output, undefined, 1)
    const parts = { syncs, contents, replicas, spool: undefined }
    this.context = new JournalContext(tree, emitter, parts, { uid: 0, gid: 0 }, () => undefined)
    this.context.onUnstated = (path, e) => this.unstated.push([path.toString(), e])
    this.assertions = new Assertions({
      context: this.context,
      output: this.output,
      requests: () => 0,
      bytesPerSecond: 0,
    })
    this.#polled.set(0, this.#wakeFd, POLLIN)
    t.teardown(() => {
      syncs.close()
      contents.close()
      closeSync(rootFd)
      close(this.#wakeFd)
    })
  }

  /** Asks for a path: whether that is taken. */
  ask(id: number, path: string, more: Partial<AssertRequest> = {}): boolean {
    const all = { isDeep: true, form: assertForm.DATA, offset: 0, length: 0 }
    return this.assertions.ask({ ...all, ...more, id, path: Buffer.from(path) })
  }

  /** One step, and what must come before it. */
  step(): void {
    const { dueMs } = this.assertions
    if (dueMs > 0) this.await(dueMs)
    this.assertions.step()
  }

  /** Waits until another thread has done something, for a second at most. */
  await(limitMs = 1000): void {
    if (poll(this.#polled, Math.min(Math.ceil(limitMs), 1000)) <= 0) return
    eventfdClear(this.#wakeFd)
    this.assertions.wake()
  }

  /** Goes on until nothing is left to be stated. `between`: what happens between steps. */
  finish(between: () => void = () => undefined, stepsMax = 10_000): void {
    for (let steps = 0; steps < stepsMax; steps++) {
      if (this.output.messages.length > 0 && !this.isBusy) return
      this.step()
      between()
    }
    throw new Error('it does not end')
  }

  get isBusy(): boolean {
    const { active, waiting } = this.assertions.describe()
    return active.length + waiting > 0
  }

  /** What was said, in short. */
  said(): string[] {
    return this.output.messages.map(({ name, body }) => {
      const { id, path } = body as { id?: number; path?: Buffer }
      return [name, id, path?.toString()].filter((part) => part !== undefined).join(' ')
    })
  }
}
