// A file's exact mtime follows its writes: when it is closed or synced, or after a quiet second.

import type { Emitter } from './emitter.js'
import type { Node } from './node.js'
import type { Tree } from './tree.js'
import { Stat } from '#posix'
import { which } from '#wire'

const quietMs = 1000

export class ModificationTimes {
  // In the order of their last writes, the oldest first.
  readonly #pending = new Map<Node, number>()
  readonly #tree: Tree
  readonly #emitter: Emitter
  readonly #stat = new Stat()

  constructor(tree: Tree, emitter: Emitter) {
    this.#tree = tree
    this.#emitter = emitter
  }

  /** The content of `node` has changed just now. */
  touch(node: Node): void {
    this.#pending.delete(node)
    this.#pending.set(node, performance.now())
  }

  /** The mtime has been emitted, or no longer matters. */
  settle(node: Node): void {
    this.#pending.delete(node)
  }

  /** Emits the mtime of `node` if it is still to come. */
  flush(node: Node): void {
    if (this.#pending.delete(node)) this.emit(node)
  }

  /** Emits the mtimes that are due. */
  flushQuiet(): void {
    const now = performance.now()
    for (const [node, since] of this.#pending) {
      if (now - since < quietMs) return
      this.flush(node)
    }
  }

  flushAll(): void {
    for (const node of this.#pending.keys()) this.flush(node)
  }

  /** Milliseconds until `flushQuiet` has something to do. */
  get dueMs(): number {
    const oldest = this.#pending.values().next()
    return oldest.done ? Infinity : oldest.value + quietMs - performance.now()
  }

  /** Emits the mtime that `node` has now. */
  emit(node: Node): void {
    const path = this.#tree.path(node)
    const stat = this.#stat
    if (!path || this.#tree.stat(node, stat) < 0) return
    const { mode, uid, gid, atimeSec, atimeNsec, mtimeSec, mtimeNsec } = stat
    this.#emitter.emit('setattr', {
      path,
      which: which.MTIME,
      mode: mode & 0o7777,
      uid,
      gid,
      atimeSec,
      atimeNsec,
      mtimeSec,
      mtimeNsec,
    })
  }
}
