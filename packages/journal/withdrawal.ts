// Emits the removal of what leaves the stream's view and stays in the store.

import { close, fstat, O_DIRECTORY, O_NOFOLLOW, O_RDONLY, openat, S_IFDIR, Stat } from '#posix'
import type { JournalContext } from './journal-context.js'
import type { Node } from './node.js'
import { walk } from './walk.js'

/** Emits the removal of `path`, which named `node` in `parent` until it left the stream's view. */
export function withdraw(context: JournalContext, path: Buffer, node: Node, parent: Node): void {
  const times = { ...context.directoryTimes(parent) }
  if (node.type !== S_IFDIR) {
    context.emit('unlink', { path, ...times })
    return
  }
  const e = removeBelow(context, context.directory(node), path, path)
  if (e < 0) context.lose(path, e)
  context.emit('rmdir', { path, ...times })
}

/**
 * Emits the removal of what a copy has at `path`: what is at `name` in `dirfd`, as far as it was in
 * view when it was called `before`.
 */
export function removeObject(
  context: JournalContext,
  dirfd: number,
  name: Buffer,
  path: Buffer,
  before: Buffer,
  type: number,
): void {
  if (type === S_IFDIR) {
    const fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    const e = removeBelow(context, fd, path, before)
    if (fd >= 0) close(fd)
    if (e < 0) context.lose(path, e)
  }
  remove(context, dirfd, path, type)
}

function removeBelow(context: JournalContext, fd: number, path: Buffer, before: Buffer): number {
  if (fd < 0) return fd
  return walk(fd, path, {
    enter(dirfd, _name, below, { type }) {
      const was = Buffer.concat([before, below.subarray(path.length)])
      if (context.tree.isExcluded(was, type)) return false
      if (type !== S_IFDIR) remove(context, dirfd, below, type)
      return true
    },
    leave: (dirfd, _name, below) => remove(context, dirfd, below, S_IFDIR),
  })
}

const stat = new Stat()

function remove(context: JournalContext, dirfd: number, path: Buffer, type: number): void {
  const e = fstat(dirfd, stat.buffer)
  if (e < 0) context.lose(path, e)
  const body = { path, dirMtimeSec: stat.mtimeSec, dirMtimeNsec: stat.mtimeNsec }
  if (type === S_IFDIR) context.emit('rmdir', body)
  else context.emit('unlink', body)
}
