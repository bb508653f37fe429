// The extended attributes of something in the store, as an assertion lists them.

import { errno, getxattrat, listxattrat, XATTR_LIST_MAX, XATTR_SIZE_MAX } from '#posix'
import { encodeXattrs, limits, xattrEntrySize, type Xattr } from '#wire'

const list = Buffer.alloc(XATTR_LIST_MAX)
const value = Buffer.alloc(XATTR_SIZE_MAX)
const none = Buffer.alloc(0)
/** Beside them there must be room for the rest of a message. */
const sizeMax = limits.messageSizeMax - limits.dataSizeMax

/** Those of `name` in `dirfd`, in their order; or -errno. */
export function readXattrs(dirfd: number, name: Buffer): Buffer | number {
  const length = listxattrat(dirfd, name, list)
  // The second: a file system without any.
  if (length === 0 || length === -errno.EOPNOTSUPP) return none
  if (length < 0) return length
  const xattrs: Xattr[] = []
  let total = 0
  for (let at = 0; at < length;) {
    const end = list.indexOf(0, at)
    const attribute = Buffer.from(list.subarray(at, end))
    at = end + 1
    const size = getxattrat(dirfd, name, attribute, value)
    // Removed meanwhile, behind the mount.
    if (size === -errno.ENODATA) continue
    if (size < 0) return size
    const xattr = { name: attribute, value: Buffer.from(value.subarray(0, size)) }
    total += xattrEntrySize(xattr)
    xattrs.push(xattr)
  }
  if (total > sizeMax) return -errno.E2BIG
  return encodeXattrs(xattrs.sort((a, b) => Buffer.compare(a.name, b.name)))
}
