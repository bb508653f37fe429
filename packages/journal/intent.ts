// What is about to be changed, noted beside the spool before it is done: after an end in between,
// that is what the next run has to say, since it may be in the store and not in the stream.

import { readFileSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { check, close, ftruncate, O_CREAT, O_NOFOLLOW, O_RDWR } from '#posix'
import { openat, pread, pwrite } from '#posix'
import { struct, u16, u32, u64 } from '#schema'
import { limits } from '#wire'

const name = Buffer.from('intent')
/** 'TFI2' in the order of its bytes. */
const magic = 0x32494654

/** How a change is said afterwards, where it may not be in the stream. */
export const unsaid = {
  /** By stating what is there by now, without content that it did not change. */
  STATE: 0,
  /** The same, with `length` bytes of content from `offset` on. */
  CONTENT: 1,
  /** The same, with all content, for all that is at and below the paths. */
  TREE: 2,
  /** As the operation, where the names show that it was done. */
  LINK: 3,
  RENAME: 4,
  EXCHANGE: 5,
} as const

/** A change that is about to be made. */
export interface Change {
  /** See unsaid. */
  how: number
  one: Buffer | undefined
  other: Buffer | undefined
  /** Inode numbers of what is at `one` and, for an exchange, at `other`. */
  inode: number
  otherInode: number
  offset: number
  length: number
}

export const noChange: Readonly<Change> = {
  how: unsaid.STATE,
  one: undefined,
  other: undefined,
  inode: 0,
  otherInode: 0,
  offset: 0,
  length: 0,
}

const head = struct(
  'intent',
  {
    magic: u32,
    /** Bytes of the record. */
    size: u32,
    /** The number, and the epoch, that the first message about it will have. */
    seq: u64,
    inode: u64,
    otherInode: u64,
    offset: u64,
    length: u64,
    seqEpoch: u32,
    epoch: u32,
    /** 1: there may be several messages about it. */
    several: u16,
    /** 1: the one path follows, 2: the other; 0: nothing is under way. */
    paths: u16,
    /** CRC-32 of the machine's boot id. */
    boot: u32,
    /** While the epoch has not begun in the stream: the one that it goes on from; else 0. */
    after: u32,
    /** With `after`: since when writes may still owe their file's mtime, in seconds since 1970. */
    owedSince: u32,
    how: u32,
    /** CRC-32 of the record with this field taken as zero. */
    crc: u32,
  },
  80,
)

export interface Intent {
  readonly epoch: number
  /** Where the first message about it is, if it is anywhere. */
  readonly seq: number
  readonly seqEpoch: number
  readonly several: boolean
  /** Undefined: nothing was under way. */
  readonly change: Readonly<Change> | undefined
  /** See `begin`; 0 for a run that has begun. */
  readonly after: number
  readonly owedSince: number
  /** The machine has not been started anew since. */
  readonly isOfThisBoot: boolean
}

export class IntentFile {
  readonly #fd: number
  readonly #epoch: number
  readonly #buffer = Buffer.alloc(head.size + 2 * (2 + limits.pathSizeMax))
  readonly #boot = bootId()
  #after = 0
  #owedSince = 0
  #seqEpoch: number
  /** What the run before has left, undefined where nothing can be made of it. */
  readonly left: Intent | undefined

  /** Opens the file in the spool's directory, or makes it. Throws SystemError. */
  constructor(directory: number, epoch: number) {
    this.#epoch = epoch
    this.#seqEpoch = epoch
    this.#fd = check(
      openat(directory, name, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600),
      'open',
      name.toString(),
    )
    this.left = this.#read()
  }

  /**
   * The run is about to begin, after epoch `after`, with `left` still to be said: until the first
   * `note` the next run finds that as well. Throws SystemError.
   */
  begin(after: number, left: Intent | undefined, owedSince: number): void {
    this.#after = after
    this.#owedSince = owedSince
    this.#seqEpoch = left?.seqEpoch ?? this.#epoch
    check(this.note(left?.seq ?? 0, true, left?.change ?? noChange), 'write', name.toString())
    this.#after = 0
    this.#owedSince = 0
    this.#seqEpoch = this.#epoch
  }

  /** What comes is not in the spool: no later run can go on from there. 0 or -errno. */
  void(): number {
    return ftruncate(this.#fd, 0)
  }

  /** Notes a change, or (noChange) that there is nothing under way. 0 or -errno. */
  note(seq: number, several: boolean, change: Readonly<Change>): number {
    const buffer = this.#buffer
    const { how, one, other, inode, otherInode, offset, length } = change
    let size = head.size
    if (one) size = putPath(buffer, size, one)
    if (other) size = putPath(buffer, size, other)
    const paths = (one ? 1 : 0) | (other ? 2 : 0)
    head.encode(buffer, 0, {
      magic,
      size,
      seq,
      inode,
      otherInode,
      offset,
      length,
      seqEpoch: this.#seqEpoch,
      epoch: this.#epoch,
      several: several ? 1 : 0,
      paths,
      boot: this.#boot,
      after: this.#after,
      owedSince: this.#owedSince,
      how,
    })
    buffer.writeUInt32LE(crc32(buffer.subarray(0, size)), head.offsets.crc)
    return Math.min(0, pwrite(this.#fd, buffer, 0, size, 0))
  }

  close(): void {
    close(this.#fd)
  }

  #read(): Intent | undefined {
    const buffer = this.#buffer
    const length = check(pread(this.#fd, buffer, 0, buffer.length, 0), 'read', name.toString())
    if (length < head.size) return undefined
    const { crc, size, several, paths, boot, ...rest } = head.decode(buffer)
    if (rest.magic !== magic || size < head.size || size > length) return undefined
    buffer.writeUInt32LE(0, head.offsets.crc)
    if (crc32(buffer.subarray(0, size)) !== crc) return undefined
    const one = paths & 1 ? pathAt(buffer, head.size) : undefined
    const other = paths & 2 ? pathAt(buffer, head.size + (one ? 2 + one.length : 0)) : undefined
    const { how, inode, otherInode, offset, length: bytes } = rest
    return {
      ...rest,
      several: several !== 0,
      change: paths ? { how, one, other, inode, otherInode, offset, length: bytes } : undefined,
      isOfThisBoot: boot === this.#boot,
    }
  }
}

function putPath(buffer: Buffer, at: number, path: Buffer): number {
  buffer.writeUInt16LE(path.length, at)
  path.copy(buffer, at + 2)
  return at + 2 + path.length
}

const pathAt = (buffer: Buffer, at: number): Buffer =>
  Buffer.from(buffer.subarray(at + 2, at + 2 + buffer.readUInt16LE(at)))

const bootId = (): number => crc32(readFileSync('/proc/sys/kernel/random/boot_id'))
