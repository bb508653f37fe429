// One assertion: states what is at a path, and below it, between the operations of the stream, a
// bounded piece at a time. Whatever happens to names meanwhile, nothing is left out.

import { hash } from 'node:crypto'
import {
  AT_EMPTY_PATH,
  AT_SYMLINK_NOFOLLOW,
  close,
  errno,
  lseek,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  openat,
  pread,
  readlinkat,
  S_IFDIR,
  S_IFLNK,
  S_IFREG,
  SEEK_DATA,
  SEEK_HOLE,
  Stat,
  statx,
  STATX_BASIC_STATS,
} from '#posix'
import {
  assertForm,
  content,
  dataKind,
  encodeNames,
  limits,
  type Body,
  type OperationName,
} from '#wire'
import { decodeDevice } from '#fuse'
import type { JournalContext } from './journal-context.js'
import { holeGrain, largeHole } from './large-hole.js'
import { endOfList, namesIn } from './names-in.js'
import { LinkGroups } from './link-groups.js'
import { openBelow } from './open-below.js'
import { Pending } from './pending.js'
import { readXattrs } from './read-xattrs.js'

/** What is asked for. */
export interface AssertRequest {
  readonly id: number
  readonly path: Buffer
  /** Whether all below it is meant, too. */
  readonly isDeep: boolean
  /** See assertForm. */
  readonly form: number
  /** Of one file the content from `offset` on, `length` bytes or (0) all of it. */
  readonly offset: number
  readonly length: number
}

export interface WalkCounts {
  directories: number
  files: number
  /** Of files, stated as data or by their hash. */
  bytes: number
}

/** Bytes of a file that are hashed, or stated as data, at once. */
export const blockSize = limits.dataSizeMax
/** Content that is stated with the file's attributes. */
const dataHereMax = 64 << 10

const dot = Buffer.from('.')
const none = Buffer.alloc(0)
const slash = 0x2f
const block = Buffer.alloc(blockSize)

export class Walker {
  readonly request: AssertRequest
  readonly counts: WalkCounts = { directories: 0, files: 0, bytes: 0 }
  readonly #context: JournalContext
  readonly #pending: Pending
  readonly #links: LinkGroups
  readonly #stat = new Stat()
  readonly #other = new Stat()
  readonly #isRight = (path: Buffer) => !this.#pending.covers(path)
  // The directory that holds what is stated, while a step lasts.
  #directoryFd = -1
  #directoryPath: Buffer | undefined
  /** Why it could not state all: Linux's number of the first error; 0: it could. */
  errno = 0

  constructor(context: JournalContext, request: AssertRequest) {
    this.#context = context
    this.request = request
    this.#links = new LinkGroups((path) => this.#inodeAt(path))
    this.#pending = new Pending(request.path, (path) => this.#inodeAt(path) !== undefined)
    const { id, form, path } = request
    context.emitter.emit('assert-begin', { id, form, path })
  }

  /** States pieces until `isOver` says so: false when all is stated, and the end is said. */
  step(isOver: () => boolean): boolean {
    try {
      do {
        const next = this.#pending.next()
        if (!next) return this.#end()
        this.#state(next.path, next.stated)
      } while (!isOver())
      return true
    } finally {
      this.#leaveDirectory()
    }
  }

  /** An operation that has just been emitted. */
  follow<K extends OperationName>(name: K, body: Body<K>): void {
    this.#pending.follow(name, body)
    this.#links.follow(name, body, this.#isRight)
    const { path } = body as { path: Buffer }
    if (!changing.has(name) || !this.#pending.covers(path)) return
    // Where it has another name, which is stated, that name's copy did not change.
    for (const other of this.#links.of(path)) this.#pending.add(other)
  }

  /** It is not gone on with. */
  abandon(error: number): void {
    this.errno = error
    this.#end()
  }

  #end(): false {
    this.#context.emitter.emit('assert-end', { id: this.request.id, errno: this.errno })
    return false
  }

  #state(path: Buffer, stated: number): void {
    const e = this.#stateWhatIs(path, stated)
    if (e >= 0) return
    this.#pending.done(path)
    // Behind the mount somebody was quicker.
    if (e === -errno.ENOENT || e === -errno.ENOTDIR || e === -errno.ELOOP) return this.#absent(path)
    this.errno ||= -e
  }

