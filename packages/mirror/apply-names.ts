// Operations that make, move and remove names. Each takes its row's body; 0, -errno or a refusal.

import { AT_REMOVEDIR, AT_SYMLINK_NOFOLLOW, linkat, makedev, mkdirat, mknodat } from '#posix'
import { close, errno, O_CREAT, O_DIRECTORY, O_EXCL, O_NOCTTY, O_NOFOLLOW } from '#posix'
import { O_NONBLOCK, O_PATH, O_WRONLY, openat, openat2, pwrite, renameat2 } from '#posix'
import {
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  Stat,
  STATX_BASIC_STATS,
  statx,
  symlinkat,
  unlinkat,
} from '#posix'
import type { Body } from '#wire'
import { beneath, onTheWay } from './directories.js'
import { clash } from './name-clash.js'
import { refusal } from './refusal.js'
import { keyOf, type Tree } from './tree.js'

const slash = 0x2f
const other = new Stat()
const newFile = O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY

export function create(tree: Tree, body: Body<'create'>): number {
  const directory = tree.parent(body.path)
  if (directory < 0) return directory
  // Closed to others until it has its owner and mode.
  const fd = openat(directory, tree.name, newFile, 0o600)
  if (fd < 0) return fd
  tree.began = true
  tree.files.put(keyOf(body.path), fd, tree.fake ? 0o600 : body.mode & 0o7777)
  return finish(tree, fd, S_IFREG, body.mode, body, directory)
}

export function mkdir(tree: Tree, body: Body<'mkdir'>): number {
  const directory = tree.parent(body.path)
  if (directory < 0) return directory
  const { name } = tree
  const e = mkdirat(directory, name, 0o700)
  if (e < 0) return e
  tree.began = true
  const fd = onTheWay(openat2(directory, name, O_PATH | O_DIRECTORY, 0, beneath))
  if (fd < 0) return fd
  tree.directories.put(keyOf(body.path), fd)
  return finish(tree, fd, S_IFDIR, body.mode, body, directory)
}

export function mknod(tree: Tree, body: Body<'mknod'>): number {
  const type = body.mode & S_IFMT
  const directory = tree.parent(body.path)
  if (directory < 0) return directory
  const { name } = tree
  if (tree.fake) return standIn(tree, directory, none, type, body.mode, body)
  const device = type === S_IFCHR || type === S_IFBLK ? makedev(body.major, body.minor) : 0
  const e = mknodat(directory, name, type | 0o600, device)
  if (e < 0) return e
  tree.began = true
  return finishNamed(tree, directory, name, type, body.mode, body)
}

export function symlink(tree: Tree, body: Body<'symlink'>): number {
  const directory = tree.parent(body.path)
  if (directory < 0) return directory
  const { name } = tree
  if (tree.fake) return standIn(tree, directory, body.target, S_IFLNK, 0, body)
  const e = symlinkat(body.target, directory, name)
  if (e < 0) return e
  tree.began = true
  return finishNamed(tree, directory, name, S_IFLNK, 0, body)
}

export function link(tree: Tree, body: Body<'link'>): number {
  const from = tree.parent(body.path)
  if (from < 0) return from
  const oldName = tree.name
  const to = tree.parent(body.newPath)
  if (to < 0) return to
  const e = linkat(from, oldName, to, tree.name)
  // From now on it can be changed by another name than the one it is open under.
  tree.files.drop(keyOf(body.path))
  if (e === -errno.EPERM) return isDirectory(tree, from, oldName) ? refusal.INVALID : e
  if (e < 0) return e
  tree.began = true
  return tree.setMtime(to, body.newDirMtimeSec, body.newDirMtimeNsec)
}

export function unlink(tree: Tree, body: Body<'unlink'>): number {
  const directory = tree.parent(body.path)
  if (directory < 0) return directory
  const e = unlinkat(directory, tree.name)
  if (e < 0) return e
  tree.began = true
  tree.forget(body.path)
  return tree.setMtime(directory, body.dirMtimeSec, body.dirMtimeNsec)
}

export function rmdir(tree: Tree, body: Body<'rmdir'>): number {
  const directory = tree.parent(body.path)
  if (directory < 0) return directory
  const e = unlinkat(directory, tree.name, AT_REMOVEDIR)
  if (e < 0) return e
  tree.began = true
  tree.forgetTree(body.path)
  return tree.setMtime(directory, body.dirMtimeSec, body.dirMtimeNsec)
}

