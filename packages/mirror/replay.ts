// A stream's bytes taken apart into messages, each of them put where it belongs: numbering,
// position, the tree.

import { errno, escapeName } from '#posix'
import { decodeAny, epochOf, flag, Framer, Numbering, timeOf, WireError } from '#wire'
import type { AnyMessage, Body, Message } from '#wire'
import type { Assertion } from './assertions-options.js'
import { isAssertion, isOperation, type Operation } from './message-kind.js'
import { MirrorError } from './mirror-error.js'
import type { Resume } from './resume.js'
import type { UntilGate } from './until.js'

const nothing = Buffer.alloc(0)

export interface ReplayCounts {
  /** Messages that were applied, by name. */
  readonly applied: Map<string, number>
  /** Messages that had been applied before. */
  skipped: number
  /** Messages of kinds that this version does not know. */
  unknown: number
  /** Bytes of all messages that were read. */
  bytes: number
}

export interface ReplayOptions {
  readonly resume: Resume
  readonly until: UntilGate
  /** Does an operation; `bytes` are its message, and `place` says where in the stream that is. */
  readonly operate: (operation: Operation, bytes: Buffer, place: () => string) => void
  /** What is at a path is stated. */
  readonly onAssertion?: ((message: Assertion, place: () => string) => void) | undefined
  /** The stream does not go on where the mirror is: whether another way is sought. */
  readonly onLost?: ((error: MirrorError) => boolean) | undefined
  /** That way is found, behind this hello. */
  readonly onFound?: ((hello: Buffer) => void) | undefined
  /** The message counts for nothing, until that way is found. */
  readonly isSought?: ((message: AnyMessage) => boolean) | undefined
  /** Another epoch has begun, or messages are missing. */
  readonly onBreak?: (() => void) | undefined
  /** The source is in doubt about a path. */
  readonly onDoubt?: ((body: Body<'doubt'>, seq: number) => void) | undefined
  /** The source has made durable what came before, or says that this was all. */
  readonly onFsync?: (() => void) | undefined
  /** A hello has come; the name is not escaped. */
  readonly onBegin?: ((source: string, epoch: number) => void) | undefined
}

export class Replay {
  readonly counts: ReplayCounts = { applied: new Map(), skipped: 0, unknown: 0, bytes: 0 }
  /** The end that the user has set is reached: no further message is looked at. */
  isDone = false
  readonly #framer = new Framer()
  readonly #numbering = new Numbering()
  readonly #options: ReplayOptions
  #offset = 0
  #seq = 0
  #isResumed = false
  #hasCome = false
  // Another way is sought; and the last hello that has come, which nobody has had if that is so.
  #isLost = false
  #begun: Buffer = nothing

  constructor(options: ReplayOptions) {
    this.#options = options
  }

  /** Takes the next bytes of the stream. `step` has said that it needs them. */
  push(piece: Buffer): void {
    this.#framer.push(piece)
  }

