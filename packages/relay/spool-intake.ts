// What comes in, appended to a spool: once, in order, whole. What the spool has already is dropped,
// what is missing is named by a gap.

import assert from 'node:assert'
import { firstOf, gapMessage, type Segment, type Spool, type SpoolWriter } from '#spool'
import { checkMessage, codecs, epochOf, flag, flagsOf, isEnd, isRequest, isSize } from '#wire'
import { messageTable, seqOf, typeOf, WireError, type Position } from '#wire'
import { isForRelay } from './upstream-reader.js'

const { hello, bye, abort } = messageTable
/** More than a piece that comes at once and a message that is not whole. */
const bufferSize = 4 << 20

export interface IntakeCounts {
  /** Appended, and their bytes. */
  messages: number
  bytes: number
  /** Dropped, since the spool had them. */
  duplicates: number
  /** Named by gaps. */
  missing: number
}

export class SpoolIntake {
  readonly counts: IntakeCounts = { messages: 0, bytes: 0, duplicates: 0, missing: 0 }
  /** Why nothing behind what was appended can be taken. */
  fault: WireError | undefined
  /** -errno while the spool takes nothing: `retry`. */
  failure = 0
  /** What was appended last could not be made durable. */
  inDoubt = false
  readonly #writer: SpoolWriter
  readonly #say: (what: string, why: string) => void
  readonly #passOn: ((bytes: Buffer) => void) | undefined
  // Appended, and not passed on yet.
  #appended: Buffer[] = []
  readonly #buffer = Buffer.allocUnsafeSlow(bufferSize)
  // What is not dealt with yet.
  #start = 0
  #end = 0
  // Bytes before #start that go into the spool together.
  #run = 0
  #runMessages = 0
  // Of the last message that is in the spool or the run.
  #epoch: number
  #seq: number
  #ended: boolean
  #joining: boolean
  // Epochs that the spool has from before, and their last numbers.
  readonly #old = new Map<number, number>()
  #lastType = 0
  #offset = 0