export function rename(tree: Tree, body: Body<'rename'>): number {
  const from = tree.parent(body.path)
  if (from < 0) return from
  const oldName = tree.name
  const to = tree.parent(body.newPath)
  if (to < 0) return to
  const clashes = tree.options.folds ? renameClash(tree, from, oldName, to) : 0
  if (clashes < 0) return clashes
  const e = renameat2(from, oldName, to, tree.name, body.flags)
  if (e === -errno.EINVAL)
    return isIn(body.path, body.newPath) || isIn(body.newPath, body.path)
      ? refusal.INTO_ITSELF
      : // What a file system that does not know the flag says.
        -(body.flags ? errno.EOPNOTSUPP : errno.EINVAL)
  if (e < 0) return e
  tree.began = true
  tree.forgetTree(body.path)
  tree.forgetTree(body.newPath)
  // Both may have been closed with what is below the renamed; neither lies there.
  return (
    tree.setMtime(from, body.dirMtimeSec, body.dirMtimeNsec) ||
    (to === from ? 0 : tree.setMtime(to, body.newDirMtimeSec, body.newDirMtimeNsec))
  )
}

const none = Buffer.alloc(0)

// A file in the place of what it stands for.
function standIn(
  tree: Tree,
  directory: number,
  content: Buffer,
  type: number,
  mode: number,
  body: Made,
): number {
  const fd = openat(directory, tree.name, newFile, 0o600)
  if (fd < 0) return fd
  tree.began = true
  const e = writeTarget(fd, content) || finish(tree, fd, type, mode, body, directory)
  close(fd)
  return e
}

/** Writes the target of a symbolic link that `fd` stands for. 0 or -errno. */
export function writeTarget(fd: number, target: Buffer): number {
  const n = target.length === 0 ? 0 : pwrite(fd, target, 0, target.length, 0)
  return n < 0 ? n : n < target.length ? -errno.ENOSPC : 0
}

const isIn = (path: Buffer, newPath: Buffer) =>
  newPath[path.length] === slash && newPath.subarray(0, path.length).equals(path)

function isDirectory(tree: Tree, directory: number, name: Buffer): boolean {
  const { buffer } = tree.stat
  const e = statx(directory, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, buffer)
  return e === 0 && tree.stat.type === S_IFDIR
}

// A rename replaces what has the new name, which must not be something of another name. A change of
// case alone is none.
function renameClash(tree: Tree, from: number, oldName: Buffer, to: number): number {
  const { buffer } = tree.stat
  if (statx(from, oldName, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, buffer) < 0) return 0
  if (statx(to, tree.name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, other.buffer) < 0) return 0
  return tree.stat.isSame(other) ? 0 : clash(to, tree.name)
}

interface Made {
  readonly uid: number
  readonly gid: number
  readonly mtimeSec: number
  readonly mtimeNsec: number
  readonly dirMtimeSec: number
  readonly dirMtimeNsec: number
  /** Of a device. */
  readonly major?: number
  readonly minor?: number
}

/** Attributes of what was just made, open as `fd`, and the mtime of its directory. */
export function finish(
  tree: Tree,
  fd: number,
  type: number,
  mode: number,
  body: Made,
  directory: number,
): number {
  return (
    own(tree, fd, type, mode, body, directory) ||
    tree.setMtime(fd, body.mtimeSec, body.mtimeNsec) ||
    tree.setMtime(directory, body.dirMtimeSec, body.dirMtimeNsec)
  )
}

function own(
  tree: Tree,
  fd: number,
  type: number,
  mode: number,
  body: Made,
  directory: number,
): number {
  const { uid, gid } = body
  if (!tree.fake) return tree.owners.made(fd, type, mode, uid, gid)
  const isDevice = type === S_IFCHR || type === S_IFBLK
  const { major = 0, minor = 0 } = isDevice ? body : {}
  const permissions = type === S_IFLNK ? 0o777 : mode & 0o7777
  return tree.fake.made(fd, directory, { mode: type | permissions, major, minor, uid, gid })
}

/** The same for what was made without a descriptor of it. */
export function finishNamed(
  tree: Tree,
  directory: number,
  name: Buffer,
  type: number,
  mode: number,
  body: Made,
): number {
  const fd = openat2(directory, name, O_PATH | O_NOFOLLOW, 0, beneath)
  if (fd < 0) return onTheWay(fd)
  const e = finish(tree, fd, type, mode, body, directory)
  close(fd)
  return e
}
