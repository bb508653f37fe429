// Paths that the source has and this mirror does not keep: excluded by the user, or device nodes
// that could not be made. What operations on them leave to do here.

import { AT_REMOVEDIR, AT_SYMLINK_NOFOLLOW, errno, S_IFBLK, S_IFCHR } from '#posix'
import { S_IFDIR, S_IFMT, STATX_BASIC_STATS, statx, unlinkat } from '#posix'
import { renameFlag, type Body, type OperationName } from '#wire'
import { appliers, type Apply } from './appliers.js'
import { isDivergence } from './divergences.js'
import type { Kin } from './kin.js'
import type { Omitted } from './omitted.js'
import { isOne } from './redo.js'
import { refusal } from './refusal.js'
import { move, repairs } from './repairs.js'
import type { Selection } from './selection.js'
import type { Trash } from './trash.js'
import { keyOf, type Tree } from './tree.js'

/** 0, -errno or a refusal where the operation is dealt with; undefined: apply it as it stands. */
type Leave<K extends OperationName> = (
  absence: Absence,
  tree: Tree,
  body: Body<K>,
) => number | undefined

const slash = 0x2f

export class Absence {
  readonly omitted: Omitted
  readonly trash: Trash
  /** Needed where something is left out. */
  readonly kin: Kin | undefined
  readonly selection: Selection
  readonly #untrusted: boolean

  constructor(selection: Selection, omitted: Omitted, trash: Trash, untrusted: boolean, kin?: Kin) {
    this.selection = selection
    this.kin = kin
    this.omitted = omitted
    this.trash = trash
    this.#untrusted = untrusted
  }

  /** Whether there is anything that an operation has to be asked about. */
  get isNeeded(): boolean {
    return !this.selection.isAll || this.#untrusted || this.omitted.size > 0
  }

  excludes(path: Buffer, isDirectory: boolean): boolean {
    return this.selection.excludes(path, isDirectory)
  }

  /**
   * The same where only the mirror knows what is at `path`. What it has not may be a directory, but
   * one that leads to the part would be there.
   */
  excludesWhatIsAt(tree: Tree, path: Buffer): boolean {
    if (this.selection.isAll) return false
    return this.excludes(path, isDirectoryHere(tree, path) ?? !this.selection.isAbove(path))
  }

  isAbsent(tree: Tree, path: Buffer): boolean {
    return this.omitted.has(keyOf(path)) || this.excludesWhatIsAt(tree, path)
  }

  /** What the source has is all stated anew. */
  forget(): void {
    this.kin?.forget()
    this.omitted.clear()
  }

  close(): void {
    this.trash.close()
    this.kin?.close()
  }

  /** A name that the mirror has of the file at `path`, which is left out. */
  hereOf(path: Buffer): Buffer | undefined {
    const here = this.kin?.hereOf(path)
    return here && this.excludes(path, false) ? here : undefined
  }

  /** Removes what the mirror keeps at and below `path`. 0, -ENOENT or why not. */
  discard(tree: Tree, path: Buffer): number {
    const { only } = this.selection
    if (!only || !this.selection.isAbove(path) || !isDirectoryHere(tree, path))
      return this.#discardAll(tree, path)
    let e = this.#discardAll(tree, only)
    // What leads to it goes with it, but for what is not the source's.
    for (let end = only.lastIndexOf(slash); end >= path.length;) {
      if (e < 0 && e !== -errno.ENOENT) break
      const above = only.subarray(0, end)
      const directory = tree.parent(above)
      tree.forgetTree(above)
      e = directory < 0 ? directory : unlinkat(directory, tree.name, AT_REMOVEDIR)
      end = end > 0 ? only.lastIndexOf(slash, end - 1) : -1
    }
    return e === -errno.ENOTEMPTY || e === -errno.EEXIST ? 0 : e
  }

  #discardAll(tree: Tree, path: Buffer): number {
    const directory = tree.parent(path)
    if (directory < 0) return directory
    tree.forgetTree(path)
    return this.trash.take(directory, tree.name)
  }

  /** Leaves out a device node that may or can not be made. 0 or why not. */
  omit(tree: Tree, body: Body<'mknod'>): number {
    this.omitted.add(keyOf(body.path))
    tree.options.leftOut.add('devices')
    return this.touchParent(tree, body.path, body.dirMtimeSec, body.dirMtimeNsec)
  }

  /** Sets the mtime of the directory that holds `path`, if the mirror keeps that. 0 or why not. */
  touchParent(tree: Tree, path: Buffer, sec: number, nsec: number): number {
    const cut = path.lastIndexOf(slash)
    if (cut > 0 && this.excludes(path.subarray(0, cut), true)) return 0
    const directory = tree.parent(path)
    if (directory < 0) return directory === -errno.ENOENT ? 0 : directory
    return tree.setMtime(directory, sec, nsec)
  }
}

