// Operations on attributes. Each takes its row's body; 0, -errno or a refusal.

import { AT_EMPTY_PATH, errno, fremovexattr, fsetxattr, noName, utimensat } from '#posix'
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG, type Times, UTIME_OMIT } from '#posix'
import { which as bits, type Body } from '#wire'
import { keyOf, type Tree } from './tree.js'

export function setattr(tree: Tree, body: Body<'setattr'>): number {
  const fd = tree.object(body.path)
  if (fd < 0) return fd
  const e = setOwnerAndMode(tree, fd, body) || setTimes(fd, body)
  tree.release(body.path, fd)
  return e
}

export function setxattr(tree: Tree, body: Body<'setxattr'>): number {
  if (tree.options.untrusted && !isUser(body.name)) return leaveOut(tree)
  const name = nameHere(tree, body.name)
  if (!name) return leaveOut(tree)
  const fd = tree.object(body.path)
  if (fd < 0) return fd
  const e = tree.fake?.isAcl(name)
    ? tree.fake.setAcl(fd, name, body.value)
    : fsetxattr(fd, name, body.value)
  const isMisplaced = e < 0 && !canHave(tree.modeOf(fd) & S_IFMT, name)
  tree.release(body.path, fd)
  // It is not what the stream takes it for.
  if (isMisplaced) return -errno.ENODATA
  return isForbidden(e, body.name) ? leaveOut(tree) : e
}

export function removexattr(tree: Tree, body: Body<'removexattr'>): number {
  if (tree.options.untrusted && !isUser(body.name)) return leaveOut(tree)
  const name = nameHere(tree, body.name)
  if (!name) return leaveOut(tree)
  const fd = tree.object(body.path)
  if (fd < 0) return fd
  const e = tree.fake?.isAcl(name) ? tree.fake.setAcl(fd, name, nothing) : fremovexattr(fd, name)
  tree.release(body.path, fd)
  return isForbidden(e, body.name) ? leaveOut(tree) : e
}

const nothing = Buffer.alloc(0)
const accessAcl = Buffer.from('system.posix_acl_access')
const defaultAcl = Buffer.from('system.posix_acl_default')
const capability = Buffer.from('security.capability')

function nameHere(tree: Tree, name: Buffer): Buffer | undefined {
  if (!tree.fake) return name
  // Writing takes it away again, which is seen to where a file is opened for that.
  if (name.equals(capability)) tree.files.dropAll()
  return tree.fake.nameOf(name)
}

// What the kernel takes of attributes, on which type (xattr(7), acl(5)).
function canHave(type: number, name: Buffer): boolean {
  if (name.equals(defaultAcl)) return type === S_IFDIR
  if (name.equals(accessAcl)) return type !== S_IFLNK
  return type === S_IFREG || type === S_IFDIR || !isUser(name)
}

const ownerAndMode = bits.MODE | bits.UID | bits.GID

function setOwnerAndMode(tree: Tree, fd: number, body: Body<'setattr'>): number {
  if (!(body.which & ownerAndMode)) return 0
  const mode = tree.modeOf(fd)
  if (mode < 0) return mode
  const { which, uid, gid } = body
  const e = tree.fake
    ? tree.fake.set(fd, which, body.mode, uid, gid)
    : tree.owners.set(fd, mode, which, body.mode, uid, gid)
  const file = tree.files.get(keyOf(body.path))
  if (file && e === 0) {
    const now = tree.modeOf(fd)
    if (now < 0) return now
    file.mode = now & 0o7777
  }
  return e
}

const times: Times = { atimeSec: 0, atimeNsec: 0, mtimeSec: 0, mtimeNsec: 0 }

function setTimes(fd: number, body: Body<'setattr'>): number {
  if (!(body.which & (bits.ATIME | bits.MTIME))) return 0
  times.atimeSec = body.atimeSec
  times.atimeNsec = body.which & bits.ATIME ? body.atimeNsec : UTIME_OMIT
  times.mtimeSec = body.mtimeSec
  times.mtimeNsec = body.which & bits.MTIME ? body.mtimeNsec : UTIME_OMIT
  return utimensat(fd, noName, times, AT_EMPTY_PATH)
}

const isRoot = process.geteuid?.() === 0
const userPrefix = Buffer.from('user.')
const isUser = (name: Buffer) => name.subarray(0, userPrefix.length).equals(userPrefix)

// A user may not set what is root's; on a symlink or a device not even user.* can be set.
function isForbidden(e: number, name: Buffer): boolean {
  return !isRoot && (e === -errno.EPERM || (e === -errno.EOPNOTSUPP && !isUser(name)))
}

function leaveOut(tree: Tree): number {
  tree.options.leftOut.add('extended attributes')
  return 0
}
