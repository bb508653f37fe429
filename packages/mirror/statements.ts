// Makes the mirror at one path what an assertion states of it, by operations like those of the
// stream. Each function takes its row's body; 0, -errno or a refusal.

import { hash } from 'node:crypto'
import {
  close,
  errno,
  fstat,
  O_DIRECTORY,
  O_RDONLY,
  openat2,
  makedev,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  Stat,
} from '#posix'
import {
  content,
  dataKind,
  decodeNames,
  fallocateMode,
  which as bits,
  type Body,
  type OperationName,
} from '#wire'
import { absences, type Absence } from './absence.js'
import { appliers, type Apply } from './appliers.js'
import { beneath } from './directories.js'
import { copyContent } from './copy-content.js'
import { Inspection } from './inspection.js'
import { KeptNames } from './kept-names.js'
import { matchXattrs } from './match-xattrs.js'
import { makeParents, move } from './repairs.js'
import { refusal } from './refusal.js'
import type { Tree } from './tree.js'

/** What has to be asked for, since only its hash was stated. */
export interface Wants {
  /** `length` bytes from `offset` on of the file at `path`; 0: all of it. */
  want(path: Buffer, offset: number, length: number): void
  /** So much of it has come. */
  got(path: Buffer, offset: number, length: number): void
  /** All of it is right. */
  forget(path: Buffer): void
  /** What is there, and below it, is there no more: it may have other names. */
  leave(path: Buffer): void
  /** `newPath` is to be another name of the file at `path`. */
  join(path: Buffer, newPath: Buffer): void
}

const slash = 0x2f
const none = Buffer.alloc(0)
const reserved = Buffer.from('.tfs')
/** Where a file is made before it takes its place. */
const rebuilt = Buffer.from('.tfs/rebuilt')
const sha256 = (bytes: Buffer): Buffer => hash('sha256', bytes, 'buffer')

export class Statements {
  readonly #tree: Tree
  readonly #absence: Absence
  readonly #wants: Wants
  readonly #inspection: Inspection
  readonly #parentStat = new Stat()
  readonly #kept = new KeptNames()
  /** Names that were removed, since they should not be there. */
  removed = 0
  /** A file that has other names was made, or may be set apart: those may be of another one. */
  isApart = false

  constructor(tree: Tree, absence: Absence, wants: Wants) {
    this.#tree = tree
    this.#inspection = new Inspection(tree)
    this.#absence = absence
    this.#wants = wants
  }

