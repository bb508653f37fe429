// The copies that acknowledge what they have, and the syncs on the mount that wait for them.

import { errno, escapeName } from '#posix'
import { isDying } from './is-dying.js'
import type { Ack } from './request-reader.js'

export interface ReplicasOptions {
  /** How many copies a sync waits for; 0: it does not. */
  readonly count: number
  /** How long it waits at most; undefined: for ever. */
  readonly timeoutMs: number | undefined
  /** What it does then: fails with EIO, or succeeds with a warning. */
  readonly onTimeout: 'fail' | 'warn'
}

interface Replica {
  ack: Ack
  /** When it came, by the monotonic clock in milliseconds. */
  ackMs: number
  /** Since when it has sent acks without a break, by the wall clock. */
  since: Date
}

interface Waiting {
  readonly seq: number
  /** The thread of the caller. */
  readonly pid: number
  readonly deadlineMs: number
  readonly done: (result: number) => void
  /** The caller got a signal: when it is looked again whether it is to end. */
  lookMs: number
}

/** An idle source ticks each second, so who says nothing for so long is not there. */
const awayMs = 15_000
const replicasMax = 1024
/** How often it is looked whether a caller that got a signal is to end. */
const lookEachMs = 500

export class Replicas {
  readonly #options: ReplicasOptions
  readonly #epoch: number
  readonly #onTimeout: (seq: number, have: number) => void
  // By who they are, the one that was heard last at the end.
  readonly #known = new Map<string, Replica>()
  // By the number of the request.
  readonly #waiting = new Map<number, Waiting>()
  // Those that will wait; whether their callers got a signal.
  readonly #expected = new Map<number, boolean>()

  /** `onTimeout` is told of each message for which too few copies acknowledged in time. */
  constructor(
    options: ReplicasOptions,
    epoch: number,
    onTimeout: (seq: number, have: number) => void,
  ) {
    this.#options = options
    this.#epoch = epoch
    this.#onTimeout = onTimeout
  }

  get isWanted(): boolean {
    return this.#options.count > 0
  }

