// Suspects that the source has not stated yet, under the names that they have by now.

import { PathTrie, renameFlag, type Body, type OperationName } from '#wire'

const slash = 0x2f

export class Unhealed {
  // false: of a directory the attributes alone.
  readonly #trie = new PathTrie<boolean>()

  /** All at and below `path` may be wrong. */
  add(path: Buffer): void {
    this.#trie.set(path, true)
    if (path.length === 0) return
    // Who removes or makes a name changes its directory's time.
    const above = path.subarray(0, Math.max(0, path.lastIndexOf(slash)))
    if (this.#trie.covering(above) === undefined) this.#trie.set(above, false)
  }

  /** What is to be stated next; `isDeep`: with all below it. */
  next(): { path: Buffer; isDeep: boolean } | undefined {
    const first = this.#trie.first()
    return first && { path: first.path, isDeep: first.value }
  }

  /** It is stated. */
  clear(path: Buffer): void {
    this.#trie.clear(path)
  }

  clearAll(): void {
    for (let next = this.next(); next; next = this.next()) this.clear(next.path)
  }

  /** An operation of the stream. */
  follow<K extends OperationName>(name: K, body: Body<K>): void {
    if (name !== 'rename' || !this.next()) return
    const { path, newPath, flags } = body as Body<'rename'>
    const [one, other] = [this.#trie.take(path), this.#trie.take(newPath)]
    this.#trie.put(newPath, one)
    if (flags === renameFlag.EXCHANGE) this.#trie.put(path, other)
  }
}
