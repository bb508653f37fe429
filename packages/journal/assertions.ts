// The assertions that are under way, several perhaps, each a piece at a time: when the session's
// loop has nothing else to do, and where callers are busy for a small part of the time.

import { randomInt } from 'node:crypto'
import { errno, escapeName } from '#posix'
import { pathFault, type Body, type OperationName } from '#wire'
import type { JournalContext } from './journal-context.js'
import type { Sink } from './output.js'
import { Walker, type AssertRequest, type WalkCounts } from './walker.js'

export interface AssertionsOptions {
  readonly context: JournalContext
  readonly output: Sink
  /** How many requests of callers there were so far. */
  readonly requests: () => number
  /** Bytes of content that may be stated in a second; 0: as many as go. */
  readonly bytesPerSecond: number
}

/** How long one step may take before it ends; what it does last may be as long again. */
const stepMs = 1
/** A step is followed by a pause of so many times its length where callers are busy. */
const busyPause = 20
/** Stream that the reader has not taken: more is not added to it. */
const untakenMax = 512 << 10
/** Bytes of content that one step states as data, at least; a pipe has room for them, then. */
const dataMax = 128 << 10
/** How soon it is tried again where nothing could be said. */
const waitMs = 5
const activeMax = 16
const waitingMax = 4096

export class Assertions {
  readonly #options: AssertionsOptions
  // The one whose turn it is comes first.
  readonly #active: Walker[] = []
  readonly #waiting: AssertRequest[] = []
  // Those that can say nothing until another thread has read or hashed more.
  readonly #stuck = new Set<Walker>()
  #dueAt = 0
  #requestsSeen = 0
  /** Of those that have ended. */
  ended = 0
  last: { readonly path: string; readonly counts: WalkCounts; readonly ms: number } | undefined
  readonly #since = new Map<Walker, number>()

  constructor(options: AssertionsOptions) {
    this.#options = options
    const { context } = options
    context.isAsserting = () => this.isActive
    context.emitter.onOperation = (name, body) => this.#follow(name, body)
  }

  get isActive(): boolean {
    return this.#active.length > 0
  }

  /** Begins one, or puts it down for later. False: there are too many. */
  ask(request: AssertRequest): boolean {
    if (!this.#options.context.emitter.isAttached) return false
    if (this.#active.length < activeMax) this.#begin(request)
    else if (this.#waiting.length < waitingMax) this.#waiting.push(request)
    else return false
    return true
  }

  #begin(request: AssertRequest): void {
    const walker = new Walker(this.#options.context, request)
    this.#active.push(walker)
    this.#since.set(walker, performance.now())
  }

  /** Milliseconds until `step` has something to do. */
  get dueMs(): number {
    if (this.#stuck.size === this.#active.length) return Infinity
    return this.#dueAt - performance.now()
  }

  /** Another thread may have done something. */
  wake(): void {
    if (this.isActive && this.#options.context.contents.collect()) this.#stuck.clear()
  }

  step(): void {
    const { context, output, requests, bytesPerSecond } = this.#options
    const begun = performance.now()
    if (begun < this.#dueAt) return
    this.wake()
    if (this.#stuck.size === this.#active.length) return
    if (output.untaken > untakenMax || (context.spool?.reserve(false) ?? 0) < 0) {
      this.#dueAt = begun + waitMs
      return
    }
    const walker = this.#next()
    const before = walker.counts.bytes
    const isMuch = () => walker.isData && walker.counts.bytes - before >= dataMax
    const state = walker.step(() => isMuch() || performance.now() - begun >= stepMs)
    if (state === 'ended') this.#end(walker)
    else this.#active.push(walker)
    if (state === 'waits') this.#stick(walker)
    const now = performance.now()
    const isBusy = requests() !== this.#requestsSeen
    this.#requestsSeen = requests()
    const pauseMs = isBusy ? (now - begun) * busyPause : 0
    const rateMs = bytesPerSecond ? ((walker.counts.bytes - before) * 1000) / bytesPerSecond : 0
    this.#dueAt = Math.max(now + pauseMs, begun + rateMs)
  }

  // One of those that are not stuck, in turn.
  #next(): Walker {
    for (;;) {
      const walker = this.#active.shift()!
      if (!this.#stuck.has(walker)) return walker
      this.#active.push(walker)
    }
  }

  #stick(walker: Walker): void {
    this.#stuck.add(walker)
    // What is done by now tells nobody.
    if (this.#options.context.contents.awaitNext()) this.#stuck.clear()
  }

  /** The path that somebody has written, all of it with what is below it. 0 or -errno. */
  askFor(line: Buffer, form: number): number {
    const path = pathIn(line)
    if (pathFault(path) !== undefined) return -errno.EINVAL
    const id = randomInt(1, 2 ** 32)
    const isTaken = this.ask({ id, path, isDeep: true, form, offset: 0, length: 0 })
    return isTaken ? 0 : -errno.EAGAIN
  }

  /** What is under way, and the last that has ended, as JSON. */
  text(): string {
    const { last } = this
    return `${JSON.stringify({ active: this.describe(), waiting: this.#waiting.length, last })}\n`
  }

  /** For the status. */
  describe(): object[] {
    return this.#active.map(({ request, counts }) => ({ path: shown(request.path), ...counts }))
  }

  #end(walker: Walker): void {
    const ms = performance.now() - (this.#since.get(walker) ?? 0)
    this.#since.delete(walker)
    this.ended++
    const next = this.#waiting.shift()
    if (next) this.#begin(next)
    this.last = { path: shown(walker.request.path), counts: walker.counts, ms: Math.round(ms) }
  }

  #follow<K extends OperationName>(name: K, body: Body<K>): void {
    for (const walker of this.#active) walker.follow(name, body)
  }
}

const shown = (path: Buffer) => escapeName(path) || '.'

const newline = 0x0a
const slash = 0x2f
const top = Buffer.alloc(0)

// As people write paths: `.`, `./a`, `a/`.
function pathIn(line: Buffer): Buffer {
  let path = line.at(-1) === newline ? line.subarray(0, -1) : line
  while (path.at(-1) === slash) path = path.subarray(0, -1)
  if (path.toString('latin1') === '.') return top
  return path.toString('latin1', 0, 2) === './' ? path.subarray(2) : Buffer.from(path)
}
