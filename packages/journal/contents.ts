// Content for assertions, read and hashed by other threads while the session's loop goes on. What
// comes back counts only where nothing has changed that content since it was asked for: every
// change of content passes here (`touch`), by the inode, whichever of its names it was made by.

import { HelperThread } from '#posix'
import { ContentSlots, control, jobKind, slotsMax } from './content-slots.js'
import type { InodeKey } from './node.js'
import type { Inode } from './node-table.js'

/** What one job has to do, and its result. */
export interface Piece {
  /** Whose content: of a name that was asked for ahead, not known before it is done. */
  key: InodeKey | undefined
  readonly offset: number
  /** Bytes that were read, once it is done. */
  length: number
  /** 0 or -errno, once it is done. */
  result: number
  isDone: boolean
  /** Something has changed it since it was asked for: it says nothing. */
  isStale: boolean
  /** sha256, or the bytes themselves: a view that is good until `release`. */
  bytes: Buffer
}

interface Job extends Piece {
  readonly slot: number
  readonly wantsData: boolean
  /** Of the touches, the last one before it. */
  readonly since: number
  isReleased: boolean
  readonly onDone: () => void
}

/** Several read while one disk keeps another waiting. */
const threadsMax = 3
/** Slots for what is needed now: that does not wait for what may never be used. */
const reserved = 16
/** So many small files one thread reads before another one would have woken. */
const jobsEach = 16
/** Inodes whose touches are remembered. */
const touchedMax = 65_536
const mask = slotsMax - 1
const none = Buffer.alloc(0)

export class Contents {
  readonly #wakeFd: number
  readonly #keyOf: (inode: Inode) => InodeKey
  readonly #slots = new ContentSlots()
  readonly #threads: HelperThread[] = []
  readonly #free = Array.from({ length: slotsMax }, (_, slot) => slot)
  readonly #small = this.#free.map((slot) => this.#slots.small(slot))
  readonly #data = this.#free.map((slot) => this.#slots.data(slot))
  readonly #underWay: Job[] = []
  readonly #done = new Set<Job>()
  // The last touch of each inode while a file is read whose inode is not known yet.
  readonly #touched = new Map<InodeKey, number>()
  #touches = 0
  #unknown = 0
  // Jobs that no thread was woken for.
  #unstarted = 0

  /** `wakeFd`: an eventfd, signalled when something is done and `isAwaited` was asked. */
  constructor(wakeFd: number, keyOf: (inode: Inode) => InodeKey) {
    this.#wakeFd = wakeFd
    this.#keyOf = keyOf
  }

  /** Whether there is room for what may be needed later. */
  get hasRoom(): boolean {
    return this.#free.length > reserved
  }

  /**
   * All of the regular file `name` in `dirfd`, if it has no more than `sizeMax` bytes (-EFBIG), for
   * later, once `start` is called. `dirfd` stays open until `onDone`. Undefined: there is no room.
   */
  ahead(
    dirfd: number,
    name: Buffer,
    sizeMax: number,
    wantsData: boolean,
    onDone: () => void,
  ): Piece | undefined {
    if (!this.hasRoom) return undefined
    const job = this.#newJob(undefined, 0, sizeMax, wantsData, onDone)
    this.#unknown++
    this.#small[job.slot]!.set(name)
    this.#slots.set(job.slot, 'nameLength', name.length)
    this.#put(job, jobKind.FILE, dirfd)
    return job
  }