  /**
   * Deals with the next whole message: its bytes, empty where nobody else is to have them, or
   * undefined where more are needed or `isDone`.
   * Throws WireError, MirrorError, and errno errors of the target; the message has then had no
   * effect that trying it again would not mend, and the position is before it.
   */
  step(): Buffer | undefined {
    if (this.isDone) return undefined
    this.#offset = this.#framer.offset
    try {
      const bytes = this.#framer.next()
      if (!bytes) return undefined
      const message = decodeAny(bytes)
      this.#numbering.check(message)
      if (message.flags & flag.HOP) return nothing
      this.#hasCome = true
      if (message.name === 'hello') this.#begun = Buffer.from(bytes)
      if (this.#options.isSought?.(message)) return nothing
      const hello = this.#isLost ? this.#found(message) : nothing
      if (!this.#take(message, bytes)) return undefined
      if (message.name === 'hello') this.#begun = nothing
      this.counts.bytes += bytes.length
      return hello.length > 0 ? Buffer.concat([hello, bytes]) : bytes
    } catch (error) {
      if (error instanceof WireError) throw error.at({ offset: this.#offset })
      if (error instanceof MirrorError && error.code === 'EMIRROR_POSITION') {
        error.message = `${this.#place(this.#seq)}: ${error.message}`
        this.#isLost = this.#options.onLost?.(error) === true
        if (this.#isLost) return nothing
      }
      throw error
    }
  }

  // The hello that whoever reads on from here needs first; empty where he has it.
  #found({ epoch }: AnyMessage): Buffer {
    this.#isLost = false
    const hello = this.#begun
    if (hello.length === 0 || epochOf(hello) !== epoch) return nothing
    this.#options.onFound?.(hello)
    return hello
  }

  /** What comes next follows the mirror's position; the stream says so first. */
  subscribed(): void {
    this.#isResumed = true
    this.#numbering.subscribing = true
  }

  /** Bytes that came and are not dealt with. */
  get pending(): number {
    return this.#framer.pending
  }

  /**
   * The stream has no more bytes. Throws WireError where it may not end here, MirrorError where the
   * user's end was not in it.
   */
  end(): void {
    const { resume, until } = this.#options
    try {
      until.checkEnd(resume)
      if (this.#isResumed && resume.isEnded && !this.#hasCome && this.#framer.pending === 0) return
      this.#numbering.end(this.#framer.pending)
      resume.end()
    } catch (error) {
      throw error instanceof WireError ? error.at({ offset: this.#framer.offset }) : error
    }
  }

  // Whether the message is one before the end.
  #take(message: AnyMessage, bytes: Buffer): boolean {
    const { until, resume } = this.#options
    const { seq } = message
    this.#seq = seq
    if (until.isPast(message, resume, () => timeOf(bytes))) {
      this.#end(message, seq - 1)
      return false
    }
    // Not the source's own: a relay lacks what follows, and nothing is applied by hearing that.
    const isLost = message.name === 'abort' && message.body.errno === errno.ENODATA
    if (isLost && !resume.isPassing) resume.lost(escapeName(message.body.reason))
    else if (message.name === 'hello') this.#hello(message, bytes)
    else if (resume.isNext(message)) this.#next(message, bytes)
    else this.counts.skipped++
    // However often one asks.
    if (message.name === 'abort' && !isLost && !resume.isPassing) {
      const reason = `the source gave up: ${escapeName(message.body.reason)}`
      throw new MirrorError('EMIRROR_ABORT', `${this.#place(seq)}: ${reason}`, { seq })
    }
    if (until.isLast(message, resume)) this.#end(message, seq)
    return true
  }

  // A mirror that is further on stays there, and one that joins too late never was there: that is
  // not what was asked for.
  #end({ epoch, seq }: AnyMessage, last: number): void {
    this.isDone = true
    const { resume, until } = this.#options
    if (resume.isPassing || (epoch === resume.epoch && last < resume.seq))
      throw until.past(resume, last)
    if (until.seq === undefined || until.seq === (last === seq ? seq : resume.seq)) return
    const reason = `--until ${until.shown}: the stream has no such message`
    throw new MirrorError('EMIRROR_PAST', `${reason}: here it goes on with ${seq}`)
  }

  #next(message: AnyMessage, bytes: Buffer): void {
    const { seq, name } = message
    if (name === 'gap')
      this.#options.resume.dropped(message.epoch, message.body.from, message.body.to)
    if (name === 'gap') this.#options.onBreak?.()
    if (isOperation(message)) this.#options.operate(message, bytes, () => this.#place(seq))
    if (isAssertion(message)) this.#options.onAssertion?.(message, () => this.#place(seq))
    if (name === 'doubt') this.#options.onDoubt?.(message.body, seq)
    if (name === 'unknown') this.counts.unknown++
    else this.#count(name)
    this.#options.resume.applied(message, bytes)
    if (name === 'fsync' || name === 'bye') this.#options.onFsync?.()
  }

  #hello(message: Message & { name: 'hello' }, bytes: Buffer): void {
    if (this.#options.resume.hello(message, bytes)) {
      this.#count('hello')
      this.#options.onBreak?.()
    } else this.counts.skipped++
    this.#options.onBegin?.(message.body.source.toString(), message.epoch)
  }

  #count(name: string): void {
    this.counts.applied.set(name, (this.counts.applied.get(name) ?? 0) + 1)
  }

  #place(seq: number): string {
    return `message ${seq}, byte ${this.#offset}`
  }
}
