// The assertions that are under way, several perhaps, each a piece at a time: when the session's
// loop has nothing else to do, and where callers are busy for a small part of the time.

import { randomInt } from 'node:crypto'
import { close, errno, errnoName, escapeName, fstat, O_PATH, S_IFDIR, Stat } from '#posix'
import { assertForm, pathFault, type Body, type OperationName } from '#wire'
import { AssertQueue } from './assert-queue.js'
import type { JournalContext } from './journal-context.js'
import type { InodeKey } from './node.js'
import { openBelow } from './open-below.js'
import type { Sink } from './output.js'
import { begins, Walker, type AssertRequest, type WalkState } from './walker.js'

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
/** The same where callers are busy: none of them waits for longer than a call takes anyway. */
const busyStepMs = 0.1
/** A step is followed by a pause of so many times its length where callers are busy. */
const busyPause = 10
/** Bytes of content that one step states as data, at least. */
const dataMax = 128 << 10
/** How soon it is tried again where nothing could be said: a small pipe is soon empty. */
const waitMs = 5
const smallWaitMs = 1
const smallPipe = 512 << 10
/** The same where the system lacks something for the moment. */
const laterMs = 100
const activeMax = 8
const deepMax = 4

export class Assertions {
  readonly #options: AssertionsOptions
  // The one whose turn it is comes first.
  readonly #active: Walker[] = []
  readonly #waiting = new AssertQueue()
  // Those that can say nothing until another thread has read or hashed more.
  readonly #stuck = new Set<Walker>()
  #dueAt = 0
  #requestsSeen = 0
  #isBusy = false
  /** Of those that have ended. */
  ended = 0
  last: object | undefined
  readonly #since = new Map<Walker, number>()

  constructor(options: AssertionsOptions) {
    this.#options = options
    const { context } = options
    context.isAsserting = () => this.isActive
    context.tree.nameFor = ({ key }, path) => this.#nameFor(key, path)
    context.emitter.onOperation = (name, body) => this.#follow(name, body)
  }

  get isActive(): boolean {
    return this.#active.length > 0
  }

  get isAny(): boolean {
    return this.isActive || this.#waiting.size > 0
  }

  /**
   * Puts one down, to begin at a later step. False: there are too many, nobody would hear it, or it
   * is not one that may be: by its path, its number, or since a part of a whole tree is nothing.
   */
  ask(request: AssertRequest): boolean {
    const { emitter, tree } = this.#options.context
    const { id, path, isDeep, offset, length } = request
    if (!emitter.isAttached || tree.isReservedPath(topOf(path))) return false
    if (id === 0 || (isDeep && offset + length > 0)) return false
    // Who reads the stream knows them by their numbers.
    if (this.#waiting.has(id) || this.#active.some((one) => one.request.id === id)) return false
    return this.#waiting.add(request)
  }

  /** Nobody hears any of them any more. */
  abandon(): void {
    this.#waiting.clear()
    for (const walker of this.#active.splice(0)) {
      walker.abandon(errno.EIO)
      this.#end(walker)
    }
    this.#stuck.clear()
  }

  // The one that may begin now.
  get #next(): AssertRequest | undefined {
    if (this.#active.length >= activeMax) return undefined
    const deep = this.#active.filter(({ request }) => request.isDeep)
    return this.#waiting.peek(deep.length < deepMax, deep.length === 0)
  }

  #begin(request: AssertRequest): void {
    this.#waiting.take(request)
    if (this.#typeAt(request.path) === outside) return this.#stateOutside(request)
    const walker = new Walker(this.#options.context, request)
    this.#active.push(walker)
    this.#since.set(walker, performance.now())
  }

  // For who reads the stream there is nothing.
  #stateOutside(request: AssertRequest): void {
    const { emitter } = this.#options.context
    const { id, path } = request
    emitter.emit('assert-begin', begins(request))
    emitter.emit('assert-absent', { id, path })
    emitter.emit('assert-end', { id, errno: 0 })
  }

  // The type of what is at `path`, -errno, or that it is not journalled.
  #typeAt(path: Buffer): number | typeof outside {
    if (path.length === 0) return S_IFDIR
    const { tree } = this.#options.context
    const fd = openBelow(tree.rootFd, path, O_PATH)
    const stat = new Stat()
    const e = fd < 0 ? fd : fstat(fd, stat.buffer)
    if (fd >= 0) close(fd)
    if (e < 0) return e
    return tree.isOutside(path, stat.type) ? outside : stat.type
  }

  /** Milliseconds until `step` has something to do. */
  get dueMs(): number {
    return this.#isIdle ? Infinity : this.#dueAt - performance.now()
  }

