// What is known of a segment without reading it: where in it each megabyte begins, its times, its
// marks. Kept beside a finished segment, checksummed; made anew from it where it is missing or
// wrong.

import { crc32 } from 'node:zlib'
import { struct, u32, u64 } from '#schema'
import { codecs, limits, messageTable, timeOf, typeOf } from '#wire'
import type { SegmentName } from './segment-name.js'
import { Succession } from './succession.js'

/** 'TFSX' in the order of its bytes. */
const magic = 0x58534654
const version = 1

const head = struct(
  'segment index',
  {
    magic: u32,
    version: u32,
    epoch: u32,
    /** Type of the last message. */
    lastType: u32,
    /** The first number of the segment, and the last. */
    first: u64,
    last: u64,
    /** Bytes of messages. */
    size: u64,
    firstTimeLo: u32,
    firstTimeHi: u32,
    /** The latest time of all messages of the spool so far. */
    timeLo: u32,
    timeHi: u32,
    entries: u32,
    marks: u32,
    reserved: u32,
    /** CRC-32 of the whole file with this field taken as zero. */
    crc: u32,
  },
  72,
)

const entryStruct = struct('entry', { offset: u64, seq: u64, timeLo: u32, timeHi: u32 }, 24)
const markStruct = struct(
  'mark',
  { offset: u64, seq: u64, timeLo: u32, timeHi: u32, nameSize: u32, reserved: u32 },
  32,
)

const entryDistance = 1 << 20
/** Marks of one segment, so that the index stays small: a writer goes on in the next one. */
export const marksMax = 4096

/** A point where reading may begin: numbers before it go up to `seq`, times up to `time`. */
export interface Entry {
  readonly offset: number
  readonly seq: number
  /** Nanoseconds since 1970. */
  readonly time: bigint
}

export interface Mark extends Entry {
  readonly name: Buffer
}

export class SegmentIndex {
  readonly epoch: number
  /** The first number. */
  readonly first: number
  /** Bytes of messages. */
  size = 0
  /** Type of the last message, 0 before the first. */
  lastType = 0
  firstTime = 0n
  readonly marks: Mark[] = []
  readonly entries: Entry[] = []
  readonly succession: Succession
  // The latest time so far, of earlier segments too.
  #timeLo: number
  #timeHi: number

  constructor({ epoch, seq }: Pick<SegmentName, 'epoch' | 'seq'>, timeBefore: bigint) {
    this.epoch = epoch
    this.first = seq
    this.succession = new Succession(epoch, seq - 1)
    this.#timeLo = Number(timeBefore & 0xffffffffn)
    this.#timeHi = Number(timeBefore >> 32n)
  }

  /** The last number, `first` - 1 where there is no message yet. */
  get seq(): number {
    return this.succession.seq
  }

  /** The latest time of all messages so far, earlier segments included. */
  get time(): bigint {
    return (BigInt(this.#timeHi) << 32n) | BigInt(this.#timeLo)
  }

  /** Takes the message that comes next; `succession` says whether it may. */
  add(message: Buffer): void {
    const { offset = 0 } = this.entries.at(-1) ?? {}
    if (this.size - offset >= entryDistance && !this.succession.joining)
      this.entries.push({ offset: this.size, seq: this.seq, time: this.time })
    if (this.size === 0) this.firstTime = timeOf(message)
    const lo = message.readUInt32LE(16)
    const hi = message.readUInt32LE(20)
    if (hi > this.#timeHi || (hi === this.#timeHi && lo > this.#timeLo)) {
      this.#timeLo = lo
      this.#timeHi = hi
    }
    this.lastType = typeOf(message)
    this.succession.note(message)
    this.size += message.length
    if (this.lastType === messageTable.mark.type) this.#mark(message)
  }

  /** The last place to begin at from which no message behind number `seq` is left out. */
  before(seq: number): Entry {
    return this.entries.findLast((entry) => entry.seq <= seq) ?? this.#start
  }

  /** The same for messages later than `time`. */
  beforeTime(time: bigint): Entry {
    return this.entries.findLast((entry) => entry.time <= time) ?? this.#start
  }

  get #start(): Entry {
    return { offset: 0, seq: this.first - 1, time: 0n }
  }

  // The place behind the mark.
  #mark(message: Buffer): void {
    const name = markNameOf(message)
    if (!name) return
    this.marks.push({
      name: Buffer.from(name),
      offset: this.size,
      seq: this.seq,
      time: timeOf(message),
    })
  }

