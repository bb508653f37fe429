// What the statements of an assertion are made of: operations like those of the stream, which leave
// the times of directories as they are, and files that are made beside the tree and take their
// place in it at once.

import { close, errno, fstat, S_IFDIR, Stat } from '#posix'
import type { Body, OperationName } from '#wire'
import { absences, isDevice, type Absence } from './absence.js'
import { appliers, type Apply } from './appliers.js'
import { copyContent } from './copy-content.js'
import type { Inspection } from './inspection.js'
import { makeParents, move } from './repairs.js'
import { rebuiltName } from './trash.js'
import { keyOf, type Tree } from './tree.js'

/** Where a file is made before it takes its place. */
const rebuilt = Buffer.concat([Buffer.from('.tfs/'), rebuiltName])

/** All give 0, -errno or a refusal. */
export class StatementSteps {
  readonly #tree: Tree
  readonly #absence: Absence
  readonly #inspection: Inspection
  readonly #leave: (path: Buffer) => void
  readonly #parentStat = new Stat()
  /** Names that were removed, since they should not be there. */
  removed = 0
  /** A file that has other names was made, or may be set apart: those may be of another one. */
  isApart = false

  /** `leave` is told of what is about to be removed. */
  constructor(tree: Tree, absence: Absence, inspection: Inspection, leave: (path: Buffer) => void) {
    this.#tree = tree
    this.#leave = leave
    this.#absence = absence
    this.#inspection = inspection
  }

  /** An operation, as if it had come in the stream. */
  do<K extends OperationName>(name: K, body: Body<K>): number {
    if (this.#absence.isNeeded) {
      const left = absences[name](this.#absence, this.#tree, body)
      if (left !== undefined) return left
    }
    const e = (appliers[name] as Apply<K>)(this.#tree, body)
    const made = body as Body<'mknod'>
    const isForbidden = e === -errno.EPERM && name === 'mknod' && isDevice(made.mode)
    return isForbidden ? this.#absence.omit(this.#tree, made) : e
  }

  /** The mtime of the directory that holds `path`, for an operation that leaves it as it is. */
  dirTimes(path: Buffer): { dirMtimeSec: number; dirMtimeNsec: number } | number {
    const e = makeParents(this.#tree, path)
    if (e < 0) return e
    const directory = this.#tree.parent(path)
    if (directory < 0) return directory
    const failed = fstat(directory, this.#parentStat.buffer)
    if (failed < 0) return failed
    const { mtimeSec, mtimeNsec } = this.#parentStat
    return { dirMtimeSec: mtimeSec, dirMtimeNsec: mtimeNsec }
  }

  /** Whatever is there, with all that is in it. */
  remove(path: Buffer): number {
    this.#leave(path)
    const times = this.dirTimes(path)
    if (typeof times === 'number') return times
    const { omitted, selection } = this.#absence
    const inner = selection.isAbove(path) ? (selection.only ?? path) : path
    // A directory that goes elsewhere is written to.
    const e = this.#tree.options.unlock.over(this.#tree, inner, true, () =>
      this.#absence.discard(this.#tree, path),
    )
    if (e < 0 && e !== -errno.ENOENT) return e
    omitted.deleteTree(keyOf(path))
    if (e < 0) return 0
    this.removed++
    const directory = this.#tree.parent(path)
    return this.#tree.setMtime(directory, times.dirMtimeSec, times.dirMtimeNsec)
  }

  /** Makes a file with this content and puts it in the place of whatever is there. */
  makeNew(body: Body<'assert-file'>, data: Buffer): number {
    this.isApart ||= body.group !== 0
    return this.#replace(body, () =>
      // The place is none of the paths that may be left out.
      data.length === 0 ? 0 : appliers.write(this.#tree, { path: rebuilt, offset: 0, data }),
    )
  }

  /** The file gets an inode of its own, with the content that it has. */
  separate(body: Body<'assert-file'>): number {
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
    const times = this.dirTimes(path)
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
    const removed = found === S_IFDIR ? this.remove(path) : Math.min(0, found)
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
}
