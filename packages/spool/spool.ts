// A spool opened to look into it: its segments, what is known of each, its newest position. Several
// readers may share one.

import {
  check,
  close,
  errno,
  O_CREAT,
  O_EXCL,
  O_RDONLY,
  O_WRONLY,
  renameat2,
  unlinkat,
  write,
} from '#posix'
import { epochOf, isEnd, messageTable, typeOf, WireError, type Position } from '#wire'
import { lookAgain } from './look-again.js'
import { fill, messageAt, SegmentScan, seqBehind } from './scan-segment.js'
import { indexSizeMax, SegmentIndex } from './segment-index.js'
import { indexName, retainedName } from './segment-name.js'
import {
  draftSuffix,
  listSegments,
  openDirectory,
  openFile,
  sizeOfFile,
  type Segment,
} from './spool-directory.js'
import { damaged, SpoolError } from './spool-error.js'

/** Indexes kept in memory. */
const indexesMax = 64

export class Spool {
  readonly path: string
  /** The directory. */
  readonly fd: number
  readonly #ownsFd: boolean
  // By ordinal, the one that was asked for last at the end.
  readonly #indexes = new Map<number, SegmentIndex>()

  /** Opens the spool `path`, or looks into the one whose directory `fd` is. Throws as it says. */
  constructor(path: string, fd?: number) {
    this.path = path
    this.fd = fd ?? openDirectory(path)
    this.#ownsFd = fd === undefined
  }

