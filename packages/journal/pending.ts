// What an assertion has still to state: the paths that it covers, as they are called now. It
// follows the stream that it takes part in, as a mirror does that believes what was stated and
// nothing else.

import { Listing } from './listing.js'
import { PathTrie, renameFlag, type Body, type OperationName } from '#wire'

/** How far a file's content is stated. */
export interface Progress {
  readonly stated: number
  /** As long as it was when it began: what is added behind that comes as operations. */
  readonly end: number
}

const untouched = 'untouched'
/** `untouched`: nothing of the file or directory is stated. */
type Stated = typeof untouched | Progress | Listing

interface Next {
  readonly path: Buffer
  readonly progress: Progress | undefined
  readonly listing: Listing | undefined
}

/** S_IFREG and so on, of what is called so in the store; 0: nothing is. */
type TypeAt = (path: Buffer) => number

const slash = 0x2f

export class Pending {
  // What has a value, and all that is below it, is not stated yet.
  readonly #trie = new PathTrie<Stated>()
  readonly #typeAt: TypeAt

  /** All at and below `path` is to be stated. */
  constructor(path: Buffer, typeAt: TypeAt) {
    this.#trie.set(path, untouched)
    this.#typeAt = typeAt
  }

  /**
   * What is to be stated next: how much of it is, or what of its names is not. Undefined: all is
   * stated.
   */
  next(): Next | undefined {
    // What a list has named is stated before the next list: there are never many names here.
    const found = this.#trie.first((value) => value instanceof Listing && value.isBegun)
    if (!found) return undefined
    const { path, value } = found
    if (value === untouched) return { path, progress: undefined, listing: undefined }
    return value instanceof Listing
      ? { path, progress: undefined, listing: value }
      : { path, progress: value, listing: undefined }
  }

  /** Whether it is stated from its beginning on. */
  isBegun(path: Buffer): boolean {
    const value = this.#trie.get(path)
    return value !== undefined && value !== untouched && !(value instanceof Listing)
  }

  /** The names of the directory at `path` are to be stated, in lists. */
  list(path: Buffer): Listing {
    const listing = new Listing()
    this.#trie.set(path, listing)
    return listing
  }

  /** A list of names of the directory at `path` is stated; what they stand for is to be. */
  listed(path: Buffer, names: readonly Buffer[], isLast: boolean): void {
    for (const name of names) this.#trie.set(childOf(path, name), untouched)
    if (isLast) this.#trie.clear(path)
  }

  /** The file at `path` is stated so far. */
  goOn(path: Buffer, progress: Progress): void {
    this.#trie.set(path, progress)
  }

  /** What is at `path` is stated. */
  done(path: Buffer): void {
    this.#trie.clear(path)
  }

  /** What is at `path` is to be stated (again). */
  add(path: Buffer): void {
    if (this.#isIn(path) || this.#trie.get(path) === untouched) return
    // What of a file is stated already may be of another one.
    if (path.length > 0) this.#trie.take(path)
    this.#trie.set(path, untouched)
  }

  /** An operation that is in the stream now. */
  follow<K extends OperationName>(name: K, body: Body<K>): void {
    if (name === 'rename') this.#rename(body as Body<'rename'>)
    else if (name === 'link') this.#link(body as Body<'link'>)
    else if (removing.has(name)) this.#gone((body as Body<'unlink' | 'rmdir'>).path)
    const { path } = body as { path: Buffer }
    if (removing.has(name)) this.#relist(path, 0)
    else if (naming.has(name)) this.#relist(path)
    if (name === 'rename' || name === 'link')
      this.#relist((body as Body<'rename' | 'link'>).newPath)
  }

  /** Whether what is at `path` is still to be stated, with what is around it. */
  covers(path: Buffer): boolean {
    return this.#trie.some(
      path,
      (value, name) =>
        !(value instanceof Listing) || (name === undefined ? !value.isBegun : value.covers(name)),
    )
  }

  #rename({ path, newPath, flags }: Body<'rename'>): void {
    const [from, to] = [this.#isIn(path), this.#isIn(newPath)]
    // Both are names of one file: nothing has moved. A copy may not have it so yet.
    if (flags !== renameFlag.EXCHANGE && this.#typeAt(path) !== 0) return this.#both(path, newPath)
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

  // Whether it is to be stated with a directory above it.
  #isIn(path: Buffer): boolean {
    return this.#trie.some(
      path,
      (value, name) => name !== undefined && (!(value instanceof Listing) || value.covers(name)),
    )
  }

  // What is called so by now is in the list of its directory, or not. `type`: what it is, if known.
  #relist(path: Buffer, type?: number): void {
    const cut = path.lastIndexOf(slash)
    const listing = this.#trie.get(path.subarray(0, Math.max(0, cut)))
    if (!(listing instanceof Listing)) return
    const name = path.toString('latin1', cut + 1)
    if (listing.covers(name)) listing.follow(name, type ?? this.#typeAt(path))
  }
}

/** Operations that change what is called `path`. */
const naming: ReadonlySet<OperationName> = new Set<OperationName>([
  'create',
  'mkdir',
  'mknod',
  'symlink',
  'rename',
])
/** Operations after which nothing is called `path`, though in the store it may be, excluded. */
const removing: ReadonlySet<OperationName> = new Set<OperationName>(['unlink', 'rmdir'])

const separator = Buffer.of(slash)

export const childOf = (path: Buffer, name: Buffer): Buffer =>
  path.length === 0 ? name : Buffer.concat([path, separator, name])
