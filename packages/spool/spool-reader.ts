// Reads a spool from a place on, in blocks of whole messages, across its segments, and goes on as
// it grows. Every message is checked: what was damaged is never given on, nor what lies behind it.

import { check, close, fstat, pread, Stat } from '#posix'
import { checkMessage, isSize, limits, sizeOf, WireError, type Position } from '#wire'
import { afterPosition, oldest, type Place } from './find.js'
import { lookAgain } from './look-again.js'
import { lostMessages } from './lost.js'
import { messageAt, seqBehind } from './scan-segment.js'
import type { Segment } from './spool-directory.js'
import { damagedAt, type Spool } from './spool.js'
import { SpoolError, type SpoolErrorCode } from './spool-error.js'
import { Succession } from './succession.js'

/** At first; it grows to take a message that is larger. */
const blockSize = 256 << 10
/** A directory that has not changed for so long has no segment that was not listed. */
const settledMs = 100

export class SpoolReader {
  readonly spool: Spool
  /** Told once messages are lost to this reader, since they were trimmed before it came to them. */
  onLost: ((from: Position, oldest: Position) => void) | undefined
  #buffer = Buffer.allocUnsafeSlow(blockSize)
  #segment: Segment | undefined
  #fd = -1
  #at = 0
  #succession = new Succession(0, 0)
  // Before what is read next.
  #first: Buffer | undefined
  // What the bytes of the last reading begin with and is not whole.
  #left = 0
  // Byte at which something was found that is no message.
  #doubted = -1
  readonly #stat = new Stat()
  #listedMs = 0
  #listedAt = -1

  /** Reads from `place` on, or all there is. A spool may be empty as yet. */
  constructor(spool: Spool, place?: Place) {
    this.spool = spool
    if (place) this.seek(place)
  }

  /** The last message that was given; before the first, what lies before the place. */
  get position(): Position {
    const { epoch, seq } = this.#succession
    return { epoch, seq }
  }

  /** Goes to a place. Throws SpoolError ESPOOL_TRIMMED where it is gone meanwhile. */
  seek(place: Place): void {
    this.#enter(place.segment)
    this.#at = place.offset
    this.#first = place.first
    this.#succession = new Succession(place.segment.epoch, place.seq)
    // Who has the hello alone may go on with any number.
    this.#succession.joining = place.seq === 1
  }

  /**
   * Goes to what follows a position, or where that is `lost`, to the oldest there is behind a gap.
   * Throws SpoolError of any other code.
   */
  seekBehind(position: Position, lost: readonly SpoolErrorCode[] = ['ESPOOL_TRIMMED']): void {
    try {
      this.seek(afterPosition(this.spool, position))
    } catch (error) {
      if (!(error instanceof SpoolError) || !lost.includes(error.code)) throw error
      this.seekLost(position)
    }
  }

  /** Goes to the oldest message and first gives what says that those behind `position` are lost. */
  seekLost(position: Position): void {
    lookAgain(() => {
      const place = oldest(this.spool)
      if (place) this.#lose(position, place.segment)
    })
  }

  /** The hello that who begins here needs first; undefined at the beginning of an epoch. */
  hello(): Buffer | undefined {
    const { epoch, seq } = this.#succession
    if (epoch === 0 || seq === 0) return undefined
    const hello = this.spool.hello(epoch)
    if (hello) return hello
    const text = `the spool '${this.spool.path}' has lost the hello of epoch ${epoch}`
    throw new SpoolError('ESPOOL_MISSING', text)
  }

