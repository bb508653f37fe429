// Reads a spool from a position on, in blocks of whole messages, across its segments, and goes on as
// it grows.

import { check, close, O_RDONLY, pread } from '#posix'
import { isSize, limits, seqOf, sizeOf, type Position } from '#wire'
import { SegmentScan } from './scan-segment.js'
import { listSegments, openDirectory, openSegment, type Segment } from './spool-directory.js'
import { SpoolError } from './spool-error.js'

const blockSize = 1 << 20

export class SpoolReader {
  readonly path: string
  readonly #directory: number
  readonly #buffer = Buffer.allocUnsafeSlow(blockSize + limits.messageSizeMax)
  #segment: Segment | undefined
  #fd = -1
  #at = 0

  /** Opens a spool for reading, which takes no lock. Throws SystemError. */
  constructor(path: string) {
    this.path = path
    this.#directory = openDirectory(path, false)
  }

  segments(): Segment[] {
    return listSegments(this.#directory, this.path)
  }

  /** Goes to the beginning of the oldest segment. False: the spool is empty as yet. */
  seekOldest(): boolean {
    const [oldest] = this.segments()
    if (!oldest) return false
    this.#enter(oldest)
    return true
  }

  /**
   * Goes behind the message at `position`; the next block begins with the one after it. Throws
   * SpoolError ESPOOL_MISSING where that one is not there any more, or never was.
   */
  seek(position: Position): void {
    const segments = this.segments()
    const at = segments.findLastIndex(
      ({ epoch, seq }) => epoch === position.epoch && seq <= position.seq + 1,
    )
    const segment = segments[at]
    if (!segment) throw new SpoolError('ESPOOL_MISSING', missing(this.path, position, segments[0]))
    this.#enter(segment)
    if (segment.seq > position.seq) return
    const scan = new SegmentScan(this.#fd)
    for (let message = scan.next(); message; message = scan.next()) {
      this.#at = scan.offset
      if (seqOf(message) >= position.seq) return
    }
    const last = segments[at + 1] ? 'damaged' : 'ahead of it'
    throw new SpoolError(
      'ESPOOL_MISSING',
      `the spool '${this.path}' has no message ${position.seq} of epoch ${position.epoch}: ${last}`,
    )
  }

  /**
   * The next whole messages, up to about 1 MiB, in a buffer that is good until the next call;
   * undefined where there is nothing more yet. Only sizes are looked at. Throws SpoolError
   * ESPOOL_DAMAGED where no message can be, or where a finished segment ends within one.
   */
  next(): Buffer | undefined {
    for (;;) {
      if (!this.#segment && !this.seekOldest()) return undefined
      const length = this.#fill()
      const whole = wholeMessages(this.#buffer, length, this.#place)
      if (whole > 0) {
        this.#at += whole
        return this.#buffer.subarray(0, whole)
      }
      if (!this.#advance(length)) return undefined
    }
  }

  close(): void {
    if (this.#fd >= 0) close(this.#fd)
    close(this.#directory)
    this.#fd = -1
  }

  get #place(): string {
    return `${this.path}/${this.#segment?.name ?? ''}, byte ${this.#at}`
  }

  #fill(): number {
    let length = 0
    while (length < this.#buffer.length) {
      const room = this.#buffer.length - length
      const done = check(
        pread(this.#fd, this.#buffer, length, room, this.#at + length),
        'pread',
        this.#place,
      )
      if (done === 0) break
      length += done
    }
    return length
  }

  // To the segment after this one, if it has begun; then this one is finished.
  #advance(left: number): boolean {
    const segment = this.#segment!
    const next = this.segments().find(({ ordinal }) => ordinal > segment.ordinal)
    if (!next) return false
    if (next.ordinal > segment.ordinal + 1)
      throw new SpoolError('ESPOOL_MISSING', `${this.#place}: the segments behind it were trimmed`)
    // It may have grown between the reading and the looking.
    if (this.#fill() > left) return true
    if (left > 0)
      throw new SpoolError('ESPOOL_DAMAGED', `${this.#place}: ${left} bytes that are no message`)
    this.#enter(next)
    return true
  }

  #enter(segment: Segment): void {
    const fd = openSegment(this.#directory, segment.name, O_RDONLY)
    if (fd === undefined)
      throw new SpoolError('ESPOOL_MISSING', `${this.path}/${segment.name}: was trimmed`)
    if (this.#fd >= 0) close(this.#fd)
    this.#fd = fd
    this.#segment = segment
    this.#at = 0
  }
}

function wholeMessages(buffer: Buffer, length: number, place: string): number {
  let at = 0
  while (at + 4 <= length) {
    const size = sizeOf(buffer.subarray(at))
    if (!isSize(size))
      throw new SpoolError('ESPOOL_DAMAGED', `${place}: a message cannot have ${size} bytes`)
    if (at + size > length) break
    at += size
  }
  return at
}

function missing(path: string, { epoch, seq }: Position, oldest: Segment | undefined): string {
  const has = oldest
    ? `it begins with message ${oldest.seq} of epoch ${oldest.epoch}`
    : 'it is empty'
  return `the spool '${path}' does not have what follows message ${seq} of epoch ${epoch}: ${has}`
}
