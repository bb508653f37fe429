// Changing a file's content takes its set-id bits away. The kernel leaves that to us
// (FUSE_HANDLE_KILLPRIV_V2), where the caller may not keep them.

import { readFileSync } from 'node:fs'
import { fchmod, fstat, S_ISGID, S_ISUID } from '#posix'
import type { Request } from '#fuse'
import { which } from '#wire'
import type { JournalContext } from './journal-context.js'
import type { OpenFile } from './open-file.js'

const groupExecutes = 0o010

/**
 * Drops set-user-id, and set-group-id where it means execution or the caller is not of the group
 * (the rule of setattr_should_drop_sgid in Linux's fs/attr.c), and says so. 0 or -errno.
 */
export function withoutPrivileges(
  context: JournalContext,
  caller: Readonly<Request>,
  { fd, node }: OpenFile,
): number {
  const { stat, tree } = context
  const e = fstat(fd, stat.buffer)
  if (e < 0) return e
  const { mode } = stat
  if (!(mode & (S_ISUID | S_ISGID))) return 0
  const keepsGroup = !(mode & groupExecutes) && (!(mode & S_ISGID) || isOfGroup(caller, stat.gid))
  const lost = S_ISUID | (keepsGroup ? 0 : S_ISGID)
  if (!(mode & lost)) return 0
  const path = tree.target(node)
  if (typeof path === 'number') return path
  const failed = fchmod(fd, mode & 0o7777 & ~lost)
  if (failed < 0) return failed
  if (path) context.emitAttributes(path, which.MODE, stat, mode & ~lost)
  return 0
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
