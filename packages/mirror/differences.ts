// Compares the mirror at one path with what an assertion states of it, and changes nothing. Both
// are what they are behind the same message, so a difference is one.

import { hash } from 'node:crypto'
import {
  close,
  errno,
  escapeName,
  fgetxattr,
  flistxattr,
  makedev,
  O_DIRECTORY,
  O_RDONLY,
  openat2,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  XATTR_LIST_MAX,
  XATTR_SIZE_MAX,
} from '#posix'
import { content, dataKind, decodeNames, decodeXattrs, limits } from '#wire'
import type { Body, OperationName } from '#wire'
import type { Absence } from './absence.js'
import { beneath } from './directories.js'
import { Inspection } from './inspection.js'
import { StatedLinks } from './stated-links.js'
import { KeptNames } from './kept-names.js'
import { keyOf, type Tree } from './tree.js'

/** Is told of each: `what` it is about, and how. */
export type OnDifference = (path: Buffer, what: string, how: string) => void

export interface DifferencesOptions {
  readonly tree: Tree
  readonly absence: Absence
  /** The owner that the mirror should have where the source has that one; undefined: any. */
  readonly ownerHere: (uid: number) => number | undefined
  readonly groupHere: (gid: number) => number | undefined
  readonly isRoot: boolean
  readonly onDifference: OnDifference
}

const slash = 0x2f
const reserved = Buffer.from('.tfs')
const dot = Buffer.from('.')
/** Where holes begin and end is not the same on all file systems. */
const holeGrain = 64 << 10
const typeNames: Readonly<Record<number, string>> = {
  0o010000: 'FIFO',
  0o020000: 'character device',
  0o040000: 'directory',
  0o060000: 'block device',
  0o100000: 'regular file',
  0o120000: 'symbolic link',
  0o140000: 'socket',
}

export class Differences {
  readonly #options: DifferencesOptions
  readonly #inspection: Inspection
  readonly #kept = new KeptNames()
  readonly #list = Buffer.alloc(XATTR_LIST_MAX)
  readonly #value = Buffer.alloc(XATTR_SIZE_MAX)
  // Of each assertion that is under way.
  readonly #links = new Map<number, StatedLinks>()
  count = 0
  /** Of what was stated last the links differ, and it is the first name of its file. */
  isMisplaced = false
  /** Of what was stated last there is nothing, or something else. */
  isAbsent = false

  constructor(options: DifferencesOptions) {
    this.#options = options
    this.#inspection = new Inspection(options.tree)
  }

  /** Another assertion begins. */
  begin(id: number): void {
    this.#links.set(id, new StatedLinks((path) => this.#inspection.inode(path)))
  }

  end(id: number): void {
    this.#links.delete(id)
  }

  /** None of those that were under way will come to its end. */
  forget(): void {
    this.#links.clear()
  }

