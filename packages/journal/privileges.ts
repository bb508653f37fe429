// Changing a file's content takes its set-id bits away. The kernel leaves that to us
// (FUSE_HANDLE_KILLPRIV_V2), where the caller may not keep them.

import { fchmod, fstat, S_ISGID, S_ISUID } from '#posix'
import { which } from '#wire'
import type { JournalContext } from './journal-context.js'
import type { OpenFile } from './open-file.js'

const groupExecutes = 0o010

/** Drops set-user-id, and set-group-id where it means execution, and says so. 0 or -errno. */
export function withoutPrivileges(context: JournalContext, { fd, node }: OpenFile): number {
  const { stat, tree } = context
  const e = fstat(fd, stat.buffer)
  if (e < 0) return e
  const { mode } = stat
  const lost = S_ISUID | (mode & groupExecutes ? S_ISGID : 0)
  if (!(mode & lost)) return 0
  const path = tree.target(node)
  if (typeof path === 'number') return path
  const failed = fchmod(fd, mode & 0o7777 & ~lost)
  if (failed < 0) return failed
  if (path) context.emitAttributes(path, which.MODE, stat, mode & ~lost)
  return 0
}