  absent({ path }: Body<'assert-absent'>): number {
    this.#wants.leave(path)
    if (!this.#isOurs(path)) return 0
    const found = this.#inspection.look(path)
    // Below what is missing, or is no directory, nothing is; nor is anything made for that.
    if ([0, refusal.SYMLINK, refusal.NOT_A_DIRECTORY].includes(found)) return 0
    return found < 0 ? found : this.#remove(path)
  }

  directory(body: Body<'assert-dir'>): number {
    const { path } = body
    if (path.length > 0 && !this.#keeps(path, true)) return 0
    const e = this.#makeDirectory(body) || this.#removeOthers(body)
    return e || this.#attributes(body, S_IFDIR)
  }

  /** Of a directory that is one here as well; its names, and all else, are left as they are. */
  attributes(body: Body<'assert-dir'>): number {
    const { path } = body
    if (path.length > 0 && !this.#isOurs(path)) return 0
    return this.#inspection.look(path) === S_IFDIR ? this.#attributes(body, S_IFDIR) : 0
  }

  /** `isAnswer`: it was asked for since content is missing; its links are right. */
  file(body: Body<'assert-file'>, isAnswer: boolean): number {
    const { path, linkOf, mode } = body
    // A directory that is kept there gives way all the same.
    if (!this.#keeps(path, false)) return this.#isOurs(path) ? this.#remove(path) : 0
    const type = mode & S_IFMT
    if (linkOf.length > 0) {
      const here = this.#keeps(linkOf, false) ? linkOf : this.#absence.hereOf(linkOf)
      this.#absence.kin?.join(linkOf, path)
      this.#wants.join(here ?? linkOf, path)
      if (here) return here.equals(path) ? 0 : this.#link(here, path)
      if (type === S_IFREG) return this.#lone(body)
    }
    if (type !== S_IFREG) {
      this.#wants.leave(path)
      return this.#special(body) || this.#attributes(body, type)
    }
    this.isApart ||= !isAnswer && body.group !== 0
    if (body.content === content.HERE) return this.#small(body, isAnswer)
    const e = this.#regular(body, isAnswer)
    if (e < 0) return e
    if (body.content === content.HASH) this.#compare(path, 0, body.size, body.data)
    return this.#attributes(body, type)
  }

  data({ path, offset, length, kind, data }: Body<'assert-data'>): number {
    if (!this.#isOurs(path)) return 0
    if (kind === dataKind.HASH) return this.#compare(path, offset, length, data)
    const e =
      kind === dataKind.HOLE ? this.#hole(path, offset, length) : this.#write(path, offset, data)
    if (e === 0) this.#wants.got(path, offset, length)
    return e
  }

  #isOurs(path: Buffer): boolean {
    return !this.#absence.isAbsent(this.#tree, path)
  }

  // Where the source says whether it is a directory.
  #keeps(path: Buffer, isDirectory: boolean): boolean {
    const { omitted } = this.#absence
    return !omitted.has(path.toString('latin1')) && !this.#absence.excludes(path, isDirectory)
  }

  /** An operation, as if it had come in the stream. */
  #do<K extends OperationName>(name: K, body: Body<K>): number {
    if (this.#absence.isNeeded) {
      const left = absences[name](this.#absence, this.#tree, body)
      if (left !== undefined) return left
    }
    return (appliers[name] as Apply<K>)(this.#tree, body)
  }

  /** The mtime of the directory that holds `path`, for an operation that leaves it as it is. */
  #dirTimes(path: Buffer): { dirMtimeSec: number; dirMtimeNsec: number } | number {
    const e = makeParents(this.#tree, path)
    if (e < 0) return e
    const directory = this.#tree.parent(path)
    if (directory < 0) return directory
    const failed = fstat(directory, this.#parentStat.buffer)
    if (failed < 0) return failed
    const { mtimeSec, mtimeNsec } = this.#parentStat
    return { dirMtimeSec: mtimeSec, dirMtimeNsec: mtimeNsec }
  }

  #remove(path: Buffer): number {
    this.#wants.leave(path)
    const times = this.#dirTimes(path)
    if (typeof times === 'number') return times
    const e = this.#absence.discard(this.#tree, path)
    if (e === -errno.ENOENT) return 0
    this.removed++
    const directory = this.#tree.parent(path)
    return e || this.#tree.setMtime(directory, times.dirMtimeSec, times.dirMtimeNsec)
  }

  #makeDirectory({ path, mode, uid, gid, mtimeSec, mtimeNsec }: Body<'assert-dir'>): number {
    if (path.length === 0) return 0
    const type = this.#inspection.look(path)
    if (type < 0 || type === S_IFDIR) return Math.min(0, type)
    const times = this.#dirTimes(path)
    if (typeof times === 'number') return times
    const e = type === 0 ? 0 : this.#remove(path)
    return e || this.#do('mkdir', { path, mode, uid, gid, mtimeSec, mtimeNsec, ...times })
  }

  // Those of the list's range that it does not have.
  #removeOthers({ id, path, after, upto, names }: Body<'assert-dir'>): number {
    const wanted = new Set(decodeNames(names).map(({ name }) => name.toString('latin1')))
    const above = this.#tree.parent(path)
    if (above < 0) return above
    const directory = path.length === 0 ? Buffer.from('.') : this.#tree.name
    const fd = openat2(above, directory, O_RDONLY | O_DIRECTORY, 0, beneath)
    if (fd < 0) return fd
    const others: Buffer[] = []
    for (const { name, isDir } of this.#kept.between(id, fd, after, upto)) {
      if (wanted.has(name.toString('latin1'))) continue
      if (path.length === 0 && name.equals(reserved)) continue
      const below = path.length === 0 ? name : Buffer.concat([path, Buffer.of(slash), name])
      if (!this.#absence.excludes(below, isDir)) others.push(below)
    }
    close(fd)
    for (const other of others) {
      const e = this.#remove(other)
      if (e < 0) return e
    }
    return 0
  }

  #link(path: Buffer, newPath: Buffer): number {
    const [one, other] = [this.#inspection.inode(path), this.#inspection.inode(newPath)]
    if (one !== undefined && one === other) return 0
    if (one === undefined) return -errno.ENOENT
    const times = this.#dirTimes(newPath)
    if (typeof times === 'number') return times
    const e = other === undefined ? 0 : this.#remove(newPath)
    const { dirMtimeSec, dirMtimeNsec } = times
    const newTimes = { newDirMtimeSec: dirMtimeSec, newDirMtimeNsec: dirMtimeNsec }
    return e || this.#do('link', { path, newPath, ...newTimes })
  }

  // A symbolic link, a device, a FIFO, a socket.
  #special(body: Body<'assert-file'>): number {
    const { path, mode, major, minor, target, size: _size, ...rest } = body
    const type = mode & S_IFMT
    const found = this.#inspection.look(path)
    if (found < 0) return found
    if (found === type && this.#inspection.stat.nlink === 1 && this.#isSame(body)) return 0
    const times = this.#dirTimes(path)
    if (typeof times === 'number') return times
    const e = found === 0 ? 0 : this.#remove(path)
    if (e < 0) return e
    const made = { ...rest, path, ...times }
    return type === S_IFLNK
      ? this.#do('symlink', { ...made, target })
      : this.#do('mknod', { ...made, mode, major, minor })
  }

  #isSame({ path, mode, major, minor, target }: Body<'assert-file'>): boolean {
    if (this.#tree.fake) return false
    const type = mode & S_IFMT
    if (type === S_IFCHR || type === S_IFBLK)
      return this.#inspection.stat.rdev === makedev(major, minor)
    if (type !== S_IFLNK) return true
    return this.#inspection.targets(path, target)
  }

  // What it is a link of is left out: its content is to be stated for it.
  #lone(body: Body<'assert-file'>): number {
    const { path } = body
    const found = this.#inspection.look(path)
    const isShared = found === S_IFREG && this.#inspection.stat.nlink > 1
    const e = (isShared ? this.#separate(body) : 0) || this.#regular(body, true)
    if (e === 0) this.#wants.want(path, 0, 0)
    return e || this.#attributes(body, S_IFREG)
  }

  // A regular file of that size, with one name, or those that were stated.
  #regular(body: Body<'assert-file'>, isAnswer: boolean): number {
    const { path, size, content: kind } = body
    const found = this.#inspection.look(path)
    if (found < 0) return found
    // Its content was stated, and its links are those.
    if (kind === content.STATED && found === S_IFREG) return this.#resize(path, size)
    if (found !== S_IFREG) {
      const e = this.#makeNew(body, none)
      if (e < 0) return e
    } else if (this.#inspection.stat.nlink > 1 && !(isAnswer && body.group !== 0)) {
      const e = this.#separate(body)
      if (e < 0) return e
    }
    return this.#resize(path, size)
  }

  #resize(path: Buffer, size: number): number {
    return this.#inspection.stat.size === size ? 0 : this.#do('truncate', { path, size })
  }

  // Its content is in the message: a file that has another one is replaced at once.
  #small(body: Body<'assert-file'>, isAnswer: boolean): number {
    const { path, data } = body
    if (isAnswer) this.#wants.forget(path)
    else this.#wants.leave(path)
    const found = this.#inspection.look(path)
    if (found < 0) return found
    const isIt =
      found === S_IFREG && (this.#inspection.stat.nlink === 1 || (isAnswer && body.group !== 0))
    const isShared = isIt && this.#inspection.stat.nlink > 1
    const isSame =
      isIt &&
      this.#inspection.stat.size === data.length &&
      this.#inspection.read(path, 0, data.length).equals(data)
    const e = isSame
      ? 0
      : isShared
        ? this.#do('truncate', { path, size: data.length }) || this.#write(path, 0, data)
        : this.#makeNew(body, data)
    return e || this.#attributes(body, S_IFREG)
  }

  // Makes a file with this content and puts it in the place of whatever is there.
  #makeNew(body: Body<'assert-file'>, data: Buffer): number {
    this.isApart ||= body.group !== 0
    return this.#replace(body, () =>
      // The place is none of the paths that may be left out.
      data.length === 0 ? 0 : appliers.write(this.#tree, { path: rebuilt, offset: 0, data }),
    )
  }