  #absent(path: Buffer): void {
    if (path.length > 0) this.#context.emitter.emit('assert-absent', { id: this.request.id, path })
  }

  #stateWhatIs(path: Buffer, stated: number): number {
    const { tree, times } = this.#context
    const name = this.#enter(path)
    if (this.#directoryFd < 0) return this.#directoryFd
    const stat = this.#stat
    let e = this.#look(name, stat)
    if (e < 0) return e
    const node = tree.nodes.find(stat)
    if (node) times.flush(node)
    // The flush may have been said of another name that is stated.
    e = this.#look(name, stat)
    if (e < 0) return e
    if (stat.type === S_IFDIR) return this.#stateDirectory(path, name)
    return this.#stateFile(path, name, stated)
  }

  #look(name: Buffer, stat: Stat): number {
    return statx(this.#directoryFd, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, stat.buffer)
  }

  #stateDirectory(path: Buffer, name: Buffer): number {
    const { tree } = this.#context
    const fd = openat(this.#directoryFd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    if (fd < 0) return fd
    const names = namesIn(tree, fd, path)
    close(fd)
    if (typeof names === 'number') return names
    const xattrs = readXattrs(this.#directoryFd, name)
    if (typeof xattrs === 'number') return xattrs
    const { mode, uid, gid, mtimeSec, mtimeNsec } = this.#stat
    const attributes = { mode: mode & 0o7777, uid, gid, mtimeSec, mtimeNsec, xattrs }
    const { id, isDeep } = this.request
    for (let at = 0, after: Buffer = none, isLast = false; !isLast;) {
      const end = endOfList(names, at)
      isLast = end === names.length
      const upto = isLast ? none : names[end - 1]!.name
      const list = encodeNames(names.slice(at, end))
      this.#context.emitter.emit('assert-dir', {
        id,
        path,
        ...attributes,
        after,
        upto,
        names: list,
      })
      after = upto
      at = end
    }
    this.counts.directories++
    this.#pending.done(path, isDeep ? names.map((one) => one.name) : [])
    return 0
  }

  #stateFile(path: Buffer, name: Buffer, stated: number): number {
    const { size, nlink } = this.#stat
    const key = nlink > 1 ? keyOf(this.#stat) : undefined
    const linkOf = key === undefined ? undefined : this.#links.nameOf(key, this.#isRight)
    const isFile = this.#stat.type === S_IFREG
    const file = { path, name, key, linkOf: linkOf ?? none }
    if (linkOf || !isFile) return this.#whole(file, content.STATED, none)
    if (size === 0 && !this.#pending.isBegun(path)) return this.#whole(file, content.HERE, none)
    const { form, length } = this.request
    const isAll = length === 0 && this.request.offset === 0
    if (isAll && !this.#pending.isBegun(path)) {
      const isDense = this.#stat.blocks * 512 >= size
      if (form === assertForm.HASHES && size <= blockSize && (isDense || size < holeGrain))
        return this.#short(file, content.HASH)
      if (form === assertForm.DATA && size <= dataHereMax && isDense)
        return this.#short(file, content.HERE)
    }
    return this.#long(file, stated)
  }

  // All that is to be said of it in one message.
  #whole(file: File, kind: number, data: Buffer): number {
    const e = this.#say(file, kind, data)
    if (e < 0) return e
    this.counts.files++
    this.#pending.done(file.path)
    if (file.key !== undefined) this.#links.add(file.key, file.path)
    return 0
  }

  #short(file: File, kind: number): number {
    const { size } = this.#stat
    const fd = this.#open(file.name)
    if (fd < 0) return fd
    const e = readAll(fd, 0, size)
    close(fd)
    if (e < 0) return e
    this.counts.bytes += size
    const bytes = block.subarray(0, size)
    return this.#whole(file, kind, kind === content.HASH ? sha256(bytes) : bytes)
  }

  // Its attributes, then a piece of its content at each step, then its attributes again.
  #long(file: File, stated: number): number {
    const { path } = file
    const { offset, length } = this.request
    const end = length === 0 ? this.#stat.size : Math.min(this.#stat.size, offset + length)
    const at = Math.max(offset, stated)
    if (!this.#pending.isBegun(path)) {
      this.#pending.goOn(path, offset)
      if (file.key !== undefined) this.#links.add(file.key, path)
      return this.#say(file, content.FOLLOWS, none)
    }
    if (at >= end) return this.#whole(file, content.STATED, none)
    const fd = this.#open(file.name)
    if (fd < 0) return fd
    const next = this.#piece(path, fd, at, end)
    close(fd)
    if (next < 0) return next
    this.#pending.goOn(path, next)
    return 0
  }

  /** States some of the content from `at` on: up to where, or -errno. */
  #piece(path: Buffer, fd: number, at: number, end: number): number {
    const { id, form } = this.request
    const { emitter } = this.#context
    const found = lseek(fd, at, SEEK_DATA)
    if (found < 0 && found !== -errno.ENXIO) return found
    const data = found < 0 ? end : Math.min(found, end)
    // Small holes are hashed with what is around them.
    const isHashed = form === assertForm.HASHES
    const hole = isHashed && data < end ? data - (data % holeGrain) : data
    if (hole > at) {
      const body = { id, path, offset: at, length: hole - at, kind: dataKind.HOLE, data: none }
      emitter.emit('assert-data', body)
      return hole
    }
    const limit = Math.min(end, at - (at % blockSize) + blockSize)
    const nextHole = isHashed ? largeHole(fd, at, limit) : lseek(fd, at, SEEK_HOLE)
    if (nextHole < 0) return nextHole
    const length = Math.min(limit, nextHole) - at
    const e = readAll(fd, at, length)
    if (e < 0) return e
    const bytes = block.subarray(0, length)
    this.counts.bytes += length
    emitter.emit('assert-data', {
      id,
      path,
      offset: at,
      length,
      kind: isHashed ? dataKind.HASH : dataKind.DATA,
      data: isHashed ? sha256(bytes) : bytes,
    })
    return at + length
  }

  #say({ path, name, key, linkOf }: File, kind: number, data: Buffer): number {
    const { type, mode, uid, gid, mtimeSec, mtimeNsec, size, rdev } = this.#stat
    const xattrs = readXattrs(this.#directoryFd, name)
    if (typeof xattrs === 'number') return xattrs
    const target = type === S_IFLNK ? this.#target(name) : none
    if (typeof target === 'number') return target
    this.#context.emitter.emit('assert-file', {
      id: this.request.id,
      path,
      mode,
      uid,
      gid,
      mtimeSec,
      mtimeNsec,
      ...decodeDevice(rdev),
      size: type === S_IFREG ? size : 0,
      group: key === undefined ? 0 : this.#links.numberOf(key),
      content: kind,
      linkOf,
      target,
      xattrs,
      data,
    })
    return 0
  }

  #target(name: Buffer): Buffer | number {
    const target = Buffer.alloc(limits.targetSizeMax + 1)
    const size = readlinkat(this.#directoryFd, name, target)
    return size < 0 ? size : target.subarray(0, size)
  }

  #open(name: Buffer): number {
    return openat(this.#directoryFd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  }

  // Opens the directory that holds `path`, and gives the name there.
  #enter(path: Buffer): Buffer {
    const cut = path.lastIndexOf(slash)
    const above = cut < 0 ? none : path.subarray(0, cut)
    if (!this.#directoryPath?.equals(above) || this.#directoryFd < 0) {
      this.#leaveDirectory()
      const { rootFd } = this.#context.tree
      const flags = O_PATH | O_DIRECTORY
      this.#directoryFd =
        above.length === 0 ? openat(rootFd, dot, flags) : openBelow(rootFd, above, flags)
      this.#directoryPath = Buffer.from(above)
    }
    return path.length === 0 ? dot : path.subarray(cut + 1)
  }

  #leaveDirectory(): void {
    if (this.#directoryFd >= 0) close(this.#directoryFd)
    this.#directoryFd = -1
    this.#directoryPath = undefined
  }

  #inodeAt(path: Buffer): string | undefined {
    const fd = openBelow(this.#context.tree.rootFd, path, O_PATH)
    if (fd < 0) return undefined
    const e = statx(fd, none, AT_EMPTY_PATH, STATX_BASIC_STATS, this.#other.buffer)
    close(fd)
    return e < 0 ? undefined : keyOf(this.#other)
  }
}

interface File {
  readonly path: Buffer
  readonly name: Buffer
  /** Of its inode, where it has several names. */
  readonly key: string | undefined
  readonly linkOf: Buffer
}

/** Operations that change what a name stands for, and so what stands for it elsewhere. */
const changing: ReadonlySet<OperationName> = new Set<OperationName>([
  'write',
  'truncate',
  'fallocate',
  'copy',
  'setattr',
  'setxattr',
  'removexattr',
])

const keyOf = ({ devMajor, devMinor, inoHigh, inoLow }: Stat) =>
  `${devMajor}:${devMinor}:${inoHigh}:${inoLow}`

const sha256 = (bytes: Buffer): Buffer => hash('sha256', bytes, 'buffer')

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