export const absences: { readonly [K in OperationName]: Leave<K> } = {
  create: (absence, tree, body) => making(absence, tree, body, false),
  mkdir: (absence, tree, body) => making(absence, tree, body, true),
  mknod: (absence, tree, body) => {
    const made = making(absence, tree, body, false)
    if (made !== undefined || !tree.options.untrusted || !isDevice(body.mode)) return made
    return absence.omit(tree, body)
  },
  symlink: (absence, tree, body) => making(absence, tree, body, false),
  link: linking,
  unlink: (absence, tree, body) => removing(absence, tree, body, false),
  rmdir: (absence, tree, body) => removing(absence, tree, body, true),
  rename: renaming,
  write: (absence, tree, body) => writing(absence, tree, 'write', body),
  truncate: (absence, tree, body) => writing(absence, tree, 'truncate', body),
  fallocate: (absence, tree, body) => writing(absence, tree, 'fallocate', body),
  copy: copying,
  setattr: (absence, tree, body) => describing(absence, tree, 'setattr', body),
  setxattr: (absence, tree, body) => describing(absence, tree, 'setxattr', body),
  removexattr: (absence, tree, body) => describing(absence, tree, 'removexattr', body),
  fsync: (absence, tree, body) => (absence.isAbsent(tree, body.path) ? 0 : undefined),
}

type Creation = Body<'create' | 'mkdir' | 'mknod' | 'symlink'>

function making(
  absence: Absence,
  tree: Tree,
  body: Creation,
  isDirectory: boolean,
): number | undefined {
  absence.omitted.delete(keyOf(body.path))
  if (!absence.excludes(body.path, isDirectory)) return undefined
  return absence.touchParent(tree, body.path, body.dirMtimeSec, body.dirMtimeNsec)
}

function linking(absence: Absence, tree: Tree, body: Body<'link'>): number | undefined {
  const { path, newPath } = body
  const isOmitted = absence.omitted.has(keyOf(path))
  const isLost = absence.excludes(path, false)
  const isExcluded = absence.excludes(newPath, false)
  if (!isOmitted && !isLost && !isExcluded) return undefined
  if (!isExcluded && isOmitted) absence.omitted.add(keyOf(newPath))
  else if (!isExcluded) {
    const e = bring(absence, tree, path, newPath, 'linked')
    if (e < 0) return e
  }
  return absence.touchParent(tree, newPath, body.newDirMtimeSec, body.newDirMtimeNsec)
}

// What the mirror does not have at `from` is to be at `to`, where there is nothing now.
function bring(absence: Absence, tree: Tree, from: Buffer, to: Buffer, how: string): number {
  const here = absence.hereOf(from)
  const times = { newDirMtimeSec: 0, newDirMtimeNsec: 0 }
  const e = here ? appliers.link(tree, { path: here, newPath: to, ...times }) : -errno.ENOENT
  // The caller sets the directory's time.
  if (e === 0 || (here && e === -errno.EEXIST && isOne(tree, here, to))) return 0
  if (!isDivergence(e) && e !== -errno.EMLINK) return e
  tree.lacks(to, `${how} from what is left out`)
  return 0
}

function removing(
  absence: Absence,
  tree: Tree,
  body: Body<'unlink'>,
  isDirectory: boolean,
): number | undefined {
  const key = keyOf(body.path)
  if (!absence.omitted.has(key) && !absence.excludes(body.path, isDirectory)) return undefined
  absence.omitted.delete(key)
  return absence.touchParent(tree, body.path, body.dirMtimeSec, body.dirMtimeNsec)
}

function renaming(absence: Absence, tree: Tree, body: Body<'rename'>): number | undefined {
  const { path, newPath, flags } = body
  const { omitted } = absence
  const isDirectory = isDirectoryHere(tree, path) ?? isDirectoryHere(tree, newPath) ?? true
  const excluded = absence.excludes(path, isDirectory)
  const newExcluded = absence.excludes(newPath, isDirectory)
  const wasOmitted = omitted.has(keyOf(path))
  const newWasOmitted = omitted.has(keyOf(newPath))
  const exchange = flags === renameFlag.EXCHANGE
  const isDone = tree.inDoubt && newWasOmitted && isDirectoryHere(tree, path) === undefined
  if (isDone && !exchange) return touchBoth(absence, tree, body)
  if (!excluded && !newExcluded && !wasOmitted && (!newWasOmitted || !exchange)) {
    moveOmitted(omitted, body)
    return undefined
  }
  // It looks the same before and after.
  if (tree.inDoubt && exchange && wasOmitted !== newWasOmitted)
    for (const doubtful of [path, newPath]) tree.suspect(doubtful, 'exchanged around a kill')
  let e = 0
  if (wasOmitted && newWasOmitted) e = 0
  else if (wasOmitted && !newExcluded)
    e = exchange ? move(tree, newPath, path, 0) : remove(absence, tree, newPath)
  else if (newWasOmitted && exchange && !excluded) e = move(tree, path, newPath, 0)
  else {
    // What comes from an excluded place is not here; what goes to one leaves.
    if (!excluded) e = discard(absence, tree, path)
    if (!newExcluded)
      e ||= exchange ? discard(absence, tree, newPath) : remove(absence, tree, newPath)
    if (excluded && !newExcluded) e ||= bring(absence, tree, path, newPath, 'renamed')
    if (newExcluded && !excluded && exchange) e ||= bring(absence, tree, newPath, path, 'renamed')
  }
  if (e < 0) return e
  // Not before: it may be tried again.
  moveOmitted(omitted, body)
  return touchBoth(absence, tree, body)
}

