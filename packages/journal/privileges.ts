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
  const lost = S_ISUID | (stat.mode & groupExecutes ? S_ISGID : 0)
  if (!(stat.mode & lost)) return 0
  const failed = fchmod(fd, stat.mode & 0o7777 & ~lost) || fstat(fd, stat.buffer)
  if (failed < 0) return failed
  const path = tree.path(node)
  if (path) context.emitAttributes(path, which.MODE, stat)
  return 0
}
