// A reply under construction, in one kept buffer: the header, then what the handler puts.

import assert from 'node:assert'
import type { Fields, Struct, Values } from '#schema'
import { fuse_attr_out, fuse_entry_out, fuse_statx, fuse_statx_out } from './abi-attr.js'
import { fuse_dirent, fuse_open_out } from './abi-file.js'
import { fuse_out_header } from './abi-header.js'
import { copyStatxToAttr, inodeTag, putU64, stx, type Device } from './statx-to-attr.js'

const headerWords = fuse_out_header.size / 4
const direntHeader = fuse_dirent.size

export class Reply {
  /** Header and payload, as they are written to the device. */
  readonly buffer: Buffer
  /** Bytes of payload put so far. */
  length = 0
  /** Bytes of payload that the request allows: `arg.size` where there is one. */
  limit = 0
  readonly #words: Uint32Array
  readonly #payload: Buffer

  readonly #home: Device | undefined

  /** `capacity` is the largest payload in bytes; `home` as in SessionOptions. */
  constructor(capacity: number, home?: Device) {
    this.#home = home
    const memory = new ArrayBuffer(fuse_out_header.size + Math.ceil(capacity / 8) * 8)
    this.buffer = Buffer.from(memory)
    this.#words = new Uint32Array(memory)
    this.#payload = Buffer.from(memory, fuse_out_header.size, capacity)
  }

  get capacity(): number {
    return this.#payload.length
  }