  /**
   * The next whole messages, about 256 KiB or one message, in a buffer that is good until the next
   * call; undefined where there is nothing more yet. Throws SpoolError ESPOOL_DAMAGED, with the
   * place and what is lost, and ESPOOL_MISSING.
   */
  next(): Buffer | undefined {
    if (this.#first) return this.#take()
    for (;;) {
      if (!this.#segment && !this.#begin()) return undefined
      const length = this.#fill()
      if (this.#isTooSmall(length)) continue
      const whole = this.#whole(length)
      if (whole < 0) continue
      this.#left = length - whole
      if (whole > 0) {
        this.#at += whole
        return this.#buffer.subarray(0, whole)
      }
      if (!this.#advance()) return this.#first ? this.#take() : undefined
      if (this.#first) return this.#take()
    }
  }

  /**
   * Where `next` has nothing more: bytes of a message that has not come whole. Throws SpoolError
   * ESPOOL_DAMAGED where good messages follow them, which a message on its way has not.
   */
  pending(): number {
    if (!this.#segment || this.#left === 0) return 0
    const { epoch, seq } = this.#succession
    const isLast = seqBehind(this.#fd, this.#at, { epoch, seq }) === undefined
    // It may have come whole by now, as what was found behind it has.
    if (messageAt(this.#fd, this.#at)) return 0
    if (isLast) return this.#left
    throw this.#damaged(new WireError('EWIRE_SIZE', 'a size that is none'), undefined)
  }

  close(): void {
    if (this.#fd >= 0) close(this.#fd)
    this.#fd = -1
    this.#segment = undefined
  }

  #begin(): boolean {
    return lookAgain(() => {
      const place = oldest(this.spool)
      if (place) this.seek(place)
      return place !== undefined
    })
  }

  #take(): Buffer | undefined {
    const first = this.#first
    this.#first = undefined
    return first
  }

  #fill(): number {
    let length = 0
    while (length < this.#buffer.length) {
      const room = this.#buffer.length - length
      const done = pread(this.#fd, this.#buffer, length, room, this.#at + length)
      if (check(done, 'pread', this.#segment!.name) === 0) break
      length += done
    }
    return length
  }

  // Whether the buffer had to grow, and is to be filled again.
  #isTooSmall(length: number): boolean {
    const size = length < 4 ? 0 : sizeOf(this.#buffer)
    if (size <= this.#buffer.length || !isSize(size)) return false
    this.#buffer = Buffer.allocUnsafeSlow(limits.messageSizeMax)
    return true
  }

  // Bytes of the good messages in the buffer; -1: look again. Throws where the first is none.
  #whole(length: number): number {
    let at = 0
    while (at + 4 <= length) {
      const size = this.#buffer.readUInt32LE(at)
      const isPossible = isSize(size)
      if (isPossible && at + size > length) break
      const message = this.#buffer.subarray(at, at + (isPossible ? size : 4))
      const fault = this.#fault(message)
      if (fault && at > 0) break
      if (fault) {
        if (this.#at === 0 && this.#isRenamed()) continue
        // What a kill had left here may have been cut off and written anew between two looks.
        if (this.#doubted !== this.#at) {
          this.#doubted = this.#at
          return -1
        }
        throw this.#damaged(fault, this.#next())
      }
      this.#succession.note(message)
      at += size
    }
    return at
  }

  #fault(message: Buffer): WireError | undefined {
    try {
      const size = sizeOf(message)
      if (!isSize(size)) return new WireError('EWIRE_SIZE', `a message cannot have ${size} bytes`)
      checkMessage(message)
      const fault = this.#succession.fault(message)
      return fault === undefined ? undefined : new WireError('EWIRE_ORDER', fault)
    } catch (error) {
      if (error instanceof WireError) return error
      throw error
    }
  }

  // A segment that is empty may get another name than it had when it was entered.
  #isRenamed(): boolean {
    const segment = this.#segment!
    const segments = this.spool.segments(segment.ordinal)
    const now = segments.find(({ ordinal }) => ordinal === segment.ordinal)
    if (!now || now.name === segment.name) return false
    this.#segment = now
    if (now.epoch !== this.#succession.epoch)
      this.#succession = new Succession(now.epoch, now.seq - 1)
    return true
  }

  #next(): Segment | undefined {
    const here = this.#segment!.ordinal
    return this.spool.segments(here).find(({ ordinal }) => ordinal > here)
  }

  // To the segment behind this one, if it has begun; then this one is finished. True: read on.
  #advance(): boolean {
    if (this.#isSettled()) return false
    return lookAgain(() => {
      const next = this.#next()
      return next !== undefined && this.#advanceTo(next)
    })
  }

  #advanceTo(next: Segment): boolean {
    const segment = this.#segment!
    // It may have grown between the reading and the looking.
    if (this.#fill() > this.#left) return true
    if (this.#left > 0)
      throw this.#damaged(
        new WireError('EWIRE_TRUNCATED', `${this.#left} bytes that are no message`),
        next,
      )
    const { epoch, seq } = this.#succession
    if (next.ordinal > segment.ordinal + 1) this.#lose(this.position, next)
    else if (
      next.epoch === epoch
        ? next.seq !== seq + 1
        : (this.spool.stored(segment)?.size ?? 0) > this.#at
    )
      throw this.#damaged(new WireError('EWIRE_TRUNCATED', 'it ends too early'), next)
    else this.#goOn(next)
    return true
  }

  #goOn(segment: Segment): void {
    const { epoch } = segment
    const goesOn = epoch === this.#succession.epoch
    this.#enter(segment)
    if (!goesOn) this.#succession = new Succession(epoch, segment.seq - 1)
  }

  // What was trimmed in front of the reader is named in its place.
  #lose(position: Position, next: Segment): void {
    const isBegun = position.epoch !== 0
    const lost = isBegun ? lostMessages(position, next, this.spool.hello(next.epoch)) : undefined
    this.#enter(next)
    this.#first = lost
    this.#succession = new Succession(next.epoch, next.seq - 1)
    this.onLost?.(position, next)
  }

  // Whether the directory is as it was when there was no next segment.
  #isSettled(): boolean {
    check(fstat(this.spool.fd, this.#stat.buffer), 'fstat', this.spool.path)
    const changedMs = this.#stat.mtimeSec * 1000 + this.#stat.mtimeNsec / 1e6
    // Times of files come from a clock that ticks, and what happens between two ticks has one time.
    if (changedMs === this.#listedAt && this.#listedMs > changedMs + settledMs) return true
    this.#listedAt = changedMs
    this.#listedMs = Date.now()
    return false
  }

  #enter(segment: Segment): void {
    const fd = this.spool.open(segment.name)
    if (this.#fd >= 0) close(this.#fd)
    this.#fd = fd
    this.#segment = segment
    this.#at = 0
    this.#left = 0
    this.#doubted = -1
    this.#listedAt = -1
  }

  #damaged(error: WireError, next: Segment | undefined): SpoolError {
    const { seq } = this.#succession
    return damagedAt(this.#fd, this.#segment!, { size: this.#at, seq }, next, error)
  }
}
