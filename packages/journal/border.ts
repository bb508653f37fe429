// A directory that is renamed within what is journalled may hold names that patterns exclude at its
// old path and not at its new one, or the other way round.

import {
  AT_SYMLINK_NOFOLLOW,
  close,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
  openat,
  readDirectory,
  S_IFDIR,
  Stat,
  statx,
  STATX_BASIC_STATS,
} from '#posix'
import { announce, removeObject } from './announcement.js'
import type { JournalContext } from './journal-context.js'
import type { Node } from './node.js'
import { join } from './tree.js'

/** Emits what a copy, which has just renamed oldPath to newPath, has too much or too little. */
export function reconcile(
  context: JournalContext,
  oldPath: Buffer,
  newPath: Buffer,
  node: Node,
): void {
  if (!context.tree.excludes) return
  const at = context.directory(node)
  const fd = at < 0 ? at : openat(at, Buffer.from('.'), O_RDONLY | O_DIRECTORY)
  if (fd < 0) return
  below(context, fd, oldPath, newPath)
  close(fd)
}

function below(context: JournalContext, fd: number, oldPath: Buffer, newPath: Buffer): void {
  const { tree } = context
  const stat = new Stat()
  for (const { name } of readDirectory(fd)) {
    if (statx(fd, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, stat.buffer) < 0) continue
    const [before, after] = [join(oldPath, name), join(newPath, name)]
    const wasOut = tree.isExcluded(before, stat.type)
    const isOut = tree.isExcluded(after, stat.type)
    if (wasOut && !isOut) announce(context, fd, name, after)
    else if (!wasOut && isOut) removeObject(context, fd, name, after, stat.type)
    else if (!isOut && stat.type === S_IFDIR) {
      const inner = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
      if (inner < 0) continue
      below(context, inner, before, after)
      close(inner)
    }
  }
}