  /** The index as a file. */
  encode(): Buffer {
    const names = this.marks.reduce((sum, { name }) => sum + name.length, 0)
    const fixed = head.size + this.entries.length * entryStruct.size
    const out = Buffer.alloc(fixed + this.marks.length * markStruct.size + names)
    head.encode(out, 0, {
      magic,
      version,
      epoch: this.epoch,
      lastType: this.lastType,
      first: this.first,
      last: this.seq,
      size: this.size,
      ...halves('firstTime', this.firstTime),
      timeLo: this.#timeLo,
      timeHi: this.#timeHi,
      entries: this.entries.length,
      marks: this.marks.length,
    })
    let at: number = head.size
    for (const { offset, seq, time } of this.entries) {
      entryStruct.encode(out, at, { offset, seq, ...halves('time', time) })
      at += entryStruct.size
    }
    for (const { offset, seq, time, name } of this.marks) {
      const nameSize = name.length
      markStruct.encode(out, at, { offset, seq, ...halves('time', time), nameSize })
      at += markStruct.size + name.copy(out, at + markStruct.size)
    }
    out.writeUInt32LE(crc32(out), head.offsets.crc)
    return out
  }

  /** The index of a segment from its file; undefined where it is not that. */
  static decode(bytes: Buffer, segment: SegmentName): SegmentIndex | undefined {
    if (bytes.length < head.size) return undefined
    const h = head.decode(bytes)
    if (h.magic !== magic || h.version !== version || !hasChecksum(bytes, h.crc)) return undefined
    if (h.epoch !== segment.epoch || h.first !== segment.seq) return undefined
    const index = new SegmentIndex(segment, joined(h.timeLo, h.timeHi))
    index.size = h.size
    index.lastType = h.lastType
    index.firstTime = joined(h.firstTimeLo, h.firstTimeHi)
    index.succession.seq = h.last
    let at: number = head.size
    for (let i = 0; i < h.entries; i++, at += entryStruct.size) {
      const { offset, seq, timeLo, timeHi } = entryStruct.decode(bytes, at)
      index.entries.push({ offset, seq, time: joined(timeLo, timeHi) })
    }
    for (let i = 0; i < h.marks; i++) {
      const { offset, seq, timeLo, timeHi, nameSize } = markStruct.decode(bytes, at)
      at += markStruct.size
      const name = bytes.subarray(at, at + nameSize)
      index.marks.push({ offset, seq, time: joined(timeLo, timeHi), name })
      at += nameSize
    }
    return index
  }
}

// A name that is none is for readers to refuse.
function markNameOf(message: Buffer): Buffer | undefined {
  try {
    return codecs.mark.decode(message).name
  } catch {
    return undefined
  }
}

/** More than an index can have: a file that is larger is none. */
export const indexSizeMax =
  head.size + (2 << 10) * entryStruct.size + marksMax * (markStruct.size + limits.nameSizeMax)

function hasChecksum(bytes: Buffer, crc: number): boolean {
  bytes.writeUInt32LE(0, head.offsets.crc)
  return crc32(bytes) === crc
}

const joined = (lo: number, hi: number) => (BigInt(hi) << 32n) | BigInt(lo)

const halves = <const N extends string>(name: N, time: bigint) =>
  ({ [`${name}Lo`]: Number(time & 0xffffffffn), [`${name}Hi`]: Number(time >> 32n) }) as Record<
    `${N}Lo` | `${N}Hi`,
    number
  >
