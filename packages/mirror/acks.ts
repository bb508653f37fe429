// How far the mirror is, told to its source: now and then while that changes, and at once when what
// somebody waits for is durable.

import { hostname } from 'node:os'
import { realTime } from '#posix'
import { codecs, limits, seal } from '#wire'
import type { Assertions } from './assertions.js'
import type { PositionRecord } from './position-record.js'
import type { Resume } from './resume.js'
import type { Sync } from './sync.js'
import type { Upstream } from './upstream.js'

const eachMs = 100
const whoSizeMax = 255

export interface AcksOptions {
  readonly upstream: Upstream
  readonly resume: Resume
  readonly sync: Sync
  /** Where not all is here that came before the position, nothing of it counts as durable. */
  readonly assertions: Pick<Assertions, 'isActive'>
  /** As `whoOf` makes it. */
  readonly who: Buffer
}

export class Acks {
  readonly #options: AcksOptions
  readonly #out = Buffer.alloc(limits.messageSizeMin + 2 * whoSizeMax)
  readonly #now = { sec: 0, nsec: 0 }
  readonly #timer: NodeJS.Timeout
  // What the source was told last.
  #epoch = 0
  #received = 0
  #applied = 0
  #durable = 0
  #connection = 0

  constructor(options: AcksOptions) {
    this.#options = options
    this.#timer = setInterval(() => this.tell(), eachMs)
    this.#timer.unref()
  }

  /** Tells what is new, if anything is. */
  tell(): void {
    const { upstream, resume, sync, who, assertions } = this.#options
    const { epoch, seq: applied } = resume
    const { received: last, connections, isConnected } = upstream.state()
    if (epoch === 0 || !isConnected) return
    // The numbers of an ack are those of one epoch.
    const received = last?.epoch === epoch ? Math.max(last.seq, applied) : applied
    const isCertain = sync.certain.epoch === epoch && !assertions.isActive
    const durable = isCertain ? sync.certain.seq : 0
    const isNew =
      applied !== this.#applied ||
      received !== this.#received ||
      durable !== this.#durable ||
      epoch !== this.#epoch ||
      connections !== this.#connection
    if (!isNew) return
    const size = codecs.ack.encode(this.#out, { epoch, received, applied, durable, who })
    seal(this.#out, size, 0, realTime(this.#now), epoch)
    // A copy, since it may wait to be written; what cannot be sent now is tried again.
    if (!upstream.send?.(Buffer.from(this.#out.subarray(0, size)))) return
    this.#epoch = epoch
    this.#applied = applied
    this.#received = received
    this.#durable = durable
    this.#connection = connections
    this.#timer.refresh()
  }

  /** Tells the last of it. */
  close(): void {
    clearInterval(this.#timer)
    this.tell()
  }
}

/** A name for a mirror: what it has drawn once, for programs, and where it is, for people. */
export function whoOf({ who0, who1 }: PositionRecord, shown: string): Buffer {
  const hex = [who0, who1].map((word) => word.toString(16).padStart(8, '0')).join('')
  return Buffer.from(`${hex} ${hostname()}:${shown}`).subarray(0, whoSizeMax)
}
