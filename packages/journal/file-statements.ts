// States files, and whatever else is no directory: attributes, links, content as data or by its
// hash. Content that takes time to read or to hash comes from other threads (see contents.ts).

import { hash } from 'node:crypto'
import {
  close,
  errno,
  lseek,
  pread,
  readlinkat,
  S_IFLNK,
  S_IFREG,
  SEEK_DATA,
  SEEK_HOLE,
} from '#posix'
import { decodeDevice } from '#fuse'
import { assertForm, content, dataKind, limits } from '#wire'
import { blockSize } from './content-slots.js'
import { FileBlocks } from './file-blocks.js'
import { holeGrain, largeHole } from './large-hole.js'
import type { InodeKey } from './node.js'
import type { Progress } from './pending.js'
import { readXattrs } from './read-xattrs.js'
import type { Walk } from './walker.js'

interface File {
  readonly path: Buffer
  /** Of its inode, where it has several names. */
  readonly group: InodeKey | undefined
  readonly linkOf: Buffer
}

/** Nothing could be said yet: it is to be tried again when another thread has done something. */
export const WAITS = 1
/** Content that is stated with the file's attributes. */
export const dataHereMax = 64 << 10
/** What nobody has read ahead is read at once, where it is no larger. */
const smallMax = 64 << 10
const none = Buffer.alloc(0)
const block = Buffer.alloc(blockSize)

export class FileStatements {
  readonly #walk: Walk
  readonly #blocks: FileBlocks

  constructor(walk: Walk) {
    this.#walk = walk
    const isData = walk.request.form === assertForm.DATA
    this.#blocks = new FileBlocks(walk.context.contents, isData)
  }

  /** The file at `path`, which the place has entered. 0, WAITS or -errno. */
  state(path: Buffer, progress: Progress | undefined): number {
    const { place, links, request, context, isRight } = this.#walk
    const { size, nlink, type, blocks } = place.stat
    const group = nlink > 1 ? place.key : undefined
    const linkOf = group === undefined ? undefined : links.nameOf(group, isRight)
    const file = { path, group, linkOf: linkOf ?? none }
    if (linkOf || type !== S_IFREG) return this.#whole(file, content.STATED, none)
    if (progress) return this.#goOn(file, progress)
    if (size === 0) return this.#whole(file, content.HERE, none)
    if (request.length === 0 && request.offset === 0) {
      const { pieceMax } = context.emitter
      const isHashed = request.form === assertForm.HASHES
      const isDense = blocks * 512 >= size
      if (isHashed && size <= blockSize && (isDense || size < holeGrain)) return this.#short(file)
      if (!isHashed && size <= Math.min(dataHereMax, pieceMax) && isDense) return this.#short(file)
    }
    return this.#beginLong(file)
  }

  close(): void {
    this.#blocks.close()
  }

