// Changing a file's content takes its set-id bits away. The kernel leaves that to us
// (FUSE_HANDLE_KILLPRIV_V2), where the caller may not keep them.

import { readFileSync } from 'node:fs'
import {
  errno,
  F_GETFL,
  fchmod,
  fcntl,
  fstat,
  O_ACCMODE,
  O_RDONLY,
  S_IFDIR,
  S_ISGID,
  S_ISUID,
} from '#posix'
import type { Request } from '#fuse'
import { which } from '#wire'
import type { JournalContext } from './journal-context.js'
import type { Node } from './node.js'
import type { OpenFile } from './open-file.js'

const groupExecutes = 0o010

/**
 * Drops set-user-id, and set-group-id where it means execution or the caller is not of the group
 * (the rule of setattr_should_drop_sgid in Linux's fs/attr.c), and says so. 0 or -errno.
 */
export function withoutPrivileges(
  context: JournalContext,
  caller: Readonly<Request>,
  { fd, node }: Pick<OpenFile, 'fd' | 'node'>,
): number {
  const { stat, tree } = context
  const e = fstat(fd, stat.buffer)
  if (e < 0) return e
  const { mode } = stat
  const lost = losable(caller, mode, stat.gid)
  if (!lost) return 0
  const path = tree.target(node)
  if (typeof path === 'number') return path
  const failed = fchmod(fd, mode & 0o7777 & ~lost)
  if (failed < 0) return failed
  if (path) context.emitAttributes(path, which.MODE, stat, mode & ~lost)
  return 0
}

// Of the set-id bits, those that another than root takes away by a change of content.
function losable(caller: Readonly<Request>, mode: number, group: number): number {
  const executes = mode & groupExecutes
  const isStranger = (mode & S_ISGID) !== 0 && !executes && !isOfGroup(caller, group)
  return mode & (S_ISUID | (executes || isStranger ? S_ISGID : 0))
}

// Who is not visible from here, or gone, counts as a stranger.
function isOfGroup({ pid, gid }: Readonly<Request>, group: number): boolean {
  if (gid === group) return true
  try {
    const [, groups = ''] = /^Groups:(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    return groups.trim().split(/\s+/).includes(String(group))
  } catch {
    return false
  }
}

/**
 * Whether a SETATTR by `caller` that names no field may take set-id bits away. 0 or -errno.
 *
 * Such a request comes of chown(-1, -1), for which the bits make it a change of mode: the owner's
 * and root's. But the kernel also sends it before a write, fallocate or copy by whoever may do
 * those, and learns from the answer which bits are left (file_remove_privs in fs/inode.c and
 * fuse_setattr in fs/fuse/dir.c, which strips what would tell the two apart, also under
 * HANDLE_KILLPRIV_V2). What it says next, the write, may come from another request or not at all.
 * So it is a file's being open for writing that allows it: who writes has it so.
 */
export function mayLosePrivileges(
  context: JournalContext,
  caller: Readonly<Request>,
  node: Node,
): number {
  if (caller.uid === 0 || node.type === S_IFDIR) return 0
  const { stat, tree } = context
  const e = tree.stat(node, stat)
  if (e < 0 || stat.uid === caller.uid || !losable(caller, stat.mode, stat.gid)) return e
  return node.files.some(isWritable) ? 0 : -errno.EPERM
}

const isWritable = ({ fd }: OpenFile) => (fcntl(fd, F_GETFL) & O_ACCMODE) !== O_RDONLY
