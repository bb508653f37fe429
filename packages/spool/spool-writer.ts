// Appends a stream to a spool. One process at a time; what it has taken survives its end, and what was
// synced survives the machine's.

import {
  check,
  close,
  errno,
  fdatasync,
  flock,
  fsync,
  ftruncate,
  LOCK_EX,
  LOCK_NB,
  O_CREAT,
  O_EXCL,
  O_RDWR,
  O_WRONLY,
  pwrite,
} from '#posix'
import { epochOf, messageTable, seqOf, typeOf, type Position } from '#wire'
import { findEnd, SegmentScan } from './scan-segment.js'
import { segmentName } from './segment-name.js'
import { listSegments, openDirectory, openSegment, type Segment } from './spool-directory.js'
import { SpoolError } from './spool-error.js'

export interface SpoolWriterOptions {
  /** The spool's directory, made where it is missing. */
  readonly path: string
  /** Bytes after which a new segment is begun. */
  readonly segmentSize: number
  /** When what was appended is made durable: never by itself, at each message, or after so many ms. */
  readonly sync: 'none' | 'always' | number
}

const lockName = 'lock'

export class SpoolWriter {
  readonly #options: SpoolWriterOptions
  readonly #directory: number
  readonly #lock: number
  #segment = -1
  #ordinal = 0
  #size = 0
  #unsynced = false
  #syncedMs = performance.now()
  /** Of the last message; epoch 0 in an empty spool. */
  position: Position = { epoch: 0, seq: 0 }
  /** The last message is a bye. */
  ended = false
  /** What a crash had left behind the last message, and opening has cut off. */
  torn: string | undefined

  /** Opens a spool for writing. Throws SpoolError and SystemError. */
  constructor(options: SpoolWriterOptions) {
    this.#options = options
    this.#directory = openDirectory(options.path, true)
    try {
      this.#lock = takeLock(this.#directory, options.path)
      const last = listSegments(this.#directory, options.path).at(-1)
      if (last) this.#resume(last)
    } catch (error) {
      close(this.#directory)
      throw error
    }
  }

  /**
   * Appends one whole message, the first `size` bytes of `buffer`. 0, or -errno: then nothing of it
   * is there, and it may be tried again.
   */
  append(buffer: Buffer, size: number): number {
    const epoch = epochOf(buffer)
    const isFull = this.#size > 0 && this.#size + size > this.#options.segmentSize
    if (this.#segment < 0 || isFull || epoch !== this.position.epoch) {
      const e = this.#roll(epoch, seqOf(buffer))
      if (e < 0) return e
    }
    const e = this.#write(buffer, size)
    if (e < 0) return e
    this.#unsynced = true
    const { sync } = this.#options
    const isDue = typeof sync === 'number' && performance.now() - this.#syncedMs >= sync
    const synced = sync === 'always' || isDue ? this.sync() : 0
    if (synced < 0) return this.#undo(size, synced)
    this.position = { epoch, seq: seqOf(buffer) }
    this.ended = typeOf(buffer) === messageTable.bye.type
    return 0
  }

  /** Makes durable what was appended. 0 or -errno. */
  sync(): number {
    if (!this.#unsynced) return 0
    const e = fdatasync(this.#segment)
    if (e < 0) return e
    this.#unsynced = false
    this.#syncedMs = performance.now()
    return 0
  }

  close(): number {
    const e = this.#segment >= 0 ? this.sync() : 0
    if (this.#segment >= 0) close(this.#segment)
    close(this.#lock)
    close(this.#directory)
    this.#segment = -1
    return e
  }

  #write(buffer: Buffer, size: number): number {
    for (let at = 0; at < size;) {
      const done = pwrite(this.#segment, buffer, at, size - at, this.#size + at)
      if (done < 0) return this.#undo(0, done)
      at += done
    }
    this.#size += size
    return 0
  }

  // What was begun goes, so that the segment ends with a whole message.
  #undo(size: number, e: number): number {
    this.#size -= size
    const cut = ftruncate(this.#segment, this.#size)
    return cut < 0 ? cut : e
  }

  #roll(epoch: number, seq: number): number {
    const synced = this.#segment >= 0 && this.#options.sync !== 'none' ? this.sync() : 0
    if (synced < 0) return synced
    const name = segmentName({ ordinal: this.#ordinal + 1, epoch, seq })
    let fd: number
    try {
      fd = openSegment(this.#directory, name, O_WRONLY | O_CREAT | O_EXCL) ?? -errno.ENOENT
    } catch (error) {
      const e = (error as { errno?: unknown }).errno
      if (typeof e === 'number') return -Math.abs(e)
      throw error
    }
    // The name must survive before anything under it is promised to.
    const named = this.#options.sync === 'none' ? 0 : fsync(this.#directory)
    if (fd < 0 || named < 0) return Math.min(fd, named)
    if (this.#segment >= 0) close(this.#segment)
    this.#segment = fd
    this.#size = 0
    this.#ordinal++
    return 0
  }

  #resume(last: Segment): void {
    const { name } = last
    const fd = openSegment(this.#directory, name, O_RDWR)
    if (fd === undefined) throw new SpoolError('ESPOOL_MISSING', `${name}: is gone`)
    const { size, seq, torn } = findEnd(fd, last.size, name)
    if (torn !== undefined) {
      check(ftruncate(fd, size), 'ftruncate', name)
      check(fsync(fd), 'fsync', name)
      this.torn = torn
    }
    this.#segment = fd
    this.#ordinal = last.ordinal
    this.#size = size
    this.position = size > 0 ? { epoch: last.epoch, seq } : { epoch: last.epoch, seq: last.seq - 1 }
    this.ended = endsWithBye(fd)
  }
}

function endsWithBye(fd: number): boolean {
  const scan = new SegmentScan(fd)
  let type = 0
  for (let message = scan.next(); message; message = scan.next()) type = typeOf(message)
  return type === messageTable.bye.type
}

function takeLock(directory: number, path: string): number {
  const fd = openSegment(directory, lockName, O_RDWR | O_CREAT)
  if (fd === undefined) throw new SpoolError('ESPOOL_STATE', `the lock of '${path}' cannot be made`)
  const locked = flock(fd, LOCK_EX | LOCK_NB)
  if (locked === 0) return fd
  close(fd)
  if (locked !== -errno.EAGAIN) check(locked, 'flock', `${path}/${lockName}`)
  throw new SpoolError('ESPOOL_LOCKED', `the spool '${path}' is written by another process`)
}
