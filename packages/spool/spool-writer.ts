// Appends a stream to a spool. One process at a time; what it has taken survives its end, and what
// was synced survives the machine's.

import assert from 'node:assert'
import { check, close, dup, errno, fdatasync } from '#posix'
import { fsync, ftruncate, pread, pwrite, unlinkat } from '#posix'
import { O_CREAT, O_EXCL, O_RDWR, renameat2, systemError } from '#posix'
import { epochOf, isEnd, sizeOf, type Position } from '#wire'
import { allocate } from './allocate.js'
import { findEnd } from './find-end.js'
import { mendRetained } from './retained.js'
import { marksMax, SegmentIndex } from './segment-index.js'
import { segmentName } from './segment-name.js'
import { draftSuffix, openFile, openOwnDirectory, removeDrafts } from './spool-directory.js'
import { Spool, storeIndex } from './spool.js'
import { firstOf } from './succession.js'
import { takeLock } from './take-lock.js'

export interface SpoolWriterOptions {
  /** The spool's directory, made where it is missing. */
  readonly path: string
  /** Bytes after which a new segment is begun, 64 MiB if left out; more where room was reserved. */
  readonly segmentSize?: number | undefined
  /** When `commit` makes durable what was appended: never, each time, or after so many ms. */
  readonly sync: SyncPolicy
}

export type SyncPolicy = 'none' | 'always' | number

/** What another thread makes durable, see `beginSync`. */
export interface SyncUnderWay {
  /** To be synced; `endSync` closes it. */
  readonly fd: number
  readonly ordinal: number
  readonly size: number
}

export const segmentSizeUsual = 64 << 20
export const segmentSizeMax = 1 << 30
const copySize = 1 << 20

export class SpoolWriter {
  readonly path: string
  /** What is there, by the same descriptor. */
  readonly spool: Spool
  /** Of the last message; epoch 0 in an empty spool. */
  position: Position = { epoch: 0, seq: 0 }
  /** The last message is a bye or abort. */
  ended = true
  /** What a crash had left behind the last message, and opening has cut off. */
  torn: string | undefined
  /** Number of the segment that is being written. */
  ordinal = 0
  readonly #options: SpoolWriterOptions
  readonly #lock: number
  #segment = -1
  #name = ''
  #index = new SegmentIndex({ epoch: 0, seq: 1 }, 0n)
  // The segment's name is in the directory for good.
  #isNamed = true
  // Something behind the last message could not be cut off yet.
  #isRagged = false
  // Bytes of the segment that are durable; and whether the system has said that others may be lost.
  #synced = 0
  #isInDoubt = false
  // Room on the disk, in bytes from the segment's beginning.
  #allocated = 0
  // How far of that is promised: no other segment is begun before.
  #reserved = 0
  #syncedMs = performance.now()