  /** Whether fewer than are waited for have lately said that they have any of this run durably. */
  get isShort(): boolean {
    const now = performance.now()
    let there = 0
    for (const { ack, ackMs } of this.#known.values())
      if (now - ackMs < awayMs && ack.epoch === this.#epoch && ack.durable > 0) there++
    return there < this.#options.count
  }

  /** What a sync gives where copies can no longer have anything: 0 or -errno. */
  get resultWithout(): number {
    return this.#options.onTimeout === 'warn' ? 0 : -errno.EIO
  }

  get pending(): number {
    return this.#waiting.size
  }

  /** Takes acks; those that speak of messages after `seq`, the last one, are not true. */
  take(acks: readonly Ack[], seq: number): void {
    const now = performance.now()
    for (const ack of acks) {
      const isPossible =
        ack.epoch !== this.#epoch ||
        (ack.received <= seq && ack.applied <= seq && ack.durable <= seq)
      if (isPossible) this.#note(ack, now)
    }
    this.#release()
  }

  /** The request `unique` will have to wait: of its caller's signals is heard only once. */
  expect(unique: number): void {
    if (this.isWanted) this.#expected.set(unique, false)
  }

  /** It is answered. */
  forget(unique: number): void {
    this.#expected.delete(unique)
  }

  /**
   * Calls `done`, with 0 or -errno, once enough copies have message `seq` durably. `unique` is the
   * request's number, `pid` its caller's thread.
   */
  wait(seq: number, unique: number, pid: number, done: (result: number) => void): void {
    const { count, timeoutMs = Infinity } = this.#options
    if (this.#durable(count) >= seq) return done(0)
    const deadlineMs = performance.now() + timeoutMs
    const lookMs = this.#expected.get(unique) ? 0 : Infinity
    this.#waiting.set(unique, { seq, pid, deadlineMs, done, lookMs })
  }

  /** The caller of a request got a signal. */
  interrupt(unique: number): void {
    const waiting = this.#waiting.get(unique)
    if (waiting) this.#look(unique, waiting)
    else if (this.#expected.has(unique)) this.#expected.set(unique, true)
  }

  /** No copy will ever have what is waited for. */
  abandon(): void {
    for (const [unique, waiting] of this.#waiting) this.#finish(unique, waiting, this.resultWithout)
  }

  /** Milliseconds until `expire` has something to do. */
  get dueMs(): number {
    let dueMs = Infinity
    for (const { deadlineMs, lookMs } of this.#waiting.values())
      dueMs = Math.min(dueMs, deadlineMs, lookMs)
    return dueMs - performance.now()
  }

  /** Ends the waits that are over. */
  expire(): void {
    const now = performance.now()
    for (const [unique, waiting] of this.#waiting) {
      if (waiting.deadlineMs <= now) this.#timedOut(unique, waiting)
      else if (waiting.lookMs <= now) this.#look(unique, waiting)
    }
  }

  /** For people and programs; `seq` is the last message's. */
  describe(seq: number): object {
    const now = performance.now()
    const isThere = ({ ackMs }: Replica) => now - ackMs < awayMs
    return {
      wanted: this.#options.count,
      there: [...this.#known.values()].filter(isThere).length,
      waitingCalls: this.pending,
      each: [...this.#known.values()].map((replica) => {
        const { ack, ackMs, since } = replica
        const { who, epoch, received, applied, durable } = ack
        const isPresent = epoch === this.#epoch
        return {
          who: escapeName(Buffer.from(who, 'latin1')),
          there: isThere(replica),
          since: since.toISOString(),
          lastAckSeconds: Math.round((now - ackMs) / 1000),
          position: { epoch, received, applied, durable },
          lagMessages: isPresent ? seq - applied : null,
          undurableMessages: isPresent ? seq - durable : null,
        }
      }),
    }
  }

  #note(ack: Ack, now: number): void {
    const key = keyOf(ack.who)
    const known = this.#known.get(key)
    const isBack = !known || now - known.ackMs >= awayMs
    this.#known.delete(key)
    this.#known.set(key, { ack, ackMs: now, since: isBack ? new Date() : known.since })
    for (const old of this.#known.keys()) {
      if (this.#known.size <= replicasMax) break
      this.#known.delete(old)
    }
  }

  // The last message that `count` copies have durably.
  #durable(count: number): number {
    const numbers: number[] = []
    for (const { ack } of this.#known.values())
      if (ack.epoch === this.#epoch) numbers.push(ack.durable)
    return numbers.sort((a, b) => b - a)[count - 1] ?? 0
  }

  #release(): void {
    if (this.#waiting.size === 0) return
    const durable = this.#durable(this.#options.count)
    for (const [unique, waiting] of this.#waiting)
      if (waiting.seq <= durable) this.#finish(unique, waiting, 0)
  }

  #timedOut(unique: number, waiting: Waiting): void {
    const { seq } = waiting
    let have = 0
    for (const { ack } of this.#known.values())
      if (ack.epoch === this.#epoch && ack.durable >= seq) have++
    this.#onTimeout(seq, have)
    this.#finish(unique, waiting, this.resultWithout)
  }

  // A caller that goes on after its signal goes on waiting, as it would on a disk.
  #look(unique: number, waiting: Waiting): void {
    waiting.lookMs = performance.now() + lookEachMs
    if (isDying(waiting.pid)) this.#finish(unique, waiting, -errno.EINTR)
  }

  #finish(unique: number, { done }: Waiting, result: number): void {
    this.#waiting.delete(unique)
    done(result)
  }
}

// What a copy keeps is 16 digits; what follows them is for people, and may change.
const keyOf = (who: string) => (/^[0-9a-f]{16}( |$)/.test(who) ? who.slice(0, 16) : who)
