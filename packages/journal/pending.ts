// What an assertion has still to state: the paths that it covers, as they are called now. It
// follows the stream that it takes part in, as a mirror does that believes what was stated and
// nothing else.

import { PathTrie, renameFlag, type Body, type OperationName } from '#wire'

/** Bytes of a file's content that are stated; -1: nothing of it, or of the directory, is. */
type Stated = number

/** Whether something is called so in the store. */
type IsThere = (path: Buffer) => boolean

const untouched: Stated = -1
const slash = 0x2f

export class Pending {
  // What has a value, and all that is below it, is not stated yet.
  readonly #trie = new PathTrie<Stated>()
  readonly #isThere: IsThere

  /** All at and below `path` is to be stated. */
  constructor(path: Buffer, isThere: IsThere) {
    this.#trie.set(path, untouched)
    this.#isThere = isThere
  }

  /** What is to be stated next, and how many bytes of it are; undefined when all is stated. */
  next(): { path: Buffer; stated: number } | undefined {
    const found = this.#trie.first()
    return found && { path: found.path, stated: Math.max(0, found.value) }
  }

  /** Whether it is stated from its beginning on. */
  isBegun(path: Buffer): boolean {
    return (this.#trie.get(path) ?? untouched) >= 0
  }

  /** Of the file at `path` so many bytes are stated. */
  goOn(path: Buffer, stated: number): void {
    this.#trie.set(path, stated)
  }

  /** What is at `path` is stated; what is below it is to be, if it is a directory: `names`. */
  done(path: Buffer, names: readonly Buffer[] = []): void {
    // In this order, so that what is below comes next: what waits is no more than a few levels.
    for (const name of names) this.#trie.set(childOf(path, name), untouched)
    this.#trie.clear(path)
  }

  /** What is at `path` is to be stated (again). */
  add(path: Buffer): void {
    const above = this.#trie.covering(path)
    // What of a file is stated already may be of another one.
    if (above !== undefined && above >= 0) this.#trie.set(path, untouched)
    if (above !== undefined) return
    if (path.length > 0) this.#trie.take(path)
    this.#trie.set(path, untouched)
  }

  /** An operation that is in the stream now. */
  follow<K extends OperationName>(name: K, body: Body<K>): void {
    if (name === 'rename') this.#rename(body as Body<'rename'>)
    else if (name === 'link') this.#link(body as Body<'link'>)
    else if (name === 'unlink' || name === 'rmdir')
      this.#gone((body as Body<'unlink' | 'rmdir'>).path)
  }

  /** Whether what is at `path` is still to be stated, with what is around it. */
  covers(path: Buffer): boolean {
    return this.#trie.covering(path) !== undefined
  }

  #rename({ path, newPath, flags }: Body<'rename'>): void {
    const [from, to] = [this.#isIn(path), this.#isIn(newPath)]
    // Both are names of one file: nothing has moved. A copy may not have it so yet.
    if (flags !== renameFlag.EXCHANGE && this.#isThere(path)) return this.#both(path, newPath)
    const isUneven = from || to || this.#trie.has(newPath)
    if (flags === renameFlag.EXCHANGE) {
      if (isUneven || this.#trie.has(path)) this.#both(path, newPath)
      return
    }
    const moved = from ? undefined : this.#trie.take(path)
    if (to) return
    this.#trie.put(newPath, moved)
    if (isUneven) this.add(newPath)
  }

  #link({ path, newPath }: Body<'link'>): void {
    if (this.covers(path)) this.add(newPath)
  }

  #gone(path: Buffer): void {
    if (!this.#isIn(path)) this.#trie.take(path)
  }

  #both(path: Buffer, newPath: Buffer): void {
    this.add(path)
    this.add(newPath)
  }

  // Whether a directory above it is to be stated.
  #isIn(path: Buffer): boolean {
    const cut = path.lastIndexOf(slash)
    return cut < 0
      ? path.length > 0 && this.#trie.get(top) !== undefined
      : this.covers(path.subarray(0, cut))
  }
}

const top = Buffer.alloc(0)
const separator = Buffer.of(slash)

export const childOf = (path: Buffer, name: Buffer): Buffer =>
  path.length === 0 ? name : Buffer.concat([path, separator, name])
