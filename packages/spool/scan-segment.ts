// Reads a segment message by message, as far as it is good.

import { check, pread } from '#posix'
import { checkMessage, epochOf, isSize, limits, seqOf, sizeOf, WireError } from '#wire'

/** At first; it grows to take a message that is larger. */
const viewSize = 256 << 10
const windowSize = (1 << 20) + limits.messageSizeMax

/** Messages of an open segment from byte `start`, in views that are good until the next one. */
export class SegmentScan {
  readonly #fd: number
  #window = Buffer.allocUnsafeSlow(viewSize)
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
   * WireError for bytes that are no message, and SystemError. May be asked again when there is
   * more.
   */
  next(): Buffer | undefined {
    const head = this.#view(4)
    if (!head) return undefined
    const size = head.readUInt32LE(0)
    if (!isSize(size)) throw new WireError('EWIRE_SIZE', `a message cannot have ${size} bytes`)
    const message = this.#view(size)
    if (!message) return undefined
    checkMessage(message)
    this.offset += size
    return message
  }

  // `size` bytes from `offset`, read anew where the window does not have them all.
  #view(size: number): Buffer | undefined {
    const from = this.offset - this.#windowAt
    if (from >= 0 && from + size <= this.#windowLength)
      return this.#window.subarray(from, from + size)
    if (size > this.#window.length) this.#window = Buffer.allocUnsafeSlow(limits.messageSizeMax)
    this.#windowAt = this.offset
    this.#windowLength = fill(this.#fd, this.#window, this.offset)
    return size <= this.#windowLength ? this.#window.subarray(0, size) : undefined
  }
}

/** Reads from byte `at` until `buffer` is full or the file ends. Bytes read. Throws SystemError. */
export function fill(fd: number, buffer: Buffer, at: number): number {
  let length = 0
  while (length < buffer.length) {
    const room = buffer.length - length
    const done = check(pread(fd, buffer, length, room, at + length), 'pread', 'segment')
    if (done === 0) break
    length += done
  }
  return length
}

/** The message at byte `at`, in a Buffer of its own; undefined where none is whole and good. */
export function messageAt(fd: number, at: number): Buffer | undefined {
  const head = Buffer.allocUnsafe(4)
  if (fill(fd, head, at) < 4 || !isSize(sizeOf(head))) return undefined
  const message = Buffer.allocUnsafeSlow(sizeOf(head))
  if (fill(fd, message, at) < message.length) return undefined
  return isGood(message) ? message : undefined
}

/**
 * The number of the first message of `epoch` behind byte `from` that has a number above `seq`;
 * undefined where there is none. What is at `from` is none.
 */
export function seqBehind(
  fd: number,
  from: number,
  { epoch, seq }: { readonly epoch: number; readonly seq: number },
): number | undefined {
  const buffer = Buffer.allocUnsafeSlow(windowSize)
  const step = windowSize - limits.messageSizeMax
  // Messages are multiples of 16 bytes, so one begins at such a distance if it begins anywhere.
  for (let at = from + limits.messageAlign; ; at += step) {
    const length = fill(fd, buffer, at)
    for (let i = 0; i < step && i + limits.messageSizeMin <= length; i += limits.messageAlign) {
      const size = buffer.readUInt32LE(i)
      if (!isSize(size) || i + size > length) continue
      const message = buffer.subarray(i, i + size)
      // Data that is written may hold a stream of its own.
      if (epochOf(message) === epoch && seqOf(message) > seq && isGood(message))
        return seqOf(message)
    }
    if (length < buffer.length) return undefined
  }
}

function isGood(message: Buffer): boolean {
  try {
    checkMessage(message)
    return true
  } catch {
    return false
  }
}
