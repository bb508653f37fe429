// What is about to be changed, noted beside the spool before it is done: after an end in between,
// these are the paths of which nobody knows whether their last change is in the stream.

import { readFileSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { check, close, ftruncate, O_CREAT, O_NOFOLLOW, O_RDWR } from '#posix'
import { openat, pread, pwrite } from '#posix'
import { struct, u16, u32, u64 } from '#schema'
import { limits } from '#wire'

const name = Buffer.from('intent')
/** 'TFSI' in the order of its bytes. */
const magic = 0x49534654

const head = struct(
  'intent',
  {
    magic: u32,
    /** Bytes of the record. */
    size: u32,
    /** The number that the first message about it will have. */
    seq: u64,
    epoch: u32,
    /** 1: there may be several messages about it. */
    several: u16,
    /** 0: nothing is under way. */
    paths: u16,
    /** CRC-32 of the machine's boot id. */
    boot: u32,
    /** While the epoch has not begun in the stream: the one that it goes on from; else 0. */
    after: u32,
    /** With `after`: since when writes may still owe their file's mtime, in seconds since 1970. */
    owedSince: u32,
    /** CRC-32 of the record with this field taken as zero. */
    crc: u32,
  },
  40,
)

export interface Intent {
  readonly epoch: number
  readonly seq: number
  readonly several: boolean
  readonly paths: readonly Buffer[]
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
  /** What the run before has left, undefined where nothing can be made of it. */
  readonly left: Intent | undefined

  /** Opens the file in the spool's directory, or makes it. Throws SystemError. */
  constructor(directory: number, epoch: number) {
    this.#epoch = epoch
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
  begin(after: number, { paths: [one, other], owedSince }: Pick<Intent, 'paths' | 'owedSince'>) {
    this.#after = after
    this.#owedSince = owedSince
    check(this.note(0, true, one, other), 'write', name.toString())
    this.#after = 0
    this.#owedSince = 0
  }

  /** What comes is not in the spool: no later run can go on from there. 0 or -errno. */
  void(): number {
    return ftruncate(this.#fd, 0)
  }

  /** Notes up to two paths, or that there is nothing under way. 0 or -errno. */
  note(seq: number, several: boolean, one: Buffer | undefined, other: Buffer | undefined): number {
    const buffer = this.#buffer
    let size = head.size
    let paths = 0
    for (const path of [one, other]) {
      if (!path) continue
      buffer.writeUInt16LE(path.length, size)
      path.copy(buffer, size + 2)
      size += 2 + path.length
      paths++
    }
    head.encode(buffer, 0, {
      magic,
      size,
      seq,
      epoch: this.#epoch,
      several: several ? 1 : 0,
      paths,
      boot: this.#boot,
      after: this.#after,
      owedSince: this.#owedSince,
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
    const found: Buffer[] = []
    for (let at = head.size; found.length < paths; at += 2 + found.at(-1)!.length)
      found.push(Buffer.from(buffer.subarray(at + 2, at + 2 + buffer.readUInt16LE(at))))
    return {
      ...rest,
      several: several !== 0,
      paths: found,
      isOfThisBoot: boot === this.#boot,
    }
  }
}

const bootId = (): number => crc32(readFileSync('/proc/sys/kernel/random/boot_id'))