  /**
   * `length` bytes from `offset` on of `fd`, which stays open until `onDone`, and is `key`.
   * Undefined: there is no room.
   */
  block(
    key: InodeKey,
    fd: number,
    { offset, length }: { offset: number; length: number },
    wantsData: boolean,
    isNeeded: boolean,
    onDone: () => void,
  ): Piece | undefined {
    if (isNeeded ? this.#free.length === 0 : !this.hasRoom) return undefined
    const job = this.#newJob(key, offset, length, wantsData, onDone)
    this.#slots.setSize(job.slot, 'offset', offset)
    this.#put(job, jobKind.BLOCK, fd)
    // As much work as many small files.
    this.start()
    return job
  }

  /** Has what was asked for begun. */
  start(): void {
    if (this.#unstarted === 0) return
    Atomics.notify(this.#slots.words, control.put, Math.ceil(this.#unstarted / jobsEach))
    this.#unstarted = 0
  }

  /** What `ahead` or `block` gave is of no use any more. */
  release(piece: Piece): void {
    const job = piece as Job
    if (job.isReleased) return
    job.isReleased = true
    if (this.#done.delete(job)) this.#free.push(job.slot)
  }

  /** The content of an inode has changed just now, between those bytes. */
  touch(key: InodeKey, start: number, end: number): void {
    if (this.#underWay.length === 0 && this.#done.size === 0) return
    this.#touches++
    if (this.#unknown > 0) this.#note(key)
    for (const job of this.#underWay) staleBy(job, key, start, end)
    for (const job of this.#done) staleBy(job, key, start, end)
  }

  #note(key: InodeKey): void {
    if (this.#touched.size >= touchedMax) {
      // Which of them it was is not known any more.
      for (const job of this.#underWay) if (job.key === undefined) job.isStale = true
      this.#touched.clear()
    }
    this.#touched.set(key, this.#touches)
  }

  /** Takes in what is done. Whether there was something. */
  collect(): boolean {
    const jobs = this.#underWay
    let left = 0
    for (const job of jobs) {
      if (Atomics.load(this.#slots.words, this.#slots.at(job.slot, 'isDone')) === 0)
        jobs[left++] = job
      else this.#finish(job)
    }
    const found = left < jobs.length
    jobs.length = left
    return found
  }

  /** The eventfd is signalled when half of the jobs are done. Whether one is done already. */
  awaitNext(): boolean {
    if (this.collect() || this.#underWay.length === 0) return true
    const { words } = this.#slots
    // One that waits for a disk keeps nobody else from what is left.
    Atomics.notify(words, control.put)
    Atomics.store(words, control.awaited, Math.ceil(this.#underWay.length / 2))
    return this.collect()
  }

  /** Takes in what is done, and is signalled until all is, so that files are let go of. */
  settle(): void {
    while (this.#underWay.length > 0 && this.awaitNext());
  }

  close(): void {
    const { words } = this.#slots
    Atomics.store(words, control.isClosing, 1)
    Atomics.add(words, control.put, 1)
    Atomics.notify(words, control.put)
    for (const thread of this.#threads) thread.end()
  }

  #newJob(
    key: InodeKey | undefined,
    offset: number,
    length: number,
    wantsData: boolean,
    onDone: () => void,
  ): Job {
    const slot = this.#free.pop()!
    this.#slots.set(slot, 'isDone', 0)
    this.#slots.set(slot, 'length', length)
    this.#slots.set(slot, 'wantsData', wantsData ? 1 : 0)
    return {
      slot,
      key,
      offset,
      length,
      wantsData,
      onDone,
      since: this.#touches,
      result: 0,
      bytes: none,
      isDone: false,
      isStale: false,
      isReleased: false,
    }
  }

  #put(job: Job, kind: number, fd: number): void {
    const { words } = this.#slots
    this.#slots.set(job.slot, 'kind', kind)
    this.#slots.set(job.slot, 'fd', fd)
    this.#underWay.push(job)
    const put = Atomics.load(words, control.put)
    words[control.order + (put & mask)] = job.slot
    Atomics.store(words, control.put, (put + 1) | 0)
    this.#unstarted++
    if (this.#threads.length < threadsMax) this.#grow()
  }

  #finish(job: Job): void {
    const { slot } = job
    job.isDone = true
    job.result = this.#slots.get(slot, 'result')
    if (job.result === 0) job.length = this.#slots.get(slot, 'length')
    if (job.key === undefined) this.#identify(job)
    job.onDone()
    if (job.isReleased) {
      this.#free.push(slot)
      return
    }
    const { wantsData, length } = job
    job.bytes = wantsData ? this.#data[slot]!.subarray(0, length) : hashIn(this.#small[slot]!)
    this.#done.add(job)
  }

  #identify(job: Job): void {
    const { slot } = job
    const slots = this.#slots
    job.key = this.#keyOf({
      inoLow: slots.get(slot, 'inoLow') >>> 0,
      inoHigh: slots.get(slot, 'inoHigh') >>> 0,
      devMajor: slots.get(slot, 'devMajor'),
      devMinor: slots.get(slot, 'devMinor'),
    })
    if ((this.#touched.get(job.key) ?? 0) > job.since) job.isStale = true
    if (--this.#unknown === 0) this.#touched.clear()
  }

  #grow(): void {
    const data = { shared: this.#slots.shared, wakeFd: this.#wakeFd }
    this.#threads.push(new HelperThread(new URL('./content-thread.js', import.meta.url), data))
  }
}

const hashIn = (small: Buffer) => Buffer.from(small.subarray(0, 32))

function staleBy(job: Job, key: InodeKey, start: number, end: number): void {
  if (job.key === key && start < job.offset + job.length && job.offset < end) job.isStale = true
}
