// Gives what is at a path of the mirror the extended attributes that are stated of it, and no
// others.

import { errno, fgetxattr, flistxattr, fremovexattr, XATTR_LIST_MAX, XATTR_SIZE_MAX } from '#posix'
import { decodeXattrs } from '#wire'
import type { Tree } from './tree.js'

const list = Buffer.alloc(XATTR_LIST_MAX)
const value = Buffer.alloc(XATTR_SIZE_MAX)

/** `set` does what setxattr of the stream would. 0, -errno or a refusal. */
export function matchXattrs(
  tree: Tree,
  path: Buffer,
  stated: Buffer,
  set: (name: Buffer, value: Buffer) => number,
): number {
  const wanted = decodeXattrs(stated)
  const fd = tree.object(path)
  if (fd < 0) return fd
  let e = removeOthers(
    tree,
    fd,
    wanted.map(({ name, value: right }) => (tree.fake ? tree.fake.held(name, right)?.name : name)),
  )
  for (const { name, value: right } of wanted) {
    if (e < 0) break
    const size = tree.fake ? -1 : fgetxattr(fd, name, value)
    if (size >= 0 && value.subarray(0, size).equals(right)) continue
    e = set(name, right)
  }
  tree.release(path, fd)
  return e
}

function removeOthers({ fake }: Tree, fd: number, wanted: readonly (Buffer | undefined)[]): number {
  const here = new Set(wanted.map((name) => name?.toString('latin1')))
  const length = flistxattr(fd, list)
  if (length === -errno.EOPNOTSUPP) return 0
  for (let at = 0; at < length;) {
    const end = list.indexOf(0, at)
    const name = list.toString('latin1', at, end)
    at = end + 1
    const isOther = fake ? fake.originOf(name) !== undefined : isRemovable(name)
    if (here.has(name) || !isOther) continue
    const e = fremovexattr(fd, Buffer.from(name, 'latin1'))
    if (e < 0 && e !== -errno.ENODATA && e !== -errno.EPERM && e !== -errno.EACCES) return e
  }
  return Math.min(0, length)
}

// A label belongs to the machine; what begins so is what stands for something else (--ids xattr).
const isRemovable = (name: string) =>
  name !== 'security.selinux' && !name.startsWith('user.rsync.%')
