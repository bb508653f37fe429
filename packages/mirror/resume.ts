// Where the mirror is and what may come next: positions, epochs, and the message in doubt.

import { crc32 } from 'node:zlib'
import { check, statx, AT_SYMLINK_NOFOLLOW, Stat, STATX_BASIC_STATS } from '#posix'
import type { AnyMessage, Body, Message } from '#wire'
import { MirrorError } from './mirror-error.js'
import { otherSource } from './other-source.js'
import type { PastEpochs } from './past-epochs.js'
import type { PositionFile, Stored } from './position-file.js'
import type { PositionRecord } from './position-record.js'
import type { Tree } from './tree.js'

const intentExchange = 1
const intentMode = 2
const setIdBits = 0o6000

type Hello = Message & { name: 'hello' }

export interface ResumeOptions {
  /** Take the stream for the mirror's, whatever its epoch. */
  readonly force: () => boolean
  /** All there is will be stated anew: nothing that came before is needed. */
  readonly isStated?: (() => boolean) | undefined
  /** Paths noted as suspect until now. */
  readonly suspects: () => number
  /** The mirror takes up a stream, on top of what it is now; `note` writes that. */
  readonly onJoin: (note: () => void) => void
  /** A hello is taken: those who read on from here later on need it. */
  readonly onHello?: ((bytes: Buffer) => void) | undefined
  /** Messages were missed, and are done without. */
  readonly onForced?: (() => void) | undefined
  readonly say: (line: string) => void
}

export class Resume {
  /** The message at hand may have been applied by a run that could not note it. */
  inDoubt: boolean
  /** It is one of many, since what they did may not have reached the disk. */
  isRewound = false
  /** In this run --force took what would have been refused. */
  isForced = false
  readonly #file: PositionFile | undefined
  readonly #record: PositionRecord
  readonly #past: PastEpochs
  readonly #options: ResumeOptions
  // The last message that is in doubt, while there is one.
  readonly #doubtEpoch: number
  readonly #doubtSeq: number
  // The epoch of a hello, until the first message after it says where the stream joins.
  #joining = 0
  // The past epoch that the stream is in, and the last message of it that was applied.
  #passing = 0
  #passingTo = 0
  #source = 0

  /** Without a `file` nothing is written. */
  constructor({ record, past }: Stored, file: PositionFile | undefined, options: ResumeOptions) {
    this.#record = record
    this.#past = past
    this.#file = file
    this.#options = options
    this.inDoubt = record.doubt === 1
    this.#doubtEpoch = record.epoch
    this.#doubtSeq = record.seq + 1
    if (
      file?.isOtherBoot &&
      (record.seq !== record.durableSeq || record.epoch !== record.durableEpoch)
    ) {
      this.inDoubt = true
      record.epoch = record.durableEpoch
      record.seq = record.durableSeq
      past.backTo(record.epoch)
      record.ended = 0
      record.intent = 0
      this.isRewound = true
    }
  }

