// Opens files of the store for callers of the mount.

import {
  close,
  ftruncate,
  noName,
  O_ACCMODE,
  O_NOFOLLOW,
  O_RDONLY,
  O_TRUNC,
  O_WRONLY,
  openat,
  reopen,
} from '#posix'
import { fopen, FUSE_OPEN_KILL_SUIDGID, type Request } from '#fuse'
import type { JournalContext } from './journal-context.js'
import type { Node } from './node.js'
import type { OpenFile } from './open-file.js'
import { withoutPrivileges } from './privileges.js'

/** Opens `node` as the caller's flags ask: the fields of the reply, or -errno. */
export function openStore(
  context: JournalContext,
  caller: Readonly<Request>,
  node: Node,
  flags: number,
  openFlags: number,
): { fh: number; open_flags: number } | number {
  const fd = context.files.room || openNode(context, node, flags & O_ACCMODE)
  if (fd < 0) return fd
  const isWritable = (flags & O_ACCMODE) !== O_RDONLY
  const file = { fd, node, isWritable, position: undefined }
  if (flags & O_TRUNC) {
    const kill = openFlags & FUSE_OPEN_KILL_SUIDGID
    const e = (kill ? withoutPrivileges(context, caller, file) : 0) || empty(context, file, flags)
    if (e < 0) {
      close(fd)
      return e
    }
  }
  return { fh: context.files.add(file), open_flags: fopen.FOPEN_KEEP_CACHE }
}

/**
 * A descriptor for a regular file's content, or -errno. Of the caller's flags only the access mode
 * counts: O_APPEND and O_DIRECT are between caller and kernel, and O_SYNC arrives as FSYNC.
 */
export function openNode({ tree }: JournalContext, node: Node, access: number): number {
  const e = tree.locate(node)
  if (e < 0) return e
  if (tree.name === noName) return reopen(tree.dirfd, access)
  return openat(tree.dirfd, tree.name, access | O_NOFOLLOW)
}

// A caller may empty what it then only reads.
function empty(context: JournalContext, { fd, node }: OpenFile, flags: number): number {
  if (flags & O_ACCMODE) return truncate(context, node, fd, 0)
  const writable = openNode(context, node, O_WRONLY)
  if (writable < 0) return writable
  const e = truncate(context, node, writable, 0)
  close(writable)
  return e
}

/** Sets a file's size, and says so. 0 or -errno. */
export function truncate(context: JournalContext, node: Node, fd: number, size: number): number {
  const path = context.tree.target(node)
  if (typeof path === 'number') return path
  const e = ftruncate(fd, size)
  if (e < 0) return e
  if (path) context.emit('truncate', { path, size })
  context.times.touch(node)
  return 0
}
