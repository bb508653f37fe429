// A file's exact mtime follows its writes: when it is closed or synced, or after a quiet second.

import { noName, Stat } from '#posix'
import type { JournalContext } from './journal-context.js'
import type { Node } from './node.js'
import { which } from '#wire'

const quietMs = 1000

export class ModificationTimes {
  // In the order of their last writes, the oldest first.
  readonly #pending = new Map<Node, number>()
  readonly #context: JournalContext
  readonly #stat = new Stat()

  constructor(context: JournalContext) {
    this.#context = context
  }

  /** The content of `node` has changed just now, between those bytes. */
  touch(node: Node, start = 0, end = Infinity): void {
    this.#context.contents.touch(node.key, start, end)
    this.#pending.delete(node)
    this.#pending.set(node, performance.now())
  }

  /** The mtime has been emitted, or no longer matters. */
  settle(node: Node): void {
    this.#pending.delete(node)
  }

  /** Emits the mtime of `node` if it is still to come. */
  flush(node: Node): void {
    if (this.#pending.delete(node)) this.#emit(node)
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

  #emit(node: Node): void {
    const { tree } = this.#context
    const path = tree.target(node)
    if (path === undefined) return
    const e = typeof path === 'number' ? path : tree.stat(node, this.#stat)
    if (e < 0) this.#context.lose(tree.path(node) ?? noName, e)
    else this.#context.emitAttributes(path as Buffer, which.MTIME, this.#stat)
  }
}