  get epoch(): number {
    return this.#record.epoch
  }
  get seq(): number {
    return this.#record.seq
  }
  /** The last message ended its epoch. */
  get isEnded(): boolean {
    return this.#record.ended === 1
  }
  /** What comes now was applied in a past epoch. */
  get isPassing(): boolean {
    return this.#passing !== 0
  }
  /** Whether that epoch is a past one of the mirror. */
  wasIn(epoch: number): boolean {
    return this.#past.lastOf(epoch) !== undefined
  }
  /** Messages applied since the mirror began. */
  get messages(): number {
    return this.#record.messages
  }
  /** Time of the last message, in nanoseconds since 1970; 0 before the first. */
  get time(): bigint {
    return BigInt(this.#record.timeLo) + (BigInt(this.#record.timeHi) << 32n)
  }
  /** Time of the last message, in milliseconds since 1970; 0 before the first. */
  get timeMs(): number {
    return (this.#record.timeLo + this.#record.timeHi * 0x100000000) / 1e6
  }

  /** Messages were dropped on the way, as a gap says. Throws without --force. */
  dropped(epoch: number, from: number, to: number): void {
    this.#skip(epoch, from, to)
  }

  /** Nobody knows which messages are missing, as an abort says. Throws without --force. */
  lost(reason: string): void {
    if (!this.#doesWithout(`goes on without what is missing: ${reason}`))
      throw this.#position(reason, cure)
  }

  /** A hello: whether it is new. Throws where its epoch is not one that can follow. */
  hello(hello: Hello, bytes: Buffer): boolean {
    const { body, epoch } = hello
    const record = this.#record
    this.#source = crc32(body.source)
    this.#passing = 0
    if (record.epoch === epoch) return false
    const last = this.#past.lastOf(epoch)
    if (last !== undefined) {
      this.#passing = epoch
      this.#passingTo = last
      return false
    }
    const isNext = body.previousEpoch === record.epoch && body.previousSeq === record.seq
    if (record.epoch === 0 || (!isNext && this.#isForced(hello))) {
      this.#options.onHello?.(bytes)
      this.#joining = epoch
      return true
    }
    if (!isNext) {
      if (body.previousEpoch !== record.epoch || body.previousSeq < record.seq)
        throw this.#foreign(hello)
      throw this.#missing(record.epoch, record.seq + 1, body.previousSeq)
    }
    if (record.epoch === this.#doubtEpoch && record.seq >= this.#doubtSeq - 1) this.#beyondDoubt()
    this.#options.onHello?.(bytes)
    this.#past.add({ epoch: record.epoch, seq: record.seq })
    record.epoch = epoch
    record.source = this.#source
    this.applied(hello, bytes)
    return true
  }

  /** Whether a message is to be applied; if not, it has been. Throws where others are missing. */
  isNext({ name, epoch, seq, body }: AnyMessage): boolean {
    const record = this.#record
    if (this.#joining === epoch) {
      const before = (name === 'gap' ? body.from : seq) - 1
      // Before anything is applied: a run that is killed now must not join again further on.
      this.#options.onJoin(() => this.#join(epoch, before))
      return true
    }
    if (this.#passing === epoch) {
      if (seq <= this.#passingTo) return false
      throw this.#forked(epoch)
    }
    if (seq <= record.seq) return false
    const first = name === 'gap' ? Math.max(body.from, record.seq + 1) : seq
    if (first > record.seq + 1) this.#skip(epoch, record.seq + 1, first - 1)
    return true
  }

  /** The stream goes on in the mirror's epoch, and so is its source's, with no hello to say so. */
  subscribed(): void {
    this.#source = this.#record.source
  }

  /** The stream is of the source that the mirror has been following. */
  get isSameSource(): boolean {
    return this.#record.source === this.#source
  }

  /** Takes up the stream in `epoch`, with the message that comes next, whatever it was before. */
  rejoin(epoch: number): void {
    this.#passing = 0
    this.#joining = epoch
  }

  #join(epoch: number, seq: number): void {
    const record = this.#record
    if (record.epoch !== 0) this.#past.add({ epoch: record.epoch, seq: record.seq })
    record.epoch = record.durableEpoch = epoch
    record.seq = record.durableSeq = seq
    record.source = this.#source
    record.doubt = 1
    record.ended = 0
    this.#joining = 0
    this.#beyondDoubt()
    this.#write()
  }

  /** An operation is about to begin, which a kill may keep from being noted. */
  begin(): void {
    if (this.#record.doubt === 1) return
    this.#record.doubt = 1
    this.#write()
  }

  /** The message is applied: notes it. Throws errno errors of the position's file. */
  applied(message: AnyMessage, bytes: Buffer): void {
    const record = this.#record
    record.seq = message.seq
    record.bytes += bytes.length
    record.messages++
    record.ended = message.name === 'bye' || message.name === 'abort' ? 1 : 0
    record.suspects = this.#options.suspects()
    record.timeLo = bytes.readUInt32LE(16)
    record.timeHi = bytes.readUInt32LE(20)
    record.doubt = 1
    record.intent = 0
    this.#write()
    if (message.epoch === this.#doubtEpoch && message.seq >= this.#doubtSeq) this.#beyondDoubt()
  }

  #beyondDoubt(): void {
    this.inDoubt = false
    this.isRewound = false
  }

  /** The stream ends. Throws MirrorError where that is before the mirror's own epoch. */
  end(): void {
    if (this.#passing === 0) return
    const there = `the stream ends in epoch ${this.#passing}`
    throw this.#position(there, 'a mirror does not go back: replay into another directory')
  }

  /** What is applied until now has reached the disk, since `position` was the position. */
  durable(epoch: number, seq: number): void {
    this.#record.durableEpoch = epoch
    this.#record.durableSeq = seq
    this.#write()
  }

  /**
   * What was applied since the last durable message may be lost, although the machine did not stop:
   * the next run is to take it as if it had.
   */
  distrust(): void {
    Object.assign(this.#record, noBoot)
    // Where not even that can be written, nothing is left to do.
    this.#file?.write()
  }

  /** The run ends with no message begun. */
  settle(): void {
    this.#record.doubt = this.inDoubt ? 1 : 0
    this.#record.suspects = this.#options.suspects()
    this.#write()
  }

  /**
   * An exchange is its own undoing, so what stands at its first path is noted before. Where the
   * message in doubt finds that noted, and moved, the exchange was done: 0 or -errno of what is
   * left of it. Undefined: it is to be done.
   */
  exchanged(tree: Tree, body: Body<'rename'>): number | undefined {
    const record = this.#record
    const from = tree.parent(body.path)
    if (from < 0 || lookAt(from, tree.name) < 0) return undefined
    if (!this.inDoubt || record.intent !== intentExchange) {
      record.intent = intentExchange
      record.intentLow = stat.inoLow
      record.intentHigh = stat.inoHigh
      this.#write()
      return undefined
    }
    if (isNoted(record)) return undefined
    const to = tree.parent(body.newPath)
    if (to < 0 || lookAt(to, tree.name) < 0 || !isNoted(record)) return undefined
    return (
      tree.setMtime(from, body.dirMtimeSec, body.dirMtimeNsec) ||
      tree.setMtime(to, body.newDirMtimeSec, body.newDirMtimeNsec)
    )
  }

  /** A write will take set-id bits from a file of this mode: the mode that it is to have again. */
  noteMode(mode: number): number {
    const record = this.#record
    if (this.inDoubt && record.intent === intentMode) return record.intentLow
    if (!(mode & setIdBits)) return mode
    record.intent = intentMode
    record.intentLow = mode
    this.#write()
    return mode
  }

  #write(): void {
    if (this.#file) check(this.#file.write(), 'write', '.tfs/position')
  }

  #isForced(hello: Hello): boolean {
    const { epoch: old, seq } = this.#record
    if (this.#isStated && !this.isSameSource && !this.#options.force())
      throw otherSource(hello.body.source)
    return this.#doesWithout(`was at message ${seq} of epoch ${old}; takes up epoch ${hello.epoch}`)
  }

  get #isStated(): boolean {
    return this.#options.isStated?.() === true
  }

  // Whether the user takes on himself what is missing, or it is of no concern.
  #doesWithout(what: string): boolean {
    const isStated = this.#isStated
    if (!isStated && !this.#options.force()) return false
    if (!isStated) this.isForced = true
    this.#options.onForced?.()
    this.#options.say(`${what} (${isStated ? 'all is stated anew' : '--force'})`)
    return true
  }

  #foreign({ epoch, body }: Hello): MirrorError {
    const before = body.previousEpoch
      ? `which follows message ${body.previousSeq} of epoch ${body.previousEpoch}`
      : 'which follows no other'
    const cure =
      'an old or a foreign stream is not replayed onto it (--force takes it all the same)'
    return this.#position(`the stream is of epoch ${epoch}, ${before}`, cure)
  }

  #forked(epoch: number): MirrorError {
    const had = `of epoch ${epoch} it had applied ${this.#passingTo} messages`
    const there = `${had}, the stream has more`
    return this.#position(there, 'it is not the one that the mirror went on with')
  }

  #position(there: string, cure: string): MirrorError {
    const { epoch, seq } = this.#record
    const here = `the mirror is at message ${seq} of epoch ${epoch}`
    return new MirrorError('EMIRROR_POSITION', `${here}; ${there}: ${cure}`)
  }

  /** Messages are missing: throws, unless the user takes that on himself. */
  #skip(epoch: number, from: number, to: number): void {
    if (!this.#doesWithout(`goes on without messages ${from} to ${to} of epoch ${epoch}`))
      throw this.#missing(epoch, from, to)
    this.#record.seq = to
  }

  #missing(epoch: number, from: number, to: number): MirrorError {
    const reason = `messages ${from} to ${to} of epoch ${epoch} are missing`
    return new MirrorError('EMIRROR_POSITION', `${reason}: ${cure}`)
  }
}

const cure =
  'replay a record that has them, or use --bootstrap where the source takes requests, else rsync ' +
  'and then --force'

const noBoot = { boot0: 0, boot1: 0, boot2: 0, boot3: 0 }

const stat = new Stat()

const lookAt = (directory: number, name: Buffer) =>
  statx(directory, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, stat.buffer)

const isNoted = ({ intentLow, intentHigh }: PositionRecord) =>
  intentLow === stat.inoLow && intentHigh === stat.inoHigh
