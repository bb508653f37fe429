// Compares the mirror at one path with what an assertion states of it, and changes nothing, but for
// the leave to read that an ordinary user may have to give himself for a moment. Both are what they
// are behind the same message, so a difference is one.

import { hash } from 'node:crypto'
import { close, errno, escapeName, fgetxattr, flistxattr, majorOf, minorOf } from '#posix'
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '#posix'
import { XATTR_LIST_MAX, XATTR_SIZE_MAX } from '#posix'
import { content, dataKind, decodeNames, decodeXattrs, limits, momentText } from '#wire'
import type { Body, OperationName } from '#wire'
import { isDevice, type Absence } from './absence.js'
import { Inspection } from './inspection.js'
import { StatedLinks } from './stated-links.js'
import { KeptNames } from './kept-names.js'
import { ToldDifferences } from './told-differences.js'
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
  readonly #underway = new Map<number, { links: StatedLinks; told: ToldDifferences }>()
  /** Each is told once in an assertion. */
  count = 0
  /** What was stated last is not so here, be that told before or not. */
  hasFound = false
  // Of the assertion at hand.
  #told: ToldDifferences | undefined
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
    const links = new StatedLinks((path) => this.#inspection.inode(path))
    this.#underway.set(id, { links, told: new ToldDifferences() })
  }

  end(id: number): void {
    this.#underway.delete(id)
  }

  /** None of those that were under way will come to its end. */
  forget(): void {
    this.#underway.clear()
  }

  /** An operation of the stream. */
  follow<K extends OperationName>(name: K, body: Body<K>): void {
    for (const { links, told } of this.#underway.values()) {
      links.follow(name, body)
      told.follow(name, body)
    }
  }

  absent({ id, path }: Body<'assert-absent'>): void {
    this.#begins(id)
    if (this.#isOurs(path) && this.#inspection.look(path) > 0) this.#differs(path, 'extra', '')
  }

  directory(body: Body<'assert-dir'>): void {
    const { id, path } = body
    this.#begins(id)
    // What is open may be called otherwise by now, if somebody else did that.
    this.#options.tree.forget(path)
    if (path.length > 0 && !this.#isOurs(path)) return
    if (!this.#isOf(path, S_IFDIR)) return this.#told?.isAbsent(path)
    if (body.after.length === 0) this.#attributes(body, S_IFDIR, true)
    this.#names(body)
  }

  file(body: Body<'assert-file'>): void {
    const { id, path, mode, group } = body
    this.#begins(id)
    this.isMisplaced = false
    this.#options.tree.forget(path)
    // What was left out by its name is something else by now, perhaps.
    if (isDevice(mode) && this.#options.absence.omitted.has(keyOf(path))) return
    if (!this.#isOurs(path)) return
    const type = mode & S_IFMT
    if (!this.#isOf(path, type)) return
    const { nlink, size } = this.#inspection.stat
    if (group === 0 && nlink > 1) this.#differs(path, 'link', `has ${nlink} names, should have one`)
    if (group !== 0) this.#link(body)
    if (type === S_IFCHR || type === S_IFBLK) this.#device(body)
    if (type === S_IFLNK) this.#target(path, body.target)
    if (type === S_IFREG && size !== body.size)
      this.#differs(path, 'size', `${size}, should be ${body.size}`)
    else if (body.content === content.HERE || body.content === content.HASH)
      this.#content(path, 0, body.size, body.data, body.content === content.HASH)
    this.#attributes(body, type, body.content !== content.FOLLOWS)
  }

  data({ id, path, offset, length, kind, data }: Body<'assert-data'>): void {
    this.#begins(id)
    // Where there is no file, that was said.
    if (!this.#isOurs(path) || this.#inspection.look(path) !== S_IFREG) return
    if (kind === dataKind.HOLE) this.#hole(path, offset, length)
    else this.#content(path, offset, length, data, kind === dataKind.HASH)
  }

  #begins(id: number): void {
    this.#told = this.#underway.get(id)?.told
    this.hasFound = false
  }

  /** `detail`: which of several of its kind it is. */
  #differs(path: Buffer, what: string, how: string, detail = ''): void {
    this.hasFound = true
    if (this.#told?.isNew(path, what + detail) === false) return
    this.count++
    this.#options.onDifference(path, what, how)
  }

  #isOurs(path: Buffer): boolean {
    return !this.#options.absence.excludesWhatIsAt(this.#options.tree, path)
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
    const { absence } = this.#options
    const wanted = new Set(decodeNames(names).map(({ name }) => keyOf(name)))
    const fd = this.#inspection.directory(path)
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
    const links = this.#underway.get(id)?.links
    const isOut = linkOf.length > 0 && !this.#isOurs(linkOf)
    // Where that one is left out, it is to be one with those that are not.
    const first = isOut ? links?.firstOf(group) : linkOf.length > 0 ? linkOf : undefined
    this.isMisplaced = !first && links?.isTaken(path, group, isOut) === true
    const isLinked = first
      ? this.#inspection.inode(first) === this.#inspection.inode(path)
      : !this.isMisplaced
    const should = first
      ? `should be a link of ${escapeName(first)}`
      : 'is one file with another, should not be'
    if (!isLinked) this.#differs(path, 'link', should)
  }

  #target(path: Buffer, target: Buffer): void {
    const found = this.#inspection.target(path)
    if (found.equals(target)) return
    this.#differs(path, 'target', `${escapeName(found)}, should be ${escapeName(target)}`)
  }

  #device({ path, major, minor }: Body<'assert-file'>): void {
    const { tree } = this.#options
    const fd = this.#inspection.object(path)
    if (fd < 0) return
    const { rdev } = this.#inspection.stat
    const found = tree.fake?.look(fd) ?? { major: majorOf(rdev), minor: minorOf(rdev) }
    tree.release(path, fd)
    if (found.major === major && found.minor === minor) return
    this.#differs(path, 'device', `${found.major}:${found.minor}, should be ${major}:${minor}`)
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
    const fd = this.#inspection.object(path)
    if (fd < 0) return
    const found = tree.fake?.look(fd) ?? this.#inspection.stat
    const { uid, gid, mode } = found
    const permissions = mode & 0o7777
    const wanted = tree.modeHere(body.mode & 0o7777, type, body.uid, body.gid)
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
    if (hasMtime && (mtimeSec !== body.mtimeSec || mtimeNsec !== body.mtimeNsec)) {
      const right = momentText(body.mtimeSec, body.mtimeNsec)
      this.#differs(path, 'mtime', `${momentText(mtimeSec, mtimeNsec)}, should be ${right}`)
    }
    this.#xattrs(path, fd, body.xattrs)
    tree.release(path, fd)
  }

  #xattrs(path: Buffer, fd: number, stated: Buffer): void {
    const { fake, options } = this.#options.tree
    const wanted = new Map<string, { name: string; value: Buffer }>()
    for (const { name, value } of decodeXattrs(stated)) {
      const here = fake ? fake.held(name, value) : { name, value }
      if (here) wanted.set(keyOf(here.name), { name: keyOf(name), value: here.value })
    }
    const differs = (name: string, how: string) =>
      this.#differs(path, 'xattr', `${name}: ${how}`, name)
    const length = flistxattr(fd, this.#list)
    for (let at = 0; at < length;) {
      const end = this.#list.indexOf(0, at)
      const here = this.#list.toString('latin1', at, end)
      at = end + 1
      const right = wanted.get(here)
      wanted.delete(here)
      const name = right?.name ?? (fake ? fake.originOf(here) : here)
      if (name === undefined || !this.#isCompared(name)) continue
      const size = options.unlock.over(this.#options.tree, path, true, () =>
        fgetxattr(fd, Buffer.from(here, 'latin1'), this.#value),
      )
      if (size === -errno.ENODATA) continue
      if (!right) differs(name, 'should not be there')
      else if (size < 0 || !this.#value.subarray(0, size).equals(right.value))
        differs(name, 'another value')
    }
    for (const { name } of wanted.values()) if (this.#isCompared(name)) differs(name, 'missing')
  }

  // What a user cannot set he is not blamed for; a label belongs to the machine.
  #isCompared(name: string): boolean {
    const { isRoot, tree } = this.#options
    if (name === 'security.selinux') return false
    return (isRoot || tree.fake) && !tree.options.untrusted ? true : name.startsWith('user.')
  }
}

const isZero = (bytes: Buffer): boolean => bytes.every((byte) => byte === 0)
