// The end that a user sets for a replay: a message's number, a mark, or a moment on the source's
// clock.

import { escapeName } from '#posix'
import type { AnyMessage, Position } from '#wire'
import { MirrorError } from './mirror-error.js'
import type { Resume } from './resume.js'

export type Until =
  /** In the epoch where the mirror is, or that comes. */
  | { readonly kind: 'seq'; readonly seq: number }
  /** `name`: what the user called it. */
  | ({ readonly kind: 'position'; readonly name: string } & Position)
  /** Nanoseconds since 1970. */
  | { readonly kind: 'time'; readonly time: bigint }
  /** The first one of that name that comes. */
  | { readonly kind: 'mark'; readonly name: Buffer }

/**
 * Where the end is. A clock that goes back does not bring messages back in: a message counts as no
 * earlier than any before it.
 */
export class UntilGate {
  readonly #until: Until | undefined
  #latest = 0n
  // A mark of that name has come, behind which the mirror already was.
  #isMarkPast = false

  constructor(until: Until | undefined) {
    this.#until = until
  }

  /** The message that is to be the last, where it was set by its number. */
  get seq(): number | undefined {
    return this.#until && 'seq' in this.#until ? this.#until.seq : undefined
  }

  /** The end for people. */
  get shown(): string {
    const until = this.#until
    if (until?.kind === 'seq') return `${until.seq}`
    return until?.kind === 'mark'
      ? escapeName(until.name)
      : until?.kind === 'time'
        ? ''
        : until!.name
  }

  /**
   * Whether the mirror is at the end before anything comes; `isResumed`: what comes follows its
   * position. Throws MirrorError EMIRROR_PAST where it is behind it.
   */
  isReached(resume: Resume, isResumed: boolean): boolean {
    const until = this.#until
    const { epoch, seq } = resume
    if (!until || epoch === 0) return false
    if (until.kind === 'position') {
      if (resume.wasIn(until.epoch)) throw this.past(resume, until.seq)
      if (epoch !== until.epoch) return false
    } else if (!isResumed) return false
    if (until.kind === 'time' && resume.time > until.time) throw this.past(resume, undefined)
    if (!('seq' in until)) return false
    if (seq > until.seq) throw this.past(resume, until.seq)
    return seq === until.seq
  }

  /** Whether a message lies behind the end. */
  isPast({ epoch, seq }: AnyMessage, resume: Resume, time: () => bigint): boolean {
    const until = this.#until
    if (!until || until.kind === 'mark') return false
    if (until.kind === 'seq') return !resume.isPassing && seq > until.seq
    if (until.kind === 'position') {
      // What follows another epoch than that one may still have it; what follows it does not.
      const isBehind = resume.epoch === until.epoch && !resume.wasIn(epoch)
      return epoch === until.epoch ? seq > until.seq : isBehind
    }
    // A hello that a relay kept is older than what it comes with.
    const now = time()
    if (now > this.#latest) this.#latest = now
    return this.#latest > until.time
  }

  /** Whether a message, with which something was done, is the last before the end. */
  isLast(message: AnyMessage, resume: Resume): boolean {
    const until = this.#until
    const { epoch, seq } = message
    if (!until || until.kind === 'time') return false
    if (until.kind === 'seq') return !resume.isPassing && seq === until.seq
    if (until.kind === 'position') return epoch === until.epoch && seq === until.seq
    if (message.name !== 'mark' || !message.body.name.equals(until.name)) return false
    const isPast = resume.isPassing || (epoch === resume.epoch && seq < resume.seq)
    this.#isMarkPast ||= isPast
    return !isPast
  }

  /** The stream has ended. Throws MirrorError EMIRROR_PAST where the end was to be in it. */
  checkEnd(resume: Resume): void {
    const until = this.#until
    if (!until || until.kind === 'time' || until.kind === 'seq') return
    if (this.#isMarkPast) throw this.past(resume, undefined)
    const what = until.kind === 'mark' ? 'mark' : 'message'
    const reason = `--until ${this.shown}: the stream ends without such a ${what}`
    throw new MirrorError('EMIRROR_PAST', reason)
  }

  /** The mirror is behind the end, which is message `seq` where that is known. */
  past({ epoch, seq: here }: Resume, seq: number | undefined): MirrorError {
    const at = this.#until?.kind === 'position' ? `${this.#until.epoch}:` : ''
    const where = seq === undefined ? '' : ` (${at}${seq})`
    const there = `message ${here} of epoch ${epoch}`
    const reason = `the mirror is at ${there} already, behind the end that was set${where}`
    const cure = 'a mirror does not go back: replay into another directory'
    return new MirrorError('EMIRROR_PAST', `${reason}: ${cure}`)
  }
}
