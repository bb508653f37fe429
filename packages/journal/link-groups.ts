// Names that an assertion has stated of files with several, as links to which later names of the
// same file are stated. They follow the stream's operations, as `Pending` does.

import type { InodeKey } from './node.js'
import { PathTrie, pathOf, renameFlag, type Body, type OperationName, type TrieNode } from '#wire'

interface Group {
  readonly number: number
  /** Some of them may be gone: they have no parent any more. */
  names: TrieNode<Group>[]
}

/** The inode that is called so in the store, as a key; undefined where there is none. */
type InodeAt = (path: Buffer) => InodeKey | undefined

const fewNames = 8

export class LinkGroups {
  readonly #trie = new PathTrie<Group>()
  readonly #groups = new Map<InodeKey, Group>()
  readonly #inodeAt: InodeAt

  constructor(inodeAt: InodeAt) {
    this.#inodeAt = inodeAt
  }

  /** Whether no file with several names has been stated. */
  get isEmpty(): boolean {
    return this.#groups.size === 0
  }

  /** Whether a name of the inode has been stated, or begun. */
  has(key: InodeKey): boolean {
    return this.#groups.has(key)
  }

  /** The number of the group of an inode. */
  numberOf(key: InodeKey): number {
    return this.#group(key).number
  }

  /** A name of the inode that is stated or begun, and `isGood`. */
  nameOf(key: InodeKey, isGood: (path: Buffer) => boolean): Buffer | undefined {
    for (const node of this.#groups.get(key)?.names ?? []) {
      const path = pathOf(node)
      if (node.parent && isGood(path) && this.#inodeAt(path) === key) return path
    }
    return undefined
  }

  /** `path` is stated as a name of the inode, or begins to be. */
  add(key: InodeKey, path: Buffer): void {
    const group = this.#group(key)
    this.#trie.take(path)
    const node = this.#trie.set(path, group)
    const { names } = group
    // An array that grows takes room for more: most have a few names.
    if (names.length < fewNames) group.names = [...names.filter(({ parent }) => parent), node]
    else {
      // Now and then, so that those that are gone are never much more than the others.
      if (Number.isInteger(Math.log2(names.length)))
        group.names = names.filter(({ parent }) => parent)
      group.names.push(node)
    }
  }

  /** The names of the group that `path` belongs to by its inode. */
  of(path: Buffer): Buffer[] {
    const key = this.#inodeAt(path)
    const group = key === undefined ? undefined : this.#groups.get(key)
    return [...(group?.names ?? [])].filter((node) => node.parent).map((node) => pathOf(node))
  }

  /** An operation that is in the stream now. `isRight`: what was stated of a path holds. */
  follow<K extends OperationName>(
    name: K,
    body: Body<K>,
    isRight: (path: Buffer) => boolean,
  ): void {
    if (name === 'rename') this.#rename(body as Body<'rename'>)
    else if (name === 'unlink' || name === 'rmdir')
      this.#trie.take((body as Body<'unlink' | 'rmdir'>).path)
    else if (name === 'link') {
      const { path, newPath } = body as Body<'link'>
      const key = this.#inodeAt(newPath)
      if (key === undefined) return
      for (const one of [path, newPath]) if (isRight(one)) this.add(key, one)
    }
  }

  #rename({ path, newPath, flags }: Body<'rename'>): void {
    const taken = this.#trie.take(path)
    if (flags === renameFlag.EXCHANGE) this.#trie.put(path, this.#trie.take(newPath))
    this.#trie.put(newPath, taken)
  }

  #group(key: InodeKey): Group {
    let group = this.#groups.get(key)
    if (!group) {
      group = { number: this.#groups.size + 1, names: [] }
      this.#groups.set(key, group)
    }
    return group
  }
}
