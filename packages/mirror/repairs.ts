// What is done where an operation does not fit the mirror as it is. Each repair takes away one
// cause, after which the operation is tried again, or does what can be done instead of it. Nothing
// is deleted that no message asks for.

import { close, errno, fstat, ftruncate, mkdirat, O_CREAT, O_EXCL, O_NOFOLLOW } from '#posix'
import { O_PATH, O_WRONLY, openat, openat2, renameat2, S_IFDIR } from '#posix'
import { renameFlag, type Body, type OperationName } from '#wire'
import { finish } from './apply-names.js'
import { beneath } from './directories.js'
import { clash } from './name-clash.js'
import { refusal } from './refusal.js'
import { keyOf, type Tree } from './tree.js'

/** The operation is to be tried again. */
export const AGAIN = 1

/** AGAIN, 0 where no more can be done, or why not: a refusal, -errno, the very `e` among them. */
type Repair<K extends OperationName> = (tree: Tree, body: Body<K>, e: number) => number

const { ENOENT, EEXIST, EISDIR, ENOTDIR, ENOTEMPTY, ENODATA } = errno

export const repairs: { readonly [K in OperationName]: Repair<K> } = {
  create: making,
  mkdir: (tree, body, e) => (e === -EEXIST ? keepDirectory(tree, body) : making(tree, body, e)),
  mknod: making,
  symlink: making,
  link: (tree, { path, newPath }, e) => {
    if (e === -ENOENT) return makeFile(tree, path) || makeParents(tree, newPath) || AGAIN
    return e === -EEXIST ? displaceExact(tree, newPath) : e
  },
  unlink: removing,
  rmdir: removing,
  rename: moving,
  write: writing,
  truncate: writing,
  fallocate: writing,
  copy: copying,
  setattr: nothing,
  setxattr: nothing,
  removexattr: nothing,
  fsync: nothing,
}

type Creation = Body<'create' | 'mkdir' | 'mknod' | 'symlink'>

function making(tree: Tree, { path }: { path: Buffer }, e: number): number {
  if (e === -ENOENT) return makeParents(tree, path) || AGAIN
  return e === -EEXIST ? displaceExact(tree, path) : e
}

// A directory in the place of a new one stays, with what is in it.
function keepDirectory(tree: Tree, body: Creation & Body<'mkdir'>): number {
  const directory = tree.parent(body.path)
  if (directory < 0) return directory
  const { name } = tree
  const fd = openat2(directory, name, O_PATH | O_NOFOLLOW, 0, beneath)
  if (fd < 0) return fd
  let e = fstat(fd, tree.stat.buffer)
  if (e === 0)
    e =
      tree.stat.type === S_IFDIR
        ? clash(directory, name) || finish(tree, fd, S_IFDIR, body.mode, body, directory)
        : displaceExact(tree, body.path)
  close(fd)
  return e
}

function removing(tree: Tree, body: Body<'unlink'>, e: number): number {
  if (![-ENOENT, -EISDIR, -ENOTDIR, -ENOTEMPTY, -EEXIST].includes(e)) return e
  const displaced = e === -ENOENT ? 0 : displace(tree, body.path)
  return displaced || touchParent(tree, body.path, body.dirMtimeSec, body.dirMtimeNsec)
}

function moving(tree: Tree, body: Body<'rename'>, e: number): number {
  const { path, newPath, flags } = body
  const isFull = e === -ENOTEMPTY || (e === -EEXIST && flags === 0)
  if (isFull && !tree.options.displaced.discard) return refusal.NOT_EMPTY
  if (isFull) return displace(tree, newPath) || AGAIN
  if (e === -EEXIST || e === -EISDIR || e === -ENOTDIR) return displace(tree, newPath) || AGAIN
  if (e !== -ENOENT) return e
  const hasOld = isThere(tree, path)
  if (flags !== renameFlag.EXCHANGE && hasOld) return makeParents(tree, newPath) || AGAIN
  // What is missing has no new place either; what is there goes where it belongs. What it would
  // have replaced may be a link to something else, which it must not be taken for.
  const moved =
    flags !== renameFlag.EXCHANGE
      ? isThere(tree, newPath) && !tree.isRewound
        ? displace(tree, newPath)
        : 0
      : hasOld
        ? makeParents(tree, newPath) || move(tree, path, newPath, renameFlag.NOREPLACE)
        : isThere(tree, newPath)
          ? makeParents(tree, path) || move(tree, newPath, path, renameFlag.NOREPLACE)
          : 0
  return (
    moved ||
    touchParent(tree, path, body.dirMtimeSec, body.dirMtimeNsec) ||
    touchParent(tree, newPath, body.newDirMtimeSec, body.newDirMtimeNsec)
  )
}