  /** An operation of the stream. */
  follow<K extends OperationName>(name: K, body: Body<K>): void {
    for (const links of this.#links.values()) links.follow(name, body)
  }

  absent({ path }: Body<'assert-absent'>): void {
    if (this.#isOurs(path) && this.#inspection.look(path) > 0) this.#differs(path, 'extra', '')
  }

  directory(body: Body<'assert-dir'>): void {
    const { path } = body
    // What is open may be called otherwise by now, if somebody else did that.
    this.#options.tree.forget(path)
    if (path.length > 0 && !this.#isOurs(path)) return
    if (!this.#isOf(path, S_IFDIR)) return
    if (body.after.length === 0) this.#attributes(body, S_IFDIR, true)
    this.#names(body)
  }

  file(body: Body<'assert-file'>): void {
    const { path, mode, group } = body
    this.isMisplaced = false
    this.#options.tree.forget(path)
    if (!this.#isOurs(path)) return
    const type = mode & S_IFMT
    if (!this.#isOf(path, type)) return
    const { nlink, size, rdev } = this.#inspection.stat
    if (group === 0 && nlink > 1) this.#differs(path, 'link', `has ${nlink} names, should have one`)
    if (group !== 0) this.#link(body)
    if (type === S_IFCHR || type === S_IFBLK) {
      const there = makedev(body.major, body.minor)
      if (!this.#options.tree.fake && rdev !== there) this.#differs(path, 'device', '')
    }
    if (type === S_IFLNK) this.#target(path, body.target)
    if (type === S_IFREG && size !== body.size)
      this.#differs(path, 'size', `${size}, should be ${body.size}`)
    else if (body.content === content.HERE || body.content === content.HASH)
      this.#content(path, 0, body.size, body.data, body.content === content.HASH)
    this.#attributes(body, type, body.content !== content.FOLLOWS)
  }

  data({ path, offset, length, kind, data }: Body<'assert-data'>): void {
    // Where there is no file, that was said.
    if (!this.#isOurs(path) || this.#inspection.look(path) !== S_IFREG) return
    if (kind === dataKind.HOLE) this.#hole(path, offset, length)
    else this.#content(path, offset, length, data, kind === dataKind.HASH)
  }

  #differs(path: Buffer, what: string, how: string): void {
    this.count++
    this.#options.onDifference(path, what, how)
  }

  #isOurs(path: Buffer): boolean {
    return !this.#options.absence.isAbsent(this.#options.tree, path)
  }

  #isOf(path: Buffer, type: number): boolean {
    const found = this.#inspection.look(path)
    this.isAbsent = found !== type
    if (!this.isAbsent) return true
    if (found <= 0) this.#differs(path, 'missing', `should be a ${typeNames[type]}`)
    else this.#differs(path, 'type', `${typeNames[found]}, should be a ${typeNames[type]}`)
    return false
  }

  #names({ id, path, after, upto, names }: Body<'assert-dir'>): void {
    const { tree, absence } = this.#options
    const wanted = new Set(decodeNames(names).map(({ name }) => keyOf(name)))
    const above = tree.parent(path)
    const name = path.length === 0 ? dot : tree.name
    const fd = above < 0 ? above : openat2(above, name, O_RDONLY | O_DIRECTORY, 0, beneath)
    if (fd < 0) return this.#differs(path, 'unreadable', `errno ${-fd}`)
    const below = (one: Buffer) =>
      path.length === 0 ? one : Buffer.concat([path, Buffer.of(slash), one])
    for (const { name: one, isDir } of this.#kept.between(id, fd, after, upto)) {
      // What is missing says so where it is stated itself.
      if (wanted.has(keyOf(one))) continue
      if (path.length === 0 && one.equals(reserved)) continue
      if (absence.excludes(below(one), isDir)) continue
      if (this.#inspection.look(below(one)) > 0) this.#differs(below(one), 'extra', '')
    }
    close(fd)
  }

  #link({ id, path, group, linkOf }: Body<'assert-file'>): void {
    const isFirst = linkOf.length === 0 || !this.#isOurs(linkOf)
    this.isMisplaced = isFirst && this.#links.get(id)?.isTaken(path, group) === true
    const isLinked = isFirst
      ? !this.isMisplaced
      : this.#inspection.inode(linkOf) === this.#inspection.inode(path)
    const should = isFirst
      ? 'is one file with another, should not be'
      : `should be a link of ${escapeName(linkOf)}`
    if (!isLinked) this.#differs(path, 'link', should)
  }

  #target(path: Buffer, target: Buffer): void {
    const { tree } = this.#options
    if (tree.fake) return this.#content(path, 0, target.length, target, false)
    if (!this.#inspection.targets(path, target)) this.#differs(path, 'target', '')
  }

  #content(path: Buffer, offset: number, length: number, said: Buffer, isHashed: boolean): void {
    const bytes = this.#inspection.read(path, offset, length)
    const isSame = isHashed ? hash('sha256', bytes, 'buffer').equals(said) : bytes.equals(said)
    if (bytes.length !== length || !isSame)
      this.#differs(path, 'content', `bytes ${offset} to ${offset + length - 1}`)
  }

  #hole(path: Buffer, offset: number, length: number): void {
    const end = offset + length
    if (this.#inspection.dataIn(path, offset, end) < 0) return
    const start = Math.min(end, Math.ceil(offset / holeGrain) * holeGrain)
    const stop = Math.max(start, Math.floor(end / holeGrain) * holeGrain)
    const data = start < stop ? this.#inspection.writtenIn(path, start, stop) : -1
    if (data >= 0) {
      const bytes = this.#inspection.read(path, data, Math.min(stop - data, limits.dataSizeMax))
      const what = isZero(bytes) ? 'hole' : 'content'
      return this.#differs(path, what, `data at byte ${data}, should be a hole`)
    }
    // Next to other data there may be blocks of zeros.
    for (const [from, to] of [
      [offset, start],
      [stop, end],
    ] as const)
      if (!isZero(this.#inspection.read(path, from, to - from)))
        this.#differs(path, 'content', `bytes ${from} to ${to - 1}, should be zeros`)
  }

  #attributes(
    body: Body<'assert-dir'> | Body<'assert-file'>,
    type: number,
    hasMtime: boolean,
  ): void {
    const { path } = body
    if (this.#inspection.look(path) <= 0) return
    const { tree, ownerHere, groupHere } = this.#options
    const fd = tree.object(path)
    if (fd < 0) return
    const found = tree.fake?.look(fd) ?? this.#inspection.stat
    const { uid, gid, mode } = found
    const permissions = mode & 0o7777
    const wanted = body.mode & 0o7777
    if (type !== S_IFLNK && permissions !== wanted)
      this.#differs(path, 'mode', `0${permissions.toString(8)}, should be 0${wanted.toString(8)}`)
    const [owner, group] = tree.fake
      ? [body.uid, body.gid]
      : [ownerHere(body.uid), groupHere(body.gid)]
    if (owner !== undefined && owner !== uid)
      this.#differs(path, 'owner', `${uid}, should be ${owner}`)
    if (group !== undefined && group !== gid)
      this.#differs(path, 'group', `${gid}, should be ${group}`)
    const { mtimeSec, mtimeNsec } = this.#inspection.stat
    if (hasMtime && (mtimeSec !== body.mtimeSec || mtimeNsec !== body.mtimeNsec))
      this.#differs(path, 'mtime', '')
    if (!tree.fake) this.#xattrs(path, fd, body.xattrs)
    tree.release(path, fd)
  }

  #xattrs(path: Buffer, fd: number, stated: Buffer): void {
    const wanted = new Map(decodeXattrs(stated).map(({ name, value }) => [keyOf(name), value]))
    const length = flistxattr(fd, this.#list)
    for (let at = 0; at < length;) {
      const end = this.#list.indexOf(0, at)
      const name = this.#list.toString('latin1', at, end)
      at = end + 1
      if (!this.#isCompared(name)) continue
      const value = wanted.get(name)
      wanted.delete(name)
      const size = fgetxattr(fd, Buffer.from(name, 'latin1'), this.#value)
      if (size === -errno.ENODATA) continue
      if (!value) this.#differs(path, 'xattr', `${name}: should not be there`)
      else if (size < 0 || !this.#value.subarray(0, size).equals(value))
        this.#differs(path, 'xattr', `${name}: another value`)
    }
    for (const name of wanted.keys())
      if (this.#isCompared(name)) this.#differs(path, 'xattr', `${name}: missing`)
  }

  // What a user cannot set he is not blamed for; a label belongs to the machine.
  #isCompared(name: string): boolean {
    const { isRoot, tree } = this.#options
    if (name === 'security.selinux') return false
    return isRoot && !tree.options.untrusted ? true : name.startsWith('user.')
  }
}

const isZero = (bytes: Buffer): boolean => bytes.every((byte) => byte === 0)
