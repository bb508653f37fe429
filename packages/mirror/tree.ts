// The mirror's tree as the operations see it: paths become descriptors beneath the root, and the
// caches follow what the operations do.

import {
  AT_EMPTY_PATH,
  close,
  escapeName,
  fstat,
  noName,
  O_NOFOLLOW,
  O_PATH,
  openat2,
  Stat,
} from '#posix'
import { type Times, UTIME_OMIT, utimensat } from '#posix'
import { beneath, Directories, onTheWay } from './directories.js'
import { Files, type OpenFile } from './files.js'
import { MirrorError } from './mirror-error.js'
import type { Displaced } from './displaced.js'
import type { FakeSuper } from './fake-super.js'
import type { LeftOut } from './left-out.js'
import type { Owners } from './owners.js'
import type { Suspects } from './suspects.js'
import type { Unlock } from './unlock.js'

const slash = 0x2f

export interface TreeOptions {
  readonly owners: Owners
  readonly leftOut: LeftOut
  /** The stream is not trusted: no devices, only user.* attributes. */
  readonly untrusted: boolean
  /** Bytes that no file may pass. */
  readonly maxFileSize: number
  /** The file system takes names that differ in case for the same. */
  readonly folds: boolean
  /**
   * Notes the mode of a file that the operation at hand will take set-id bits from; gives what the
   * message in doubt has noted, or `mode`.
   */
  readonly noteMode: (mode: number) => number
  /** Keeps in attributes what only root can give, where that is wanted. */
  readonly fake: FakeSuper | undefined
  /** What is not as the stream takes it to be ends the replay. */
  readonly stops: boolean
  readonly displaced: Displaced
  readonly suspects: Suspects
  /** Gives an ordinary user leave to what is his. */
  readonly unlock: Unlock
}

export class Tree {
  /** The root, open for reading. */
  readonly root: number
  readonly options: TreeOptions
  readonly owners: Owners
  readonly fake: FakeSuper | undefined
  readonly directories: Directories
  readonly files: Files
  readonly stat = new Stat()
  /** The operation at hand has changed something: another try would not find what it found. */
  began = false
  /** The message at hand. */
  seq = 0
  /** It may have been applied by a run that could not note it. */
  inDoubt = false
  /** So may many behind it, by a run whose machine stopped. */
  isRewound = false
  /** The last component, once `parent` has found the directory. */
  name: Buffer = noName
  readonly #times: Times = { atimeSec: 0, atimeNsec: UTIME_OMIT, mtimeSec: 0, mtimeNsec: 0 }

  constructor(root: number, options: TreeOptions) {
    this.root = root
    this.options = options
    this.owners = options.owners
    this.fake = options.fake
    this.directories = new Directories(root)
    this.files = new Files()
  }

  /** The directory that holds `path`, and its name there in `name`: descriptor, -errno, refusal. */
  parent(path: Buffer): number {
    const cut = path.lastIndexOf(slash)
    this.name = cut < 0 ? path : path.subarray(cut + 1)
    return this.directories.at(path, cut)
  }

  /** What is at `path`, not followed, as an O_PATH descriptor for the caller to `release`. */
  object(path: Buffer): number {
    if (path.length === 0) return this.root
    const file = this.files.get(keyOf(path))
    if (file) return this.#used(file, path).fd
    const directory = this.parent(path)
    if (directory < 0) return directory
    return onTheWay(openat2(directory, this.name, O_PATH | O_NOFOLLOW, 0, beneath))
  }

  /** Gives back what `object` gave for `path`. */
  release(path: Buffer, fd: number): void {
    if (fd !== this.root && fd !== this.files.get(keyOf(path))?.fd) close(fd)
  }

  /** The regular file at `path`, open for writing; or -errno or a refusal. */
  writable(path: Buffer): OpenFile | number {
    const key = keyOf(path)
    const open = this.files.get(key)
    if (open) return this.#used(open, path)
    const directory = this.parent(path)
    if (directory < 0) return directory
    const e = this.files.open(key, directory, this.name)
    if (e < 0) return e
    const file = this.files.get(key) as OpenFile
    const refused = this.fake?.contents(file.fd, true) ?? 0
    if (refused === 0) return file
    this.files.drop(key)
    return refused
  }

  #used(file: OpenFile, path: Buffer): OpenFile {
    if (!this.files.use(file)) return file
    const why = 'somebody else changed it'
    this.suspect(path, why)
    if (!this.options.stops) return file
    const reason = `message ${this.seq}: '${escapeName(path)}': ${why}`
    throw new MirrorError('EMIRROR_DIVERGED', reason, { seq: this.seq })
  }

  /** The type and permissions of what `fd` is, or -errno. */
  modeOf(fd: number): number {
    const e = fstat(fd, this.stat.buffer)
    return e < 0 ? e : this.stat.mode
  }

  /** The mode that something of that type and owner is given here. */
  modeHere(mode: number, type: number, uid: number, gid: number): number {
    return this.fake?.modeHere(mode) ?? this.owners.modeHere(mode, type, uid, gid)
  }

  /** Sets the mtime of `fd`, O_PATH or not, and leaves its atime. 0 or -errno. */
  setMtime(fd: number, sec: number, nsec: number): number {
    this.#times.mtimeSec = sec
    this.#times.mtimeNsec = nsec
    return utimensat(fd, noName, this.#times, AT_EMPTY_PATH)
  }

  /** Notes that `path` was not what the stream takes it for. */
  suspect(path: Buffer, why: string): void {
    this.options.suspects.note(this.seq, path, why)
  }

  /** Notes that `path` comes from where the mirror has nothing. */
  lacks(path: Buffer, why: string): void {
    this.options.suspects.lack(this.seq, path, why)
  }

  /** Moves what is called `name` in `directory` out of the tree. 0 or -errno. */
  displace(directory: number, name: Buffer, path: Buffer): number {
    return this.options.displaced.take(directory, name, path)
  }

  /** A name is about to mean something else: nothing open under it counts any longer. */
  forget(path: Buffer): void {
    const key = keyOf(path)
    this.files.drop(key)
    this.directories.drop(key)
  }

  /** The same for a name that may be a directory's, and so for all below it. */
  forgetTree(path: Buffer): void {
    const key = keyOf(path)
    this.files.dropTree(key)
    this.directories.dropTree(key)
  }

  forgetAll(): void {
    this.files.dropAll()
    this.directories.dropAll()
  }
}

/** A path as a key of a map. */
export const keyOf = (path: Buffer): string => path.toString('latin1')
