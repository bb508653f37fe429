// The files with several names of one assertion that is compared: which inode the mirror has for
// each, at a name that follows the stream. Inodes that are gone may come again for other files.

import { PathTrie, pathOf, renameFlag, type Body, type OperationName, type TrieNode } from '#wire'

interface First {
  readonly group: number
  node: TrieNode<First> | undefined
}

/** The mirror's inode at a path, as a key; undefined where there is none. */
type InodeAt = (path: Buffer) => string | undefined

export class StatedLinks {
  readonly #trie = new PathTrie<First>()
  readonly #firsts = new Map<string, First>()
  // Those whose file has its first name where it is left out.
  readonly #others = new Map<number, First>()
  readonly #inodeAt: InodeAt

  constructor(inodeAt: InodeAt) {
    this.#inodeAt = inodeAt
  }

  /**
   * `path` is stated as the first name of `group`, or, with `isOther`, as one of which the first is
   * left out: whether another group has its inode.
   */
  isTaken(path: Buffer, group: number, isOther: boolean): boolean {
    const inode = this.#inodeAt(path)
    if (inode === undefined) return false
    const known = this.#firsts.get(inode)
    if (known?.node && known.group !== group) {
      const name = pathOf(known.node)
      if (this.#trie.get(name) === known && this.#inodeAt(name) === inode) return true
    }
    const first: First = { group, node: undefined }
    first.node = this.#trie.set(path, first)
    this.#firsts.set(inode, first)
    if (isOther) this.#others.set(group, first)
    return false
  }

  /** A name of `group`, the first of which is left out, that was stated before. */
  firstOf(group: number): Buffer | undefined {
    const known = this.#others.get(group)
    const name = known?.node && pathOf(known.node)
    return name && this.#trie.get(name) === known ? name : undefined
  }

  /** An operation of the stream. */
  follow<K extends OperationName>(name: K, body: Body<K>): void {
    if (this.#firsts.size === 0) return
    if (name === 'unlink' || name === 'rmdir') this.#trie.take((body as Body<'unlink'>).path)
    if (name !== 'rename') return
    const { path, newPath, flags } = body as Body<'rename'>
    const taken = this.#trie.take(path)
    if (flags === renameFlag.EXCHANGE) this.#trie.put(path, this.#trie.take(newPath))
    this.#trie.put(newPath, taken)
  }
}