function writing(tree: Tree, { path }: { path: Buffer }, e: number): number {
  return e === -ENOENT ? makeFile(tree, path) || AGAIN : e
}

function copying(tree: Tree, body: Body<'copy'>, e: number): number {
  if (e === -ENOENT && !isThere(tree, body.path)) return makeFile(tree, body.path) || AGAIN
  if (e !== -ENODATA && e !== -ENOENT) return e
  // The bytes are not here. At least the size is known.
  const file = tree.writable(body.path)
  if (typeof file === 'number') return file
  const failed = fstat(file.fd, tree.stat.buffer)
  if (failed < 0) return failed
  const size = body.offset + body.length
  return tree.stat.size < size ? ftruncate(file.fd, size) : 0
}

function nothing(_tree: Tree, _body: object, e: number): number {
  return e === -ENOENT || e === -ENODATA ? 0 : e
}

/** Makes the directories above `path` that are missing, as suspects. 0 or why not. */
export function makeParents(tree: Tree, path: Buffer): number {
  for (let end = path.indexOf(0x2f); end >= 0; end = path.indexOf(0x2f, end + 1)) {
    const found = tree.directories.at(path, end)
    if (found >= 0) continue
    if (found !== -ENOENT) return found
    const above = path.subarray(0, end)
    const directory = tree.parent(above)
    if (directory < 0) return directory
    const e = keepMtime(tree, directory, () => mkdirat(directory, tree.name, 0o755))
    if (e < 0) return e
    tree.suspect(above, 'a directory was missing')
  }
  return 0
}

/** Makes an empty file at `path` where there is nothing. 0 or why not. */
function makeFile(tree: Tree, path: Buffer): number {
  const parents = makeParents(tree, path)
  if (parents < 0) return parents
  const directory = tree.parent(path)
  if (directory < 0) return directory
  const flags = O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW
  const fd = keepMtime(tree, directory, () => openat(directory, tree.name, flags, 0o600))
  if (fd < 0) return fd === -EEXIST ? 0 : fd
  tree.files.put(keyOf(path), fd, 0o600)
  tree.suspect(path, 'a file was missing')
  return 0
}

// No message tells the mtime of the directory that something missing is made in.
function keepMtime(tree: Tree, directory: number, make: () => number): number {
  const e = fstat(directory, tree.stat.buffer)
  if (e < 0) return e
  const { mtimeSec, mtimeNsec } = tree.stat
  const made = make()
  return made < 0 ? made : tree.setMtime(directory, mtimeSec, mtimeNsec) || made
}

// Something of that name is to be new: then only that very name may be what is there.
function displaceExact(tree: Tree, path: Buffer): number {
  const directory = tree.parent(path)
  if (directory < 0) return directory
  return clash(directory, tree.name) || displace(tree, path) || AGAIN
}

function displace(tree: Tree, path: Buffer): number {
  const directory = tree.parent(path)
  if (directory < 0) return directory
  const { name } = tree
  tree.forgetTree(path)
  return tree.displace(directory, name, path)
}

/** Gives what is at `from` the name `to`; `flags` are renameat2's. 0, -errno or a refusal. */
export function move(tree: Tree, from: Buffer, to: Buffer, flags: number): number {
  const directory = tree.parent(from)
  if (directory < 0) return directory
  const { name } = tree
  const newDirectory = tree.parent(to)
  if (newDirectory < 0) return newDirectory
  const e = renameat2(directory, name, newDirectory, tree.name, flags)
  tree.forgetTree(from)
  return e
}

function isThere(tree: Tree, path: Buffer): boolean {
  const fd = tree.object(path)
  if (fd < 0) return false
  tree.release(path, fd)
  return true
}

// The directory's mtime belongs to the operation, where there is the directory.
function touchParent(tree: Tree, path: Buffer, sec: number, nsec: number): number {
  const directory = tree.parent(path)
  if (directory < 0) return directory === -ENOENT ? 0 : directory
  return tree.setMtime(directory, sec, nsec)
}
