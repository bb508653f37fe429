// Makes the mirror at one path what an assertion states of it, by operations like those of the
// stream. Each function takes its row's body; 0, -errno or a refusal.

import { hash } from 'node:crypto'
import { close, errno, makedev } from '#posix'
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '#posix'
import { content, dataKind, decodeNames, fallocateMode, which as bits, type Body } from '#wire'
import { isDevice, type Absence } from './absence.js'
import { Inspection } from './inspection.js'
import { KeptNames } from './kept-names.js'
import { matchXattrs } from './match-xattrs.js'
import { refusal } from './refusal.js'
import { StatementSteps } from './statement-steps.js'
import { keyOf, type Tree } from './tree.js'
import type { Wants } from './wants.js'

/** What has to be asked for, since only its hash was stated. */
type StatedWants = Pick<Wants, 'want' | 'got' | 'forget' | 'leave' | 'join' | 'split'>

const slash = 0x2f
const none = Buffer.alloc(0)
const reserved = Buffer.from('.tfs')
/** Nothing is left to be done. */
const DONE = 1
const sha256 = (bytes: Buffer): Buffer => hash('sha256', bytes, 'buffer')

export class Statements {
  readonly #tree: Tree
  readonly #absence: Absence
  readonly #wants: StatedWants
  readonly #inspection: Inspection
  readonly #kept = new KeptNames()
  readonly #steps: StatementSteps

  constructor(tree: Tree, absence: Absence, wants: StatedWants) {
    this.#tree = tree
    this.#inspection = new Inspection(tree)
    this.#absence = absence
    this.#wants = wants
    this.#steps = new StatementSteps(tree, absence, this.#inspection, (path) => wants.leave(path))
  }

  /** Names that were removed, since they should not be there. */
  get removed(): number {
    return this.#steps.removed
  }

  /** A file that has other names was made, or may be set apart: those may be of another one. */
  get isApart(): boolean {
    return this.#steps.isApart
  }

  set isApart(isApart: boolean) {
    this.#steps.isApart = isApart
  }

  absent({ path }: Body<'assert-absent'>): number {
    this.#wants.leave(path)
    this.#absence.omitted.delete(keyOf(path))
    if (!this.#isOurs(path)) return 0
    const found = this.#inspection.look(path)
    // Below what is missing, or is no directory, nothing is; nor is anything made for that.
    if ([0, refusal.SYMLINK, refusal.NOT_A_DIRECTORY].includes(found)) return 0
    return found < 0 ? found : this.#leave(path, () => this.#steps.remove(path))
  }

  directory(body: Body<'assert-dir'>): number {
    const { path } = body
    this.#absence.omitted.delete(keyOf(path))
    if (path.length > 0 && !this.#keeps(path, true)) return 0
    const e = this.#leave(path, () => this.#makeDirectory(body) || this.#removeOthers(body))
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
    const { path, mode } = body
    // What was left out by its name is something else by now.
    if (!isDevice(mode)) this.#absence.omitted.delete(keyOf(path))
    const e = this.#leave(path, () => this.#make(body, isAnswer))
    return e === DONE ? 0 : e || this.#attributes(body, mode & S_IFMT)
  }

  data(body: Body<'assert-data'>): number {
    const { path, offset, length, kind, data } = body
    if (!this.#isOurs(path)) return 0
    if (kind === dataKind.HASH) return this.#compare(path, offset, length, data)
    const e = this.#leave(path, () =>
      kind === dataKind.HOLE ? this.#hole(path, offset, length) : this.#write(path, offset, data),
    )
    if (e === 0) this.#wants.got(path, offset, length)
    return e
  }

  // An ordinary user may have to give himself leave to what is at `path`, and on the way there.
  #leave(path: Buffer, state: () => number): number {
    return this.#tree.options.unlock.over(this.#tree, path, true, state)
  }

  // All but its attributes.
  #make(body: Body<'assert-file'>, isAnswer: boolean): number {
    const { path, linkOf, mode } = body
    // A directory that is kept there gives way all the same.
    if (!this.#keeps(path, false))
      return this.#isOurs(path) ? this.#steps.remove(path) || DONE : DONE
    const type = mode & S_IFMT
    if (linkOf.length > 0) {
      const here = this.#keeps(linkOf, false) ? linkOf : this.#absence.hereOf(linkOf)
      this.#absence.kin?.join(linkOf, path)
      if (here) {
        const e = here.equals(path) ? 0 : this.#link(here, path)
        if (e === 0) this.#wants.join(here, path)
        return e || DONE
      }
      this.#wants.join(linkOf, path)
      if (type === S_IFREG) return this.#lone(body)
    }
    if (type !== S_IFREG) {
      this.#wants.leave(path)
      return this.#special(body)
    }
    this.#steps.isApart ||= !isAnswer && body.group !== 0
    if (body.content === content.HERE) return this.#small(body, isAnswer)
    const e = this.#regular(body, isAnswer)
    if (e < 0) return e
    return body.content === content.HASH ? this.#compare(path, 0, body.size, body.data) : 0
  }

  #isOurs(path: Buffer): boolean {
    return !this.#absence.isAbsent(this.#tree, path)
  }

