// Extended attributes, ACLs among them.

import {
  errno,
  fgetxattr,
  flistxattr,
  fremovexattr,
  fsetxattr,
  getxattrat,
  listxattrat,
  noName,
  removexattrat,
  S_ISGID,
  setxattrat,
  fchmodat,
} from '#posix'
import { FUSE_SETXATTR_ACL_KILL_SGID, fuse_getxattr_out, type Handlers, type Reply } from '#fuse'
import { which } from '#wire'
import type { JournalContext } from './journal-context.js'
import type { Node } from './node.js'

const empty = Buffer.alloc(0)
/** As long as a list of names can be (XATTR_LIST_MAX). */
const allNames = Buffer.alloc(65_536)

const accessAcl = Buffer.from('system.posix_acl_access')

export function xattrHandlers(context: JournalContext) {
  const { stat, tree } = context

  function locate(nodeid: number): Node | number {
    const node = context.node(nodeid)
    if (!node) return -errno.ESTALE
    return tree.locate(node) || node
  }

  /** The node, located, and what messages call it; or -errno. */
  function changeable(nodeid: number): { node: Node; path: Buffer | undefined } | number {
    const node = context.node(nodeid)
    if (!node) return -errno.ESTALE
    const path = tree.target(node)
    if (typeof path === 'number') return path
    return tree.locate(node) || { node, path }
  }

  function killSetGid(node: Node, path: Buffer | undefined): number {
    const e = tree.stat(node, stat)
    if (e < 0 || !(stat.mode & S_ISGID)) return e
    const mode = stat.mode & 0o7777 & ~S_ISGID
    const failed = tree.locate(node) || fchmodat(tree.dirfd, tree.name, mode, tree.atFlags)
    if (failed < 0) return failed
    if (path) context.emitAttributes(path, which.MODE, stat, mode)
    return 0
  }

  return {
    FUSE_SETXATTR({ nodeid }, { name, data, size, flags, setxattr_flags }) {
      const place = changeable(nodeid)
      if (typeof place === 'number') return place
      const { node, path } = place
      const value = data.subarray(0, size)
      const e =
        tree.name === noName
          ? fsetxattr(tree.dirfd, name, value, flags)
          : setxattrat(tree.dirfd, tree.name, name, value, flags)
      if (e < 0) return e
      if (path) context.emit('setxattr', { path, name, value })
      // The kernel says so of a default ACL, too, which by itself changes no mode.
      const kills = setxattr_flags & FUSE_SETXATTR_ACL_KILL_SGID && name.equals(accessAcl)
      return kills ? killSetGid(node, path) : 0
    },

    FUSE_REMOVEXATTR({ nodeid }, { name }) {
      const place = changeable(nodeid)
      if (typeof place === 'number') return place
      const { path } = place
      const e =
        tree.name === noName
          ? fremovexattr(tree.dirfd, name)
          : removexattrat(tree.dirfd, tree.name, name)
      if (e < 0) return e
      if (path) context.emit('removexattr', { path, name })
      return 0
    },

    FUSE_GETXATTR({ nodeid }, { name, size }, reply) {
      const node = locate(nodeid)
      if (typeof node === 'number') return node
      const out = size ? reply.room(size).subarray(0, size) : empty
      return sized(
        reply,
        size,
        tree.name === noName
          ? fgetxattr(tree.dirfd, name, out)
          : getxattrat(tree.dirfd, tree.name, name, out),
      )
    },

    FUSE_LISTXATTR({ nodeid, uid }, { size }, reply) {
      const node = locate(nodeid)
      if (typeof node === 'number') return node
      const isVisible = uid === 0
      const room = isVisible && size ? reply.room(size).subarray(0, size) : empty
      const out = isVisible ? room : allNames
      const found =
        tree.name === noName ? flistxattr(tree.dirfd, out) : listxattrat(tree.dirfd, tree.name, out)
      if (isVisible || found < 0) return sized(reply, size, found)
      const names = withoutTrusted(allNames.subarray(0, found))
      if (size && names.length > size) return -errno.ERANGE
      if (size) names.copy(reply.room(size))
      return sized(reply, size, names.length)
    },
  } satisfies Handlers
}

// A file system lists trusted.* to the privileged only.
function withoutTrusted(list: Buffer): Buffer {
  if (!list.includes('trusted.')) return list
  const names = list.toString('latin1').split('\0')
  return Buffer.from(names.filter((name) => !name.startsWith('trusted.')).join('\0'), 'latin1')
}

// A caller that offers no room asks how much it needs.
function sized(reply: Reply, room: number, result: number): number {
  if (result < 0) return result
  if (room) reply.used(result)
  else reply.struct(fuse_getxattr_out, { size: result })
  return 0
}