  /**
   * Opens a spool for writing. Throws SystemError, and SpoolError: ESPOOL_LOCKED, ESPOOL_STATE,
   * ESPOOL_DAMAGED where the last segment is.
   */
  constructor(options: SpoolWriterOptions) {
    this.#options = options
    this.path = options.path
    const directory = openOwnDirectory(options.path)
    this.spool = new Spool(options.path, directory)
    try {
      this.#lock = takeLock(directory, options.path)
      try {
        removeDrafts(directory)
        mendRetained(this.spool)
        this.#resume()
      } catch (error) {
        close(this.#lock)
        throw error
      }
    } catch (error) {
      close(directory)
      throw error
    }
  }

  /**
   * Appends whole messages of one epoch, the first `size` bytes of `buffer`, of which the first
   * comes next. How many bytes of them it has taken, one message at least: those behind belong into
   * the next segment, so call it again. Or -errno: then nothing of them is there, and they may be
   * tried again.
   */
  append(buffer: Buffer, size: number): number {
    if (this.#isRagged) {
      const cut = this.#cut()
      if (cut < 0) return cut
    }
    const first = buffer.subarray(0, sizeOf(buffer))
    if (this.#isFull(first)) {
      const begun = this.#begin(epochOf(first), firstOf(first))
      if (begun < 0) return begun
    }
    const fault = this.#index.succession.fault(first)
    assert(fault === undefined, fault)
    const take = first.length === size ? size : this.#fitting(buffer, size)
    const e = this.#write(buffer, take)
    if (e < 0) return e
    this.#index.add(first)
    for (let at = first.length; at < take;) {
      const end = at + buffer.readUInt32LE(at)
      this.#index.add(buffer.subarray(at, end))
      at = end
    }
    this.position = { epoch: this.#index.epoch, seq: this.#index.seq }
    this.ended = isEnd(this.#index.lastType)
    return take
  }

  /** A hello was the last message, or what is retained with it: any number may come next. */
  get joining(): boolean {
    return this.#index.succession.joining
  }

  /**
   * Makes durable what was appended, where the policy says that it is time. To be called after what
   * belongs together, and each second or so. 0 or -errno: all is there, but may be lost where the
   * machine stops.
   */
  commit(): number {
    const { sync } = this.#options
    if (sync === 'none') return 0
    if (sync !== 'always' && performance.now() - this.#syncedMs < sync) return 0
    return this.sync()
  }

  /**
   * Makes sure that messages of so many bytes in all can be appended: that there is room on the
   * disk, and a segment for them. 0 or -errno, and then what room there was is still there. Where
   * the file system makes no such promise, 0.
   */
  reserve(bytes: number): number {
    const { size } = this.#index
    if (size > 0 && size >= this.#segmentSize && !this.joining) {
      const begun = this.#begin(this.position.epoch, this.position.seq + 1, bytes)
      if (begun === 0 || this.#index.size === 0 || size + bytes > this.#allocated) return begun
    } else if (size + bytes > this.#allocated) {
      const limit = this.#segmentSize + bytes
      const allocated = allocate(this.#segment, size, bytes, limit)
      if (allocated < 0) return allocated
      this.#allocated = allocated
    }
    this.#reserved = Math.max(this.#reserved, size + bytes)
    return 0
  }

  /** All that was appended is durable. */
  get isDurable(): boolean {
    return this.#segment < 0 || this.#synced === this.#index.size
  }

  /**
   * For who makes durable in another thread what is there, one at a time: `endSync` is to follow.
   * Undefined where there is nothing to be done, or -errno.
   */
  beginSync(): SyncUnderWay | number | undefined {
    if (this.isDurable) return undefined
    const again = this.#isInDoubt ? this.#writeAgain() : 0
    if (again < 0) return again
    const fd = dup(this.#segment)
    return fd < 0 ? fd : { fd, ordinal: this.ordinal, size: this.#index.size }
  }

  /** `e`: 0 or -errno, how that has ended. */
  endSync({ fd, ordinal, size }: SyncUnderWay, e: number): void {
    close(fd)
    // Another segment is begun once all of this one is durable.
    if (ordinal !== this.ordinal || this.#segment < 0) return
    this.#isInDoubt = e < 0
    if (e < 0 || size <= this.#synced) return
    this.#synced = size
    this.#syncedMs = performance.now()
  }

  /** Makes durable what was appended. 0 or -errno. */
  sync(): number {
    if (this.isDurable) return 0
    if (this.#isInDoubt) {
      const again = this.#writeAgain()
      if (again < 0) return again
    }
    const { size } = this.#index
    const e = fdatasync(this.#segment)
    this.#isInDoubt = e < 0
    if (e < 0) return e
    this.#synced = size
    this.#syncedMs = performance.now()
    return 0
  }

  /** Syncs, unless that is never to be done, and lets go. 0 or -errno. */
  close(): number {
    const e = this.#options.sync === 'none' ? 0 : this.sync()
    this.#release()
    if (this.#segment >= 0) close(this.#segment)
    this.#segment = -1
    close(this.#lock)
    close(this.spool.fd)
    return e
  }

  // Whether a message has to begin a segment.
  #isFull(message: Buffer): boolean {
    const { epoch, first, size, succession, marks } = this.#index
    if (this.#segment < 0 || epochOf(message) !== epoch || !this.#isNamed) return true
    if (size === 0) return firstOf(message) !== first
    // A segment's name is the number behind the one before it: not where any number may follow.
    if (succession.joining) return false
    return size + message.length > this.#room || marks.length >= marksMax
  }

  // What has its room in this segment may make it larger than others.
  get #room(): number {
    return Math.max(this.#segmentSize, this.#reserved)
  }

  get #segmentSize(): number {
    return this.#options.segmentSize ?? segmentSizeUsual
  }

  // Bytes of the messages that belong into this segment.
  #fitting(buffer: Buffer, size: number): number {
    let at = sizeOf(buffer)
    const room = this.#room - this.#index.size
    while (at < size) {
      const end = at + buffer.readUInt32LE(at)
      if (end > room) break
      at = end
    }
    assert(at <= size)
    return at
  }

  // All of it or nothing. 0 or -errno.
  #write(buffer: Buffer, size: number): number {
    const start = this.#index.size
    for (let at = 0; at < size;) {
      const done = pwrite(this.#segment, buffer, at, size - at, start + at)
      if (done < 0) {
        this.#cut()
        return done
      }
      at += done
    }
    return 0
  }

  // What was begun goes, so that the segment ends with a whole message.
  #cut(): number {
    const e = ftruncate(this.#segment, this.#index.size)
    this.#allocated = this.#reserved = 0
    this.#isRagged = e < 0
    return e
  }

  // After a failed sync the system may take pages for written that are not (fsync(2)).
  #writeAgain(): number {
    const buffer = Buffer.allocUnsafe(copySize)
    for (let at = this.#synced; at < this.#index.size;) {
      const size = Math.min(copySize, this.#index.size - at)
      const length = pread(this.#segment, buffer, 0, size, at)
      if (length <= 0) return length || -errno.EIO
      const done = pwrite(this.#segment, buffer, 0, length, at)
      if (done < 0) return done
      at += done
    }
    return 0
  }

  // Makes the current segment an empty one that is called after the message `seq`, with room for
  // `bytes`. 0 or -errno.
  #begin(epoch: number, seq: number, bytes = 0): number {
    const isNew = this.#segment < 0 || this.#index.size > 0
    const e = isNew ? this.#roll(epoch, seq, bytes) : this.#rename(epoch, seq)
    if (e < 0) return e
    const named = this.#options.sync === 'none' ? 0 : fsync(this.spool.fd)
    this.#isNamed = named === 0
    return named
  }

  #roll(epoch: number, seq: number, bytes: number): number {
    // Nothing of a later segment may be durable before all of this one is.
    const synced = this.#options.sync === 'none' ? 0 : this.sync()
    if (synced < 0) return synced
    const ordinal = this.ordinal + 1
    const name = segmentName({ ordinal, epoch, seq })
    const draft = `${name}${draftSuffix}`
    const fd = this.#make(bytes > 0 ? draft : name)
    if (fd < 0) return fd
    // It gets its name once it has its room: readers leave the one before it for good.
    const allocated = bytes > 0 ? this.#settle(fd, draft, name, bytes) : 0
    if (allocated < 0) return allocated
    if (this.#segment >= 0) {
      storeIndex(this.spool.fd, this.#name, this.#index)
      this.#release()
      close(this.#segment)
    }
    this.#segment = fd
    this.#name = name
    this.#index = new SegmentIndex({ epoch, seq }, this.#index.time)
    this.#synced = 0
    this.#allocated = allocated
    this.#reserved = bytes
    this.ordinal = ordinal
    return 0
  }

  // How far a new file then has room, under its name; or -errno, and it is gone.
  #settle(fd: number, draft: string, name: string, bytes: number): number {
    const directory = this.spool.fd
    const allocated = allocate(fd, 0, bytes, this.#segmentSize + bytes)
    const e =
      allocated < 0
        ? allocated
        : renameat2(directory, Buffer.from(draft), directory, Buffer.from(name))
    if (e >= 0) return allocated
    close(fd)
    unlinkat(directory, Buffer.from(draft))
    return e
  }

  // Gives back room that was reserved and not used; where that fails it stays with the segment.
  #release(): void {
    const { size } = this.#index
    if (this.#allocated > size && this.#allocated !== Infinity) ftruncate(this.#segment, size)
    this.#allocated = 0
  }

  // An empty segment, which a reader may have opened already, gets the name that fits.
  #rename(epoch: number, seq: number): number {
    const name = segmentName({ ordinal: this.ordinal, epoch, seq })
    const { fd } = this.spool
    const e =
      name === this.#name ? 0 : renameat2(fd, Buffer.from(this.#name), fd, Buffer.from(name))
    if (e < 0) return e
    this.#name = name
    this.#index = new SegmentIndex({ epoch, seq }, this.#index.time)
    return 0
  }

  #make(name: string): number {
    try {
      return openFile(this.spool.fd, name, O_RDWR | O_CREAT | O_EXCL) ?? -errno.ENOENT
    } catch (error) {
      const e = (error as { errno?: unknown }).errno
      if (typeof e === 'number') return -Math.abs(e)
      throw error
    }
  }

  #resume(): void {
    const segments = this.spool.segments()
    const last = segments.at(-1)
    if (!last) return
    const fd = openFile(this.spool.fd, last.name, O_RDWR)
    if (fd === undefined) throw systemError(errno.ENOENT, 'open', last.name)
    const before = segments.length > 1 ? this.spool.timeBefore(segments, segments.length - 1) : 0n
    const { index, torn } = findEnd(fd, last, before)
    if (torn !== undefined) {
      check(ftruncate(fd, index.size), 'ftruncate', last.name)
      check(fsync(fd), 'fsync', last.name)
      this.torn = torn
    }
    this.#segment = fd
    this.#name = last.name
    this.#index = index
    // What a killed process has left is not on the disk for that.
    this.#synced = 0
    this.ordinal = last.ordinal
    const { epoch, seq, ended } = this.spool.newest()
    this.position = { epoch, seq }
    this.ended = ended
    // So that one which is empty gets the name of what will be in it.
    this.#isNamed = index.size > 0
  }
}