  /** Empties it for the next request, which allows at most `limit` bytes. */
  reset(limit: number): void {
    this.length = 0
    this.limit = Math.min(limit, this.#payload.length)
  }

  /** Writes the header; returns the bytes to send. */
  finish(unique: number, error: number): number {
    const size = fuse_out_header.size + (error === 0 ? this.length : 0)
    const w = this.#words
    w[0] = size
    w[1] = error
    putU64(w, 2, unique)
    return size
  }

  /** Appends a struct; fields that are left out are zero. */
  struct<F extends Fields>(layout: Struct<F>, values: Partial<Values<F>>): void {
    layout.encode(this.#payload, this.#take(layout.size), values)
  }

  /** Appends fuse_open_out. `open_flags` are FOPEN_*. */
  open(fh: number, open_flags: number): void {
    const w = headerWords + this.#take(fuse_open_out.size) / 4
    putU64(this.#words, w, fh)
    this.#words[w + 2] = open_flags
    this.#words[w + 3] = 0
  }

  /** Appends bytes. */
  bytes(view: Uint8Array): void {
    this.#payload.set(view, this.#take(view.length))
  }

  /**
   * Memory for `size` bytes of an empty reply, to be filled by a system call and then claimed with
   * `used`. It may be longer than asked for.
   */
  room(size: number): Buffer {
    assert(this.length === 0 && size <= this.limit, `room for ${size} bytes of ${this.limit}`)
    return this.#payload
  }

  /** Claims the first `size` bytes of the room. */
  used(size: number): void {
    this.#take(size)
  }

  /**
   * Appends fuse_entry_out. The kernel then holds one more lookup of `nodeid`, until FORGET.
   * @param statx a `struct statx` as statx(2) filled it, with STATX_BASIC_STATS
   */
  entry(
    nodeid: number,
    generation: number,
    entryTtlSec: number,
    attrTtlSec: number,
    statx: Buffer,
  ): void {
    this.#entry(this.#take(fuse_entry_out.size), nodeid, generation, entryTtlSec, attrTtlSec, statx)
  }

  /** Appends a fuse_entry_out that says: no such name, and remember that for so long. */
  negative(entryTtlSec: number): void {
    const at = this.#take(fuse_entry_out.size)
    this.#payload.fill(0, at, at + fuse_entry_out.size)
    putU64(this.#words, headerWords + at / 4 + 4, entryTtlSec)
  }

  /** Appends fuse_attr_out. */
  attr(attrTtlSec: number, statx: Buffer): void {
    const w = headerWords + this.#take(fuse_attr_out.size) / 4
    putU64(this.#words, w, attrTtlSec)
    this.#words[w + 2] = 0
    this.#words[w + 3] = 0
    copyStatxToAttr(this.#words, w + 4, statx, this.#tag(statx))
  }

  /** Appends fuse_statx_out, which holds statx(2)'s own struct (as filled, birth time and all). */
  statx(attrTtlSec: number, statx: Buffer): void {
    const at = this.#take(fuse_statx_out.size)
    const head = fuse_statx_out.size - fuse_statx.size
    this.#payload.fill(0, at, at + head)
    putU64(this.#words, headerWords + at / 4, attrTtlSec)
    statx.copy(this.#payload, at + head, 0, fuse_statx.size)
    this.#words[headerWords + (at + head + stx.ino) / 4 + 1]! ^= this.#tag(statx)
  }

  /** Appends a fuse_dirent. `off` is where reading goes on after it. False: it did not fit. */
  dirent(name: Uint8Array, ino: number, off: number, type: number): boolean {
    const at = this.#takeDirent(0, name.length)
    if (at < 0) return false
    this.#dirent(at, ino, off, name.length, type)
    this.#payload.set(name, at + direntHeader)
    return true
  }

  /** Appends a fuse_dirent for the `struct linux_dirent64` at byte `at` of what getdents64 gave. */
  dirent64(dirents: Buffer, at: number): boolean {
    const nameLength = dirent64NameLength(dirents, at)
    const to = this.#takeDirent(0, nameLength)
    if (to < 0) return false
    this.#dirent64(to, dirents, at, nameLength)
    return true
  }

  /**
   * Appends a fuse_direntplus: an entry (see `entry`) and its fuse_dirent. With nodeid 0, as '.'
   * and '..' must have, it is a bare name and takes no lookup. False: it did not fit, no lookup
   * taken.
   */
  direntplus(
    name: Uint8Array,
    off: number,
    nodeid: number,
    generation: number,
    entryTtlSec: number,
    attrTtlSec: number,
    statx: Buffer,
  ): boolean {
    const at = this.#takeDirent(fuse_entry_out.size, name.length)
    if (at < 0) return false
    this.#entry(at, nodeid, generation, entryTtlSec, attrTtlSec, statx)
    const dirent = at + fuse_entry_out.size
    this.#dirent(dirent, 0, off, name.length, statx.readUInt16LE(stx.mode) >> 12)
    statx.copy(this.#payload, dirent, stx.ino, stx.ino + 8)
    this.#words[headerWords + dirent / 4 + 1]! ^= this.#tag(statx)
    this.#payload.set(name, dirent + direntHeader)
    return true
  }

  /** As `direntplus`, for the `struct linux_dirent64` at byte `at` of what getdents64 gave. */
  direntplus64(
    dirents: Buffer,
    at: number,
    nodeid: number,
    generation: number,
    entryTtlSec: number,
    attrTtlSec: number,
    statx: Buffer,
  ): boolean {
    const nameLength = dirent64NameLength(dirents, at)
    const to = this.#takeDirent(fuse_entry_out.size, nameLength)
    if (to < 0) return false
    this.#entry(to, nodeid, generation, entryTtlSec, attrTtlSec, statx)
    this.#dirent64(to + fuse_entry_out.size, dirents, at, nameLength)
    return true
  }

  #tag(statx: Buffer): number {
    return this.#home ? inodeTag(statx, this.#home) : 0
  }

  #take(size: number): number {
    const at = this.length
    assert(at + size <= this.#payload.length, `a reply of ${at + size} bytes`)
    this.length = at + size
    return at
  }

  #takeDirent(before: number, nameLength: number): number {
    const size = before + ((direntHeader + nameLength + 7) & ~7)
    if (this.length + size > this.limit) return -1
    const at = this.#take(size)
    this.#payload.fill(0, at + size - 8, at + size)
    return at
  }

  #entry(
    at: number,
    nodeid: number,
    generation: number,
    entryTtlSec: number,
    attrTtlSec: number,
    statx: Buffer,
  ): void {
    const words = this.#words
    const w = headerWords + at / 4
    putU64(words, w, nodeid)
    putU64(words, w + 2, generation)
    putU64(words, w + 4, entryTtlSec)
    putU64(words, w + 6, attrTtlSec)
    words[w + 8] = 0
    words[w + 9] = 0
    copyStatxToAttr(words, w + 10, statx, this.#tag(statx))
  }

  #dirent(at: number, ino: number, off: number, nameLength: number, type: number): void {
    const w = headerWords + at / 4
    putU64(this.#words, w, ino)
    putU64(this.#words, w + 2, off)
    this.#words[w + 4] = nameLength
    this.#words[w + 5] = type
  }

  // struct linux_dirent64 { u64 d_ino; s64 d_off; u16 d_reclen; u8 d_type; char d_name[]; }: the
  // first 16 bytes are fuse_dirent's.
  #dirent64(to: number, dirents: Buffer, at: number, nameLength: number): void {
    dirents.copy(this.#payload, to, at, at + 16)
    const w = headerWords + to / 4
    this.#words[w + 4] = nameLength
    this.#words[w + 5] = dirents[at + 18]!
    dirents.copy(this.#payload, to + direntHeader, at + 19, at + 19 + nameLength)
  }
}

function dirent64NameLength(dirents: Buffer, at: number): number {
  let end = at + 19
  while (dirents[end] !== 0) end++
  return end - at - 19
}
