// The one message that may have been applied already, because the last run ended between doing it
// and noting that: each operation recognises itself as done.

import {
  errno,
  fstat,
  makedev,
  O_NOFOLLOW,
  O_PATH,
  O_RDWR,
  pread,
  reopen,
  openat2,
  readlinkat,
  close,
  noName,
} from '#posix'
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG, Stat } from '#posix'
import { renameFlag, type Body, type OperationName } from '#wire'
import { finish, writeTarget } from './apply-names.js'
import { beneath, onTheWay } from './directories.js'
import type { Tree } from './tree.js'

/**
 * What is left to do of an operation that failed with `e` before it changed anything: 0 where it
 * had been done and is finished now, `e` itself where that is not why it failed, or another -errno.
 */
export type Redo<K extends OperationName> = (tree: Tree, body: Body<K>, e: number) => number

const other = new Stat()

export const redos: { readonly [K in OperationName]?: Redo<K> } = {
  create: (tree, body, e) =>
    made(tree, body, e, S_IFREG, body.mode, () => tree.stat.size === 0 && tree.stat.nlink === 1),
  mkdir: (tree, body, e) => made(tree, body, e, S_IFDIR, body.mode, () => true),
  mknod: (tree, body, e) =>
    made(tree, body, e, body.mode & S_IFMT, body.mode, () => isDevice(tree.stat, body)),
  symlink: (tree, body, e) => made(tree, body, e, S_IFLNK, 0, (fd) => targets(fd, body.target)),
  link: (tree, body, e) => {
    if (e !== -errno.EEXIST) return e
    if (!isOne(tree, body.path, body.newPath)) return e
    const directory = tree.parent(body.newPath)
    return tree.setMtime(directory, body.newDirMtimeSec, body.newDirMtimeNsec)
  },
  unlink: gone,
  rmdir: gone,
  rename: (tree, body, e) => {
    if (body.flags === renameFlag.EXCHANGE) return e
    // Behind it something was put into the new place, and into the old one.
    const isLong = tree.isRewound && (e === -errno.ENOTEMPTY || e === -errno.EEXIST)
    if (e !== -errno.ENOENT && !isLong) return e
    if (!look(tree, body.newPath, tree.stat) || (look(tree, body.path, other) && !isLong)) return e
    const from = tree.parent(body.path)
    const to = tree.parent(body.newPath)
    return (
      tree.setMtime(from, body.dirMtimeSec, body.dirMtimeNsec) ||
      tree.setMtime(to, body.newDirMtimeSec, body.newDirMtimeNsec)
    )
  },
  removexattr: (_tree, _body, e) => (e === -errno.ENODATA ? 0 : e),
}

function gone(tree: Tree, body: Body<'unlink'>, e: number): number {
  if (e !== -errno.ENOENT) return e
  const directory = tree.parent(body.path)
  if (directory < 0) return e
  return tree.setMtime(directory, body.dirMtimeSec, body.dirMtimeNsec)
}

type Creation = Body<'create' | 'mkdir' | 'mknod' | 'symlink'>

// There is something of that name: the one that was made, if `isIt` says so.
function made(
  tree: Tree,
  body: Creation,
  e: number,
  type: number,
  mode: number,
  isIt: (fd: number) => boolean,
): number {
  if (e !== -errno.EEXIST) return e
  const directory = tree.parent(body.path)
  const fd = openat2(directory, tree.name, O_PATH | O_NOFOLLOW, 0, beneath)
  if (fd < 0) return onTheWay(fd)
  let result = fstat(fd, tree.stat.buffer)
  if (result === 0)
    result = (
      tree.fake ? standsFor(tree, fd, type, body, isIt) : tree.stat.type === type && isIt(fd)
    )
      ? finish(tree, fd, type, mode, body, directory)
      : e
  close(fd)
  return result
}

// The run may have ended before it had noted what a file stands for.
function standsFor(
  tree: Tree,
  fd: number,
  type: number,
  body: Creation & { target?: Buffer; major?: number; minor?: number },
  isIt: (fd: number) => boolean,
): boolean {
  const found = tree.stat.type
  const noted = tree.fake?.look(fd)
  if (noted && (noted.mode & S_IFMT) !== type) return false
  if (type === S_IFDIR || type === S_IFREG) return found === type && isIt(fd)
  if (found !== S_IFREG || tree.stat.nlink !== 1) return false
  if (body.target) return completes(fd, body.target)
  const { major, minor } = noted ?? body
  return tree.stat.size === 0 && (!noted || (major === body.major && minor === body.minor))
}

function completes(found: number, target: Buffer): boolean {
  const fd = reopen(found, O_RDWR)
  if (fd < 0) return false
  const content = Buffer.alloc(target.length + 1)
  const n = pread(fd, content, 0, content.length, 0)
  const isStart =
    n >= 0 && n <= target.length && target.subarray(0, n).equals(content.subarray(0, n))
  const e = isStart ? writeTarget(fd, target) : -1
  close(fd)
  return e === 0
}

function isDevice(stat: Stat, { major, minor }: Body<'mknod'>): boolean {
  if (stat.type !== S_IFCHR && stat.type !== S_IFBLK) return true
  return stat.rdev === makedev(major, minor)
}

function targets(fd: number, target: Buffer): boolean {
  const found = Buffer.alloc(target.length + 1)
  const length = readlinkat(fd, noName, found)
  return length === target.length && found.subarray(0, length).equals(target)
}

/** Whether both are names of the same file. */
export function isOne(tree: Tree, a: Buffer, b: Buffer): boolean {
  return look(tree, a, tree.stat) && look(tree, b, other) && tree.stat.isSame(other)
}

/** Whether there is something at `path`; what it is, in `stat`. */
function look(tree: Tree, path: Buffer, stat: Stat): boolean {
  const fd = tree.object(path)
  if (fd < 0) return false
  const e = fstat(fd, stat.buffer)
  tree.release(path, fd)
  return e === 0
}