  // All that is to be said of it in one message.
  #whole(file: File, kind: number, data: Buffer): number {
    const e = this.#say(file, kind, data)
    if (e < 0) return e
    this.#blocks.close()
    this.#walk.ahead.passed(file.path)
    this.#walk.counts.files++
    this.#walk.pending.done(file.path)
    if (file.group !== undefined) this.#walk.links.add(file.group, file.path)
    return 0
  }

  #short(file: File): number {
    const { place, ahead, counts, request } = this.#walk
    const { size } = place.stat
    const isHashed = request.form === assertForm.HASHES
    const piece = ahead.find(file.path, place.key)
    if (piece && !piece.isDone) return WAITS
    const isRight = piece?.isStale === false && piece.length === size
    const found = isRight ? piece.bytes : this.#read(size, isHashed)
    if (piece?.isStale) counts.reread++
    if (piece && !isRight) ahead.passed(file.path)
    if (typeof found === 'number') return found
    counts.bytes += size
    return this.#whole(file, isHashed ? content.HASH : content.HERE, found)
  }

  // All of a file that was not read ahead.
  #read(size: number, isHashed: boolean): Buffer | number {
    const { place, isAtOnce } = this.#walk
    if (size > smallMax && !isAtOnce) return this.#bytes(0, size, size, isHashed)
    const fd = place.open()
    if (fd < 0) return fd
    const found = readAtOnce(fd, 0, size, isHashed)
    close(fd)
    return found
  }

  // Of those bytes the hash, or themselves; WAITS, -errno.
  #bytes(at: number, length: number, end: number, isHashed: boolean): Buffer | number {
    const { place, counts } = this.#walk
    const piece = this.#blocks.get(place.key, at, length, end, () => place.open())
    counts.reread += this.#blocks.reread
    this.#blocks.reread = 0
    if (piece === 'waits') return WAITS
    if (typeof piece !== 'number')
      return isHashed ? piece.bytes : piece.bytes.subarray(at - piece.offset).subarray(0, length)
    return piece < 0 ? piece : readAtOnce(piece, at, length, isHashed)
  }

  // Its attributes, then a piece of its content at each step, then its attributes again.
  #beginLong(file: File): number {
    const { pending, place, links, request } = this.#walk
    const { offset, length } = request
    const { size } = place.stat
    const end = length === 0 ? size : Math.min(size, offset + length)
    const e = this.#say(file, content.FOLLOWS, none)
    if (e < 0) return e
    pending.goOn(file.path, { stated: offset, end })
    if (file.group !== undefined) links.add(file.group, file.path)
    return 0
  }

  #goOn(file: File, progress: Progress): number {
    const { place } = this.#walk
    const end = Math.min(progress.end, place.stat.size)
    if (progress.stated >= end) return this.#whole(file, content.STATED, none)
    const fd = place.open()
    if (fd < 0) return fd
    const e = this.#piece(file.path, fd, { ...progress, end })
    close(fd)
    return e
  }

  // States some of the content that is not stated. 0, WAITS or -errno.
  #piece(path: Buffer, fd: number, { stated: at, end }: Progress): number {
    const { request, context, counts, pending, isAtOnce } = this.#walk
    const { id, form } = request
    const found = lseek(fd, at, SEEK_DATA)
    if (found < 0 && found !== -errno.ENXIO) return found
    const data = found < 0 ? end : Math.min(found, end)
    // Small holes are hashed with what is around them.
    const isHashed = form === assertForm.HASHES
    const hole = isHashed && data < end ? data - (data % holeGrain) : data
    if (hole > at) {
      const body = { id, path, offset: at, length: hole - at, kind: dataKind.HOLE, data: none }
      context.emitter.emit('assert-data', body)
      pending.goOn(path, { stated: hole, end })
      return 0
    }
    const size = isHashed ? blockSize : context.emitter.pieceMax
    const limit = Math.min(end, at - (at % size) + size)
    const nextHole = isHashed ? largeHole(fd, at, limit) : lseek(fd, at, SEEK_HOLE)
    if (nextHole < 0) return nextHole
    const length = Math.min(limit, nextHole) - at
    const bytes = isAtOnce
      ? readAtOnce(fd, at, length, isHashed)
      : this.#bytes(at, length, end, isHashed)
    if (typeof bytes === 'number') return bytes
    counts.bytes += length
    const kind = isHashed ? dataKind.HASH : dataKind.DATA
    context.emitter.emit('assert-data', { id, path, offset: at, length, kind, data: bytes })
    this.#blocks.passed(at + length)
    pending.goOn(path, { stated: at + length, end })
    return 0
  }

  #say({ path, group, linkOf }: File, kind: number, data: Buffer): number {
    const { place, request, context, links } = this.#walk
    const { type, mode, uid, gid, mtimeSec, mtimeNsec, size, rdev } = place.stat
    const xattrs = readXattrs(place.dirfd, place.name)
    if (typeof xattrs === 'number') return xattrs
    const target = type === S_IFLNK ? this.#target() : none
    if (typeof target === 'number') return target
    context.emitter.emit('assert-file', {
      id: request.id,
      path,
      mode,
      uid,
      gid,
      mtimeSec,
      mtimeNsec,
      ...decodeDevice(rdev),
      size: type === S_IFREG ? size : 0,
      group: group === undefined ? 0 : links.numberOf(group),
      content: kind,
      linkOf,
      target,
      xattrs,
      data,
    })
    return 0
  }

  #target(): Buffer | number {
    const { dirfd, name } = this.#walk.place
    const target = Buffer.alloc(limits.targetSizeMax + 1)
    const size = readlinkat(dirfd, name, target)
    return size < 0 ? size : target.subarray(0, size)
  }
}

// The hash of those bytes, or themselves, until the next call; or -errno.
function readAtOnce(fd: number, at: number, length: number, isHashed: boolean): Buffer | number {
  const e = readAll(fd, at, length)
  if (e < 0) return e
  const bytes = block.subarray(0, length)
  return isHashed ? hash('sha256', bytes, 'buffer') : bytes
}

// Fills the block. 0 or -errno.
function readAll(fd: number, start: number, length: number): number {
  for (let done = 0; done < length;) {
    const n = pread(fd, block, done, length - done, start + done)
    if (n < 0) return n
    // Somebody behind the mount made it shorter.
    if (n === 0) return -errno.EIO
    done += n
  }
  return 0
}