  // Where the source says whether it is a directory.
  #keeps(path: Buffer, isDirectory: boolean): boolean {
    const { omitted } = this.#absence
    return !omitted.has(path.toString('latin1')) && !this.#absence.excludes(path, isDirectory)
  }

  #makeDirectory({ path, mode, uid, gid, mtimeSec, mtimeNsec }: Body<'assert-dir'>): number {
    if (path.length === 0) return 0
    const type = this.#inspection.look(path)
    if (type < 0 || type === S_IFDIR) return Math.min(0, type)
    const times = this.#steps.dirTimes(path)
    if (typeof times === 'number') return times
    const e = type === 0 ? 0 : this.#steps.remove(path)
    return e || this.#steps.do('mkdir', { path, mode, uid, gid, mtimeSec, mtimeNsec, ...times })
  }

  // Those of the list's range that it does not have.
  #removeOthers({ id, path, after, upto, names }: Body<'assert-dir'>): number {
    const wanted = new Set(decodeNames(names).map(({ name }) => name.toString('latin1')))
    const fd = this.#inspection.directory(path)
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
      const e = this.#steps.remove(other)
      if (e < 0) return e
    }
    return 0
  }

  #link(path: Buffer, newPath: Buffer): number {
    const [one, other] = [this.#inspection.inode(path), this.#inspection.inode(newPath)]
    if (one !== undefined && one === other) return 0
    if (one === undefined) return -errno.ENOENT
    const times = this.#steps.dirTimes(newPath)
    if (typeof times === 'number') return times
    const e = other === undefined ? 0 : this.#steps.remove(newPath)
    const { dirMtimeSec, dirMtimeNsec } = times
    const newTimes = { newDirMtimeSec: dirMtimeSec, newDirMtimeNsec: dirMtimeNsec }
    const link = () => this.#steps.do('link', { path, newPath, ...newTimes })
    return e || this.#tree.options.unlock.over(this.#tree, path, false, link)
  }

  // A symbolic link, a device, a FIFO, a socket.
  #special(body: Body<'assert-file'>): number {
    const { path, mode, major, minor, target, size: _size, ...rest } = body
    const type = mode & S_IFMT
    const found = this.#inspection.look(path)
    if (found < 0) return found
    if (found === type && this.#inspection.stat.nlink === 1 && this.#isSame(body)) return 0
    const times = this.#steps.dirTimes(path)
    if (typeof times === 'number') return times
    const e = found === 0 ? 0 : this.#steps.remove(path)
    if (e < 0) return e
    const made = { ...rest, path, ...times }
    return type === S_IFLNK
      ? this.#steps.do('symlink', { ...made, target })
      : this.#steps.do('mknod', { ...made, mode, major, minor })
  }

  #isSame({ path, mode, major, minor, target }: Body<'assert-file'>): boolean {
    if (this.#tree.fake) return false
    const type = mode & S_IFMT
    if (type === S_IFCHR || type === S_IFBLK)
      return this.#inspection.stat.rdev === makedev(major, minor)
    if (type !== S_IFLNK) return true
    return this.#inspection.target(path).equals(target)
  }

  // What it is a link of is left out: its content is to be stated for it.
  #lone(body: Body<'assert-file'>): number {
    const { path } = body
    const found = this.#inspection.look(path)
    const isShared = found === S_IFREG && this.#inspection.stat.nlink > 1
    const e = (isShared ? this.#separate(body) : 0) || this.#regular(body, true)
    if (e === 0) this.#wants.want(path, 0, 0)
    return e
  }

  // A regular file of that size, with one name, or those that were stated.
  #regular(body: Body<'assert-file'>, isAnswer: boolean): number {
    const { path, size, content: kind } = body
    const found = this.#inspection.look(path)
    if (found < 0) return found
    // Its content was stated, and its links are those.
    if (kind === content.STATED && found === S_IFREG) return this.#resize(path, size)
    if (found !== S_IFREG) {
      this.#wants.split(path)
      const e = this.#steps.makeNew(body, none)
      if (e < 0) return e
    } else if (this.#inspection.stat.nlink > 1 && !(isAnswer && body.group !== 0)) {
      const e = this.#separate(body)
      if (e < 0) return e
    }
    return this.#resize(path, size)
  }

  // Its other names are of another file from then on.
  #separate(body: Body<'assert-file'>): number {
    this.#wants.split(body.path)
    return this.#steps.separate(body)
  }

  #resize(path: Buffer, size: number): number {
    return this.#inspection.stat.size === size ? 0 : this.#steps.do('truncate', { path, size })
  }

  // Its content is in the message: a file that has another one is replaced at once.
  #small(body: Body<'assert-file'>, isAnswer: boolean): number {
    const { path, data } = body
    if (!isAnswer) this.#wants.leave(path)
    const found = this.#inspection.look(path)
    if (found < 0) return found
    const isIt =
      found === S_IFREG && (this.#inspection.stat.nlink === 1 || (isAnswer && body.group !== 0))
    const isShared = isIt && this.#inspection.stat.nlink > 1
    const isSame =
      isIt &&
      this.#inspection.stat.size === data.length &&
      this.#inspection.read(path, 0, data.length).equals(data)
    // What is made in its place has no other names.
    if (isAnswer && !isSame && !isShared) this.#wants.split(path)
    if (isAnswer) this.#wants.forget(path)
    if (isSame) return 0
    return isShared
      ? this.#steps.do('truncate', { path, size: data.length }) || this.#write(path, 0, data)
      : this.#steps.makeNew(body, data)
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
    const file = this.#steps.do(name, body) || this.#tree.writable((body as Body<'write'>).path)
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
    const { path, uid, gid, mtimeSec, mtimeNsec } = body
    if (path.length > 0 && !this.#isOurs(path)) return 0
    const { unlock } = this.#tree.options
    const mode = body.mode & 0o7777
    const attributes = { path, mode, uid, gid, atimeSec: 0, atimeNsec: 0, mtimeSec, mtimeNsec }
    const owners = bits.UID | bits.GID | (type === S_IFLNK ? 0 : bits.MODE)
    // Its own mode is set here: leave to what it is in must do, but for its attributes.
    const set = (which: number, mode: number) =>
      unlock.over(this.#tree, path, false, () =>
        this.#steps.do('setattr', { ...attributes, mode, which }),
      )
    return (
      set(owners, mode) ||
      this.#leave(path, () =>
        matchXattrs(this.#tree, path, body.xattrs, (name, value) =>
          this.#steps.do('setxattr', { path, name, value }),
        ),
      ) ||
      // An ACL may have changed the mode.
      set((owners & bits.MODE) | bits.MTIME, this.#tree.modeHere(mode, type, uid, gid))
    )
  }
}