  get #isIdle(): boolean {
    return this.#stuck.size === this.#active.length && !this.#next
  }

  /** Another thread may have done something. */
  wake(): void {
    const { contents } = this.#options.context
    if (contents.collect()) this.#stuck.clear()
    if (!this.isActive) contents.settle()
  }

  step(): void {
    const { context, output, requests, bytesPerSecond } = this.#options
    const { emitter } = context
    const begun = performance.now()
    if (begun < this.#dueAt) return
    this.wake()
    if (this.#isIdle) return
    const room = output.capacity / 2 - output.untaken
    if (room < 0 || (context.spool?.reserve(false) ?? 0) < 0) {
      this.#dueAt = begun + (output.capacity < smallPipe ? smallWaitMs : waitMs)
      return
    }
    const next = this.#next
    if (next) this.#begin(next)
    const walker = this.#active.find((one) => !this.#stuck.has(one))
    const before = walker?.counts.bytes ?? 0
    // Where they are limited, what one step states is little of what a second may.
    const contentMax = bytesPerSecond ? 1 : walker?.isData ? dataMax : Infinity
    const bytesMax = emitter.bytes + room
    const limitMs = this.#isBusy ? busyStepMs : stepMs
    const isOver = () =>
      performance.now() - begun >= limitMs ||
      (walker && walker.counts.bytes - before >= contentMax) ||
      emitter.bytes > bytesMax
    const state = walker && emitter.together(() => this.#go(walker, isOver))
    const now = performance.now()
    this.#isBusy = requests() !== this.#requestsSeen
    this.#requestsSeen = requests()
    // What is more was spent waiting for a processor.
    const tookMs = Math.min(now - begun, stepMs)
    const pauseMs = state === 'later' ? laterMs : this.#isBusy ? tookMs * busyPause : 0
    const bytes = (walker?.counts.bytes ?? 0) - before
    const rateMs = bytesPerSecond ? (bytes * 1000) / bytesPerSecond : 0
    this.#dueAt = Math.max(now + pauseMs, begun + rateMs)
  }

  // It follows what it says itself, so it stays among the others meanwhile.
  #go(walker: Walker, isOver: () => boolean): WalkState {
    let state: WalkState = 'ended'
    try {
      state = walker.step(isOver)
    } catch (error) {
      walker.abandon(errno.EIO)
      throw error
    } finally {
      this.#active.splice(this.#active.indexOf(walker), 1)
      if (state === 'ended') this.#end(walker)
      else this.#active.push(walker)
    }
    if (state === 'waits') this.#stick(walker)
    return state
  }

  #stick(walker: Walker): void {
    this.#stuck.add(walker)
    // What is done by now tells nobody.
    if (this.#options.context.contents.awaitNext()) this.#stuck.clear()
  }

  /**
   * The path that somebody has written, all of it with what is below it: 0, or -EINVAL for what is
   * no path below the mount, -ENOENT (and the like) where nothing is there that is journalled,
   * -EIO where nobody takes the stream, -EAGAIN where too many wait.
   */
  askFor(line: Buffer, form: number): number {
    const { emitter, tree } = this.#options.context
    const path = pathIn(line)
    if (!path || pathFault(path) !== undefined || tree.isReservedPath(topOf(path)))
      return -errno.EINVAL
    if (!emitter.isAttached) return -errno.EIO
    const type = this.#typeAt(path)
    if (type === outside) return -errno.ENOENT
    if (type < 0) return type
    const id = randomInt(1, 2 ** 32)
    const isTaken = this.ask({ id, path, isDeep: true, form, offset: 0, length: 0 })
    return isTaken ? 0 : -errno.EAGAIN
  }

  /** What is under way, and the last that has ended, as JSON. */
  text(): string {
    return `${JSON.stringify(this.describe(), undefined, 2)}\n`
  }

  describe(): { active: object[]; waiting: number; ended: number; last: object | null } {
    const now = performance.now()
    const active = this.#active.map((walker) => this.#describeOne(walker, now))
    return { active, waiting: this.#waiting.size, ended: this.ended, last: this.last ?? null }
  }

  #describeOne(walker: Walker, now: number): object {
    const { request, counts } = walker
    const content = request.form === assertForm.HASHES ? 'hashes' : 'data'
    const seconds = Math.round(now - (this.#since.get(walker) ?? now)) / 1000
    return { path: shown(request.path), content, ...counts, seconds }
  }

  #end(walker: Walker): void {
    const error = walker.errno === 0 ? null : errnoName(walker.errno)
    const time = new Date().toISOString()
    this.last = { ...this.#describeOne(walker, performance.now()), error, time }
    this.#since.delete(walker)
    this.ended++
    if (!this.isActive) this.#options.context.contents.settle()
  }

  // A copy that is current has all names of a file, and any of them will do.
  #nameFor(key: InodeKey, path: Buffer): Buffer | undefined {
    const walkers = this.#active.filter((walker) => walker.knows(key))
    for (const walker of walkers) {
      const name = walker.nameFor(key, path)
      if (walkers.every((other) => other.takes(name))) return name
    }
    return undefined
  }

  #follow<K extends OperationName>(name: K, body: Body<K>): void {
    for (const walker of this.#active) walker.follow(name, body)
  }
}

const shown = (path: Buffer) => escapeName(path) || '.'

const outside = 'outside'

const topOf = (path: Buffer) => {
  const cut = path.indexOf(slash)
  return cut < 0 ? path : path.subarray(0, cut)
}

const newline = 0x0a
const slash = 0x2f
const top = Buffer.alloc(0)

// As people write paths: `.`, `./a`, `a/`. Undefined where nothing is written: a slip is not `.`.
function pathIn(line: Buffer): Buffer | undefined {
  let path = line.at(-1) === newline ? line.subarray(0, -1) : line
  while (path.at(-1) === slash) path = path.subarray(0, -1)
  if (path.length === 0) return undefined
  if (path.toString('latin1') === '.') return top
  return path.toString('latin1', 0, 2) === './' ? path.subarray(2) : Buffer.from(path)
}
