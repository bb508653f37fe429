// A directory that is renamed within what is journalled may hold names that patterns exclude at its
// old path and not at its new one, or the other way round.

import type { Announcement } from './announcement.js'
import type { JournalContext } from './journal-context.js'
import type { Node } from './node.js'
import { walk } from './walk.js'
import { removeObject } from './withdrawal.js'

/** Emits what a copy, which has just renamed oldPath to newPath, has too much or too little. */
export function reconcile(
  context: JournalContext,
  announcement: Announcement,
  oldPath: Buffer,
  newPath: Buffer,
  node: Node,
): void {
  const { tree } = context
  if (!tree.excludes) return
  const at = context.directory(node)
  const e =
    at < 0
      ? at
      : walk(at, newPath, {
          enter(dirfd, name, path, { type }) {
            const before = Buffer.concat([oldPath, path.subarray(newPath.length)])
            const wasOut = tree.isExcluded(before, type)
            const isOut = tree.isExcluded(path, type)
            if (wasOut && !isOut) announcement.announce(dirfd, name, path)
            else if (!wasOut && isOut) removeObject(context, dirfd, name, path, before, type)
            return !wasOut && !isOut
          },
        })
  if (e < 0) context.lose(newPath, e)
}