  close(): void {
    if (this.#ownsFd) close(this.fd)
  }

  /**
   * In order. Throws SpoolError ESPOOL_MISSING where one in the middle is not there, behind number
   * `from`.
   */
  segments(from?: number): Segment[] {
    return listSegments(this.fd, this.path, from)
  }

  /** Opens a file of the spool for reading. Throws SpoolError ESPOOL_TRIMMED where it is gone. */
  open(name: string): number {
    const fd = openFile(this.fd, name, O_RDONLY)
    if (fd === undefined) throw new SpoolError('ESPOOL_TRIMMED', `${this.path}/${name}: is gone`)
    return fd
  }

  /**
   * What is known of the segment number `at` of `segments`; of the last one, as far as it goes now.
   * Throws SpoolError ESPOOL_DAMAGED where it has to be read and is damaged.
   */
  index(segments: readonly Segment[], at: number): SegmentIndex {
    const segment = segments[at]!
    const fd = this.open(segment.name)
    try {
      const size = sizeOfFile(fd, segment.name)
      const known = this.#indexes.get(segment.ordinal)
      if (known?.first === segment.seq && known.epoch === segment.epoch && known.size === size)
        return this.#keep(segment, known)
      const isLast = at === segments.length - 1
      const stored = isLast ? undefined : this.stored(segment)
      if (stored?.size === size) return this.#keep(segment, stored)
      const isBegun = known && known.size < size && known.first === segment.seq
      const index = isBegun ? known : new SegmentIndex(segment, this.timeBefore(segments, at))
      const next = segments[at + 1]
      this.#extend(index, segment, fd, size, next)
      if (!isLast) storeIndex(this.fd, segment.name, index)
      return this.#keep(segment, index)
    } finally {
      close(fd)
    }
  }

  /** The newest message: its position, and whether it is a bye or abort. Epoch 0: there is none. */
  newest(): Position & { readonly ended: boolean } {
    return lookAgain(() => {
      const segments = this.segments(Infinity)
      for (let at = segments.length - 1; at >= 0; at--) {
        const { epoch, seq, size, lastType } = this.index(segments, at)
        if (size > 0) return { epoch, seq, ended: isEnd(lastType) }
      }
      return { epoch: 0, seq: 0, ended: true }
    })
  }

  /** The hello of `epoch`, in a Buffer of its own; undefined where the spool does not have it. */
  hello(epoch: number): Buffer | undefined {
    const segments = this.segments(Infinity)
    const first = segments.find((segment) => segment.epoch === epoch && segment.seq === 1)
    const fd = openFile(this.fd, first?.name ?? retainedName, O_RDONLY)
    if (fd === undefined) return undefined
    const message = messageAt(fd, 0)
    close(fd)
    const isHello = message && typeOf(message) === messageTable.hello.type
    return isHello && epochOf(message) === epoch ? message : undefined
  }

  #keep(segment: Segment, index: SegmentIndex): SegmentIndex {
    this.#indexes.delete(segment.ordinal)
    this.#indexes.set(segment.ordinal, index)
    for (const ordinal of this.#indexes.keys()) {
      if (this.#indexes.size <= indexesMax) break
      this.#indexes.delete(ordinal)
    }
    return index
  }

  /**
   * The latest time of all segments before number `at`; those that lack an index get one, the
   * oldest first. Of one that is damaged nothing is known.
   */
  timeBefore(segments: readonly Segment[], at: number): bigint {
    let from = at
    while (from > 0 && !this.#isKnown(segments[from - 1]!)) from--
    let time = 0n
    for (let i = Math.max(0, from - 1); i < at; i++)
      try {
        time = this.index(segments, i).time
      } catch (error) {
        if (!(error instanceof SpoolError)) throw error
      }
    return time
  }

  #isKnown({ ordinal, name }: Segment): boolean {
    if (this.#indexes.has(ordinal)) return true
    const fd = openFile(this.fd, indexName(name), O_RDONLY)
    if (fd !== undefined) close(fd)
    return fd !== undefined
  }

  #extend(
    index: SegmentIndex,
    segment: Segment,
    fd: number,
    size: number,
    next: Segment | undefined,
  ): void {
    const scan = new SegmentScan(fd, index.size)
    const { succession } = index
    try {
      for (let message = scan.next(); message; message = scan.next()) {
        const fault = succession.fault(message)
        if (fault !== undefined) throw new WireError('EWIRE_ORDER', fault)
        index.add(message)
      }
      if (next && index.size < size)
        throw new WireError('EWIRE_TRUNCATED', `${size - index.size} bytes that are no message`)
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      throw damagedAt(fd, segment, index, next, error)
    }
  }

  /**
   * The index that a segment had when it was finished, if that is there and whole. The segment may
   * have been changed since.
   */
  stored(segment: Segment): SegmentIndex | undefined {
    const fd = openFile(this.fd, indexName(segment.name), O_RDONLY)
    if (fd === undefined) return undefined
    try {
      const length = sizeOfFile(fd, segment.name)
      if (length > indexSizeMax) return undefined
      const bytes = Buffer.allocUnsafeSlow(length)
      return SegmentIndex.decode(bytes.subarray(0, fill(fd, bytes, 0)), segment)
    } finally {
      close(fd)
    }
  }
}

/** Writes an index beside its segment; nothing is lost where that fails. */
export function storeIndex(directory: number, segment: string, index: SegmentIndex): void {
  const name = indexName(segment)
  const temporary = `${name}.${process.pid}${draftSuffix}`
  const flags = O_WRONLY | O_CREAT | O_EXCL
  let fd: number | undefined
  try {
    fd = openFile(directory, temporary, flags)
  } catch {
    return
  }
  if (fd === undefined) return
  const bytes = index.encode()
  const done = write(fd, bytes, 0, bytes.length)
  close(fd)
  if (done === bytes.length)
    renameat2(directory, Buffer.from(temporary), directory, Buffer.from(name))
  else unlinkat(directory, Buffer.from(temporary))
}

/** The error for a segment of which nothing can be read behind what `index` knows. */
export function damagedAt(
  fd: number,
  { name, epoch }: Segment,
  { size, seq }: Pick<SegmentIndex, 'size' | 'seq'>,
  next: Segment | undefined,
  error: WireError,
): SpoolError {
  const behind =
    seqBehind(fd, size, { epoch, seq }) ?? (next?.epoch === epoch ? next.seq : undefined)
  const to = behind === undefined ? undefined : behind - 1
  return damaged({ file: name, offset: size, epoch, from: seq + 1, to }, error.reason, error)
}

/** Removes a file that may be gone already. Throws SystemError. */
export function removeFile(directory: number, name: string): void {
  const gone = unlinkat(directory, Buffer.from(name))
  if (gone !== -errno.ENOENT) check(gone, 'unlink', name)
}