function moveOmitted(omitted: Omitted, { path, newPath, flags }: Body<'rename'>): void {
  const exchange = flags === renameFlag.EXCHANGE
  if (!exchange) omitted.delete(keyOf(newPath))
  omitted.move(keyOf(path), keyOf(newPath), exchange)
}

const touchBoth = (absence: Absence, tree: Tree, body: Body<'rename'>) =>
  absence.touchParent(tree, body.path, body.dirMtimeSec, body.dirMtimeNsec) ||
  absence.touchParent(tree, body.newPath, body.newDirMtimeSec, body.newDirMtimeNsec)

type Change = 'write' | 'truncate' | 'fallocate' | 'setattr' | 'setxattr' | 'removexattr'

function writing<K extends Change>(
  absence: Absence,
  tree: Tree,
  name: K,
  body: Body<K> & { path: Buffer },
): number | undefined {
  if (absence.omitted.has(keyOf(body.path))) return refusal.NOT_REGULAR
  return absence.excludes(body.path, false) ? changing(absence, tree, name, body) : undefined
}

function describing<K extends Change>(
  absence: Absence,
  tree: Tree,
  name: K,
  body: Body<K> & { path: Buffer },
): number | undefined {
  return absence.isAbsent(tree, body.path) ? changing(absence, tree, name, body) : undefined
}

// The file may have another name, which the mirror has.
function changing<K extends Change>(
  absence: Absence,
  tree: Tree,
  name: K,
  body: Body<K> & { path: Buffer },
): number {
  const here = absence.hereOf(body.path)
  if (!here) return 0
  const e = (appliers[name] as Apply<K>)(tree, { ...body, path: here } as Body<K>)
  return isDivergence(e) ? suspect(tree, here, `${name} under another name`) : e
}

function copying(absence: Absence, tree: Tree, body: Body<'copy'>): number | undefined {
  const { omitted } = absence
  const isLost = absence.isAbsent(tree, body.from)
  if (omitted.has(keyOf(body.path))) return refusal.NOT_REGULAR
  const isExcluded = absence.excludes(body.path, false)
  if (!isLost && !isExcluded) return undefined
  const path = isExcluded ? absence.hereOf(body.path) : body.path
  if (!path) return 0
  const from = isLost ? absence.hereOf(body.from) : body.from
  if (from) {
    const e = appliers.copy(tree, { ...body, path, from })
    return isDivergence(e) ? suspect(tree, path, 'copied under another name') : e
  }
  tree.lacks(path, 'copied from what is left out')
  const lost = { ...body, path }
  const e = repairs.copy(tree, lost, -errno.ENODATA)
  return e === 1 ? repairs.copy(tree, lost, -errno.ENODATA) : e
}

function suspect(tree: Tree, path: Buffer, why: string): number {
  tree.suspect(path, why)
  return 0
}

/** Whether what the mirror has at `path` is a directory; undefined where it has nothing. */
function isDirectoryHere(tree: Tree, path: Buffer): boolean | undefined {
  if (path.length === 0) return true
  const directory = tree.parent(path)
  if (directory < 0) return undefined
  const { buffer } = tree.stat
  if (statx(directory, tree.name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, buffer) < 0)
    return undefined
  return tree.stat.type === S_IFDIR
}

// Removes what a rename replaces: a file or an empty directory. What is missing is removed already.
function remove(absence: Absence, tree: Tree, path: Buffer): number {
  // There may be more in it than the source had.
  if (absence.selection.isAbove(path)) return discard(absence, tree, path)
  const directory = tree.parent(path)
  if (directory < 0) return directory === -errno.ENOENT ? 0 : directory
  tree.forgetTree(path)
  let e = unlinkat(directory, tree.name)
  if (e === -errno.EISDIR) e = unlinkat(directory, tree.name, AT_REMOVEDIR)
  return e === -errno.ENOENT ? 0 : e
}

// Removes what goes to an excluded place, with all that is in it.
function discard(absence: Absence, tree: Tree, path: Buffer): number {
  const e = absence.discard(tree, path)
  return e === -errno.ENOENT ? 0 : e
}

/** Whether a mode is that of a device node. */
export const isDevice = (mode: number): boolean =>
  (mode & S_IFMT) === S_IFCHR || (mode & S_IFMT) === S_IFBLK