  /** `passOn` gets what was appended, as durable as the policy has it, in views. */
  constructor(
    writer: SpoolWriter,
    say: (what: string, why: string) => void,
    passOn?: (bytes: Buffer) => void,
  ) {
    this.#writer = writer
    this.#say = say
    this.#passOn = passOn
    this.#epoch = writer.position.epoch
    this.#seq = writer.position.seq
    this.#ended = writer.ended
    this.#joining = writer.joining
    const segments = writer.spool.segments()
    segments.forEach((segment, at) => {
      const isLast = segments[at + 1]?.epoch !== segment.epoch
      if (isLast && segment.epoch !== this.#epoch)
        this.#old.set(segment.epoch, lastSeq(writer.spool, segments, at))
    })
  }

  /** Bytes that have come and are not in the spool. */
  get pending(): number {
    return this.#end - this.#start + this.#run
  }

  /** Where the next bytes go. */
  room(): Buffer {
    if (this.#start > 0 && this.#run === 0) {
      this.#buffer.copyWithin(0, this.#start, this.#end)
      this.#end -= this.#start
      this.#start = 0
    }
    assert(this.#end < bufferSize)
    return this.#buffer.subarray(this.#end)
  }

  /** Says that the first `size` bytes of `room` are there; appends the messages they complete. */
  filled(size: number): void {
    this.#end += size
    if (this.failure === 0) this.retry()
  }

  /** Goes on where the spool took nothing. True: it does again. */
  retry(): boolean {
    this.failure = 0
    try {
      this.#takeAll()
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      this.fault ??= error.at({ offset: this.#offset })
    }
    if (this.failure === 0) this.#flush()
    const committed = this.#writer.commit()
    this.inDoubt = committed < 0
    if (this.failure === 0) this.failure = committed
    this.#passAppended()
    return this.failure === 0
  }

  #passAppended(): void {
    const appended = this.#appended
    this.#appended = []
    if (!this.inDoubt) for (const bytes of appended) this.#passOn?.(bytes)
    // The buffer is used again.
    else this.#appended = appended.map((bytes) => Buffer.from(bytes))
  }

  #append(bytes: Buffer, size: number): number {
    const done = this.#writer.append(bytes, size)
    if (done < 0) this.failure = done
    else if (this.#passOn) this.#appended.push(bytes.subarray(0, done))
    return done
  }

  /** There is no more. Throws WireError where that is no clean end. */
  finish(): void {
    if (this.fault) throw this.fault
    const fail = (reason: string) =>
      new WireError('EWIRE_TRUNCATED', reason, { offset: this.#offset })
    const left = this.#end - this.#start
    if (left > 0) throw fail(`ends ${left} bytes into a message`)
    if (this.#lastType === abort.type) throw fail('ends with abort: the source gave up')
    if (this.#lastType !== bye.type) throw fail('ends here without a bye: more may be missing')
  }

  #takeAll(): void {
    while (!this.fault && this.#end - this.#start >= 4) {
      const size = this.#buffer.readUInt32LE(this.#start)
      if (!isSize(size)) throw new WireError('EWIRE_SIZE', `a message cannot have ${size} bytes`)
      if (this.#end - this.#start < size) return
      const message = this.#buffer.subarray(this.#start, this.#start + size)
      checkMessage(message)
      if (!this.#take(message)) return
      this.#offset += size
    }
  }

  // False: the spool takes nothing now, and this message is to be taken again.
  #take(message: Buffer): boolean {
    const isWanted = this.#isWanted(message)
    if (this.failure < 0) return false
    this.#lastType = typeOf(message)
    if (isWanted) {
      this.#run += message.length
      this.#runMessages++
      this.#note(message)
    } else if (!this.#flush()) return false
    this.#start += message.length
    return true
  }

  #note(message: Buffer): void {
    const type = typeOf(message)
    const isRetained = (flagsOf(message) & flag.RETAIN) !== 0
    this.#joining = isRetained && (this.#joining || type === hello.type)
    this.#ended = isEnd(type)
    this.#seq = seqOf(message)
  }

  // Whether it goes into the spool as it is; what has to go before it is there then.
  #isWanted(message: Buffer): boolean {
    const [type, epoch, seq] = [typeOf(message), epochOf(message), seqOf(message)]
    const wrong = (reason: string) => new WireError('EWIRE_ORDER', reason, { seq })
    if (flagsOf(message) & flag.HOP) return !isForRelay(message)
    if (isRequest(type)) throw wrong('a request within a stream')
    if (type === hello.type && epoch !== this.#epoch) return this.#isNewEpoch(message)
    if (epoch !== this.#epoch) return this.#isOld(epoch, seq)
    if (seq <= this.#seq) return this.#drop()
    const first = firstOf(message)
    if (!(first <= seq)) throw wrong('a gap that is none')
    if (this.#ended) throw wrong('comes after the end of its epoch')
    if (first > this.#seq + 1 && !this.#joining) this.#fill(first - 1)
    // Of a gap the beginning may be there.
    if (first > this.#seq) return true
    this.#fill(seq)
    return false
  }

  #isNewEpoch(message: Buffer): boolean {
    const epoch = epochOf(message)
    if (this.#old.has(epoch)) return this.#drop()
    const { previousEpoch, previousSeq } = codecs.hello.decode(message)
    if (epoch === 0 || seqOf(message) !== 1)
      throw new WireError('EWIRE_FIELD', 'a hello that is none')
    // It is known up to where the last epoch went: what of it did not come may be anything.
    if (!this.#ended && previousEpoch === this.#epoch && previousSeq > this.#seq)
      this.#fill(previousSeq)
    if (this.failure < 0 || !this.#flush()) return false
    this.#checkEpochs(epoch, { epoch: previousEpoch, seq: previousSeq })
    if (this.#epoch !== 0) this.#old.set(this.#epoch, this.#seq)
    this.#epoch = epoch
    this.#seq = 0
    return true
  }

  // Readers refuse what does not follow; here it is named, to be found where it happened.
  #checkEpochs(epoch: number, previous: Position): void {
    const isNext = previous.epoch === this.#epoch && previous.seq === this.#seq
    if (isNext || (this.#ended && previous.epoch === 0) || this.#epoch === 0) return
    const why = this.#ended
      ? `epoch ${epoch} follows message ${previous.seq} of epoch ${previous.epoch}`
      : `epoch ${this.#epoch} goes on to ${epoch} without a bye`
    this.#say('input', `${why}: more may be missing`)
  }

  #isOld(epoch: number, seq: number): boolean {
    const last = this.#old.get(epoch)
    if (last !== undefined && seq <= last) return this.#drop()
    const reason =
      last === undefined
        ? `is of epoch ${epoch}, of which there was no hello`
        : `is of epoch ${epoch}, which had ended with message ${last} in the spool`
    throw new WireError('EWIRE_EPOCH', reason, { seq })
  }

  #drop(): false {
    this.counts.duplicates++
    return false
  }

  // A gap up to `to`.
  #fill(to: number): void {
    const from = this.#seq + 1
    if (!this.#add(gapMessage(this.#epoch, from, to))) return
    this.counts.missing += to - from + 1
    this.#say(
      'input',
      `messages ${from} to ${to} of epoch ${this.#epoch} are missing: a gap says so`,
    )
  }

  #add(message: Buffer): boolean {
    if (!this.#flush()) return false
    if (this.#append(message, message.length) < 0) return false
    this.#note(message)
    return true
  }

  // Appends the run. False where the spool does not take all of it.
  #flush(): boolean {
    while (this.#run > 0) {
      const from = this.#start - this.#run
      const done = this.#append(this.#buffer.subarray(from), this.#run)
      if (done < 0) return false
      this.#run -= done
      this.counts.bytes += done
    }
    this.counts.messages += this.#runMessages
    this.#runMessages = 0
    return true
  }
}

function lastSeq(spool: Spool, segments: readonly Segment[], at: number): number {
  try {
    return spool.index(segments, at).seq
  } catch {
    // It is damaged, and not to be written again from here.
    return Infinity
  }
}