  // The file gets an inode of its own, with the content that it has.
  #separate(body: Body<'assert-file'>): number {
    const from = this.#inspection.open(body.path)
    if (from < 0) return from
    const { size } = this.#inspection.stat
    const e = this.#replace(body, () => {
      const file = this.#tree.writable(rebuilt)
      return typeof file === 'number' ? file : copyContent(from, file.fd, size)
    })
    close(from)
    return e
  }

  #replace(body: Body<'assert-file'>, fill: () => number): number {
    const { path, mode, uid, gid, mtimeSec, mtimeNsec } = body
    const times = this.#dirTimes(path)
    if (typeof times === 'number') return times
    const left = this.#discard(rebuilt)
    if (left < 0) return left
    const permissions = mode & 0o7777
    const made = { path: rebuilt, mode: permissions, uid, gid, mtimeSec, mtimeNsec, ...times }
    const e = appliers.create(this.#tree, made) || fill()
    if (e < 0) return e
    this.#tree.forgetTree(path)
    // A directory does not give way to a file.
    const found = this.#inspection.look(path)
    const removed = found === S_IFDIR ? this.#remove(path) : Math.min(0, found)
    if (removed < 0) return removed
    const moved = move(this.#tree, rebuilt, path, 0)
    if (moved < 0) return moved
    this.#inspection.look(path)
    const directory = this.#tree.parent(path)
    return this.#tree.setMtime(directory, times.dirMtimeSec, times.dirMtimeNsec)
  }

  #discard(path: Buffer): number {
    const directory = this.#tree.parent(path)
    if (directory < 0) return directory
    this.#tree.forgetTree(path)
    const e = this.#absence.trash.take(directory, this.#tree.name)
    return e === -errno.ENOENT ? 0 : e
  }

  #write(path: Buffer, offset: number, data: Buffer): number {
    if (this.#inspection.read(path, offset, data.length).equals(data)) return 0
    return this.#fill('write', { path, offset, data })
  }

  #hole(path: Buffer, offset: number, length: number): number {
    if (this.#inspection.dataIn(path, offset, offset + length) < 0) return 0
    const mode = fallocateMode.PUNCH_HOLE | fallocateMode.KEEP_SIZE
    return this.#fill('fallocate', { path, mode, offset, length })
  }

  // The file's time is right already, or will be stated.
  #fill<K extends 'write' | 'fallocate'>(name: K, body: Body<K>): number {
    const { mtimeSec, mtimeNsec } = this.#inspection.stat
    const file = this.#do(name, body) || this.#tree.writable((body as Body<'write'>).path)
    return typeof file === 'number' ? file : this.#tree.setMtime(file.fd, mtimeSec, mtimeNsec)
  }

  #compare(path: Buffer, offset: number, length: number, hashed: Buffer): number {
    const bytes = this.#inspection.read(path, offset, length)
    if (bytes.length === length && sha256(bytes).equals(hashed))
      this.#wants.got(path, offset, length)
    else this.#wants.want(path, offset, length)
    return 0
  }

  #attributes(body: Body<'assert-dir'> | Body<'assert-file'>, type: number): number {
    const { path, mode, uid, gid, mtimeSec, mtimeNsec } = body
    if (path.length > 0 && !this.#isOurs(path)) return 0
    const attributes = {
      path,
      mode: mode & 0o7777,
      uid,
      gid,
      atimeSec: 0,
      atimeNsec: 0,
      mtimeSec,
      mtimeNsec,
    }
    const owners = bits.UID | bits.GID | (type === S_IFLNK ? 0 : bits.MODE)
    return (
      this.#do('setattr', { ...attributes, which: owners }) ||
      matchXattrs(this.#tree, path, body.xattrs, (name, value) =>
        this.#do('setxattr', { path, name, value }),
      ) ||
      // An ACL may have changed the mode.
      this.#do('setattr', { ...attributes, which: (owners & bits.MODE) | bits.MTIME })
    )
  }
}
