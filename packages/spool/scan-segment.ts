// Reads a segment message by message, as far as it is good.

import { check, pread } from '#posix'
import { checkMessage, isSize, limits, seqOf, sizeOf, WireError } from '#wire'
import { SpoolError } from './spool-error.js'

const windowSize = 4 << 20

/** Messages of an open segment from byte `start`, in views that are good until the next one. */
export class SegmentScan {
  readonly #fd: number
  readonly #window = Buffer.allocUnsafeSlow(windowSize)
  #windowAt: number
  #windowLength = 0
  /** Byte in the segment behind the last message. */
  offset: number

  constructor(fd: number, start = 0) {
    this.#fd = fd
    this.offset = start
    this.#windowAt = start
  }

  /**
   * The next message, checked: undefined at the end of the file, or of what it has whole. Throws
   * WireError for bytes that are no message, and SystemError. May be asked again when there is more.
   */
  next(): Buffer | undefined {
    const head = this.#view(4)
    if (!head) return undefined
    const size = head.readUInt32LE(0)
    if (!isSize(size))
      throw new WireError('EWIRE_SIZE', `a message cannot have ${size} bytes`, {
        offset: this.offset,
      })
    const message = this.#view(size)
    if (!message) return undefined
    try {
      checkMessage(message)
    } catch (error) {
      throw error instanceof WireError ? error.at({ offset: this.offset }) : error
    }
    this.offset += size
    return message
  }

  // `size` bytes from `offset`, read anew where the window does not have them all.
  #view(size: number): Buffer | undefined {
    const from = this.offset - this.#windowAt
    if (from >= 0 && from + size <= this.#windowLength)
      return this.#window.subarray(from, from + size)
    this.#windowAt = this.offset
    this.#windowLength = fill(this.#fd, this.#window, this.offset)
    return size <= this.#windowLength ? this.#window.subarray(0, size) : undefined
  }
}

function fill(fd: number, buffer: Buffer, at: number): number {
  let length = 0
  while (length < buffer.length) {
    const done = check(
      pread(fd, buffer, length, buffer.length - length, at + length),
      'pread',
      'segment',
    )
    if (done === 0) break
    length += done
  }
  return length
}

export interface SegmentEnd {
  /** Bytes of whole, good messages. */
  readonly size: number
  /** Of the last message; 0 where there is none. */
  readonly seq: number
  /** Why the bytes behind that are no message; undefined where there are none. */
  readonly torn: string | undefined
}

/**
 * Finds where the good messages of the last segment end. What follows may be the rest of a write that
 * a crash cut short, which is to be dropped; but where a good message comes after it, something in
 * the middle was damaged: throws SpoolError ESPOOL_DAMAGED with `shown`, the segment's name.
 */
export function findEnd(fd: number, fileSize: number, shown: string): SegmentEnd {
  const scan = new SegmentScan(fd)
  let seq = 0
  let torn: string | undefined
  try {
    for (let message = scan.next(); message; message = scan.next()) seq = seqOf(message)
    const left = fileSize - scan.offset
    // A size that was changed may look like the beginning of a message that ends beyond the file.
    if (left > 0) torn = `${left} bytes of a message that is not whole`
  } catch (error) {
    if (!(error instanceof WireError)) throw error
    torn = error.reason
  }
  if (torn !== undefined && hasMessageBehind(fd, scan.offset, fileSize))
    throw new SpoolError('ESPOOL_DAMAGED', `${shown}, byte ${scan.offset}: ${torn}`)
  return { size: scan.offset, seq, torn }
}

// Messages are multiples of 16 bytes, so one begins at such a distance if it begins anywhere.
function hasMessageBehind(fd: number, from: number, fileSize: number): boolean {
  const buffer = Buffer.allocUnsafeSlow(windowSize + limits.messageSizeMax)
  for (let at = from + limits.messageAlign; at < fileSize; at += windowSize) {
    const length = fill(fd, buffer, at)
    for (let i = 0; i < windowSize && i + limits.messageSizeMin <= length; i += limits.messageAlign)
      if (isGood(buffer, i, length)) return true
  }
  return false
}

function isGood(buffer: Buffer, at: number, length: number): boolean {
  const size = sizeOf(buffer.subarray(at))
  if (!isSize(size) || at + size > length) return false
  try {
    checkMessage(buffer.subarray(at, at + size))
    return true
  } catch {
    return false
  }
}
