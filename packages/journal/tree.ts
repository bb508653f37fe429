// The store as the mount shows it: nodes, how to reach them below the root's descriptor, and the
// paths that they have in messages.

import {
  AT_EMPTY_PATH,
  AT_SYMLINK_NOFOLLOW,
  errno,
  fstat,
  noName,
  S_IFDIR,
  Stat,
  statx,
  STATX_BASIC_STATS,
} from '#posix'
import { limits, type PathPatterns } from '#wire'
import type { DescriptorBudget } from './descriptor-budget.js'
import { DirectoryCache } from './directory-cache.js'
import type { Node } from './node.js'
import { NodeTable } from './node-table.js'
import { findName } from './search.js'

/** Reserved at the mount's root: neither shown nor journalled. */
export const reservedName = Buffer.from('.tfs')

export class Tree {
  readonly rootFd: number
  readonly nodes: NodeTable
  readonly directories: DirectoryCache
  readonly budget: DescriptorBudget
  readonly #exclude: PathPatterns | undefined
  // Paths that nodes remember are of this generation; renaming a directory begins another.
  #generation = 0

  /** Of a file with several names, which messages may call `path`: a better name for them. */
  nameFor: ((node: Node, path: Buffer) => Buffer | undefined) | undefined
  /** Where `locate` found a node: a descriptor, and a name in it or none for itself. */
  dirfd = -1
  name: Buffer = noName

  constructor(rootFd: number, exclude: PathPatterns | undefined, budget: DescriptorBudget) {
    this.rootFd = rootFd
    this.budget = budget
    this.#exclude = exclude
    const stat = new Stat()
    const e = fstat(rootFd, stat.buffer)
    if (e < 0) throw new Error(`the store cannot be looked at (errno ${-e})`)
    this.nodes = new NodeTable(stat)
    this.directories = new DirectoryCache(this.nodes.root, rootFd, budget)
    this.nodes.onGone = (node) => this.directories.drop(node)
  }

  get excludes(): boolean {
    return this.#exclude !== undefined
  }

  /** Finds a way to `node` and leaves it in `dirfd` and `name`. 0 or -errno. */
  locate(node: Node): number {
    // With neither a name nor a descriptor it can only be reached by a name that is to be found.
    if (node.entries.length === 0 && node.fd < 0 && node.files.length === 0) {
      const found = this.#target(node)
      if (typeof found === 'number') return found
    }
    const entry = node.entries[0]
    if (entry) {
      this.dirfd = this.directories.fd(entry.parent)
      this.name = entry.name
    } else {
      this.dirfd = node.fd >= 0 ? node.fd : (node.files[0]?.fd ?? node.unreachable)
      this.name = noName
    }
    return Math.min(0, this.dirfd)
  }

  /** The flags that the *at calls want for what `locate` found. */
  get atFlags(): number {
    return this.name === noName ? AT_EMPTY_PATH : AT_SYMLINK_NOFOLLOW
  }

  /** 0 or -errno. */
  stat(node: Node, stat: Stat, mask: number = STATX_BASIC_STATS): number {
    const e = node.fd >= 0 ? this.#here(node.fd) : this.locate(node)
    return e || statx(this.dirfd, this.name, this.atFlags, mask, stat.buffer)
  }

  #here(fd: number): number {
    this.dirfd = fd
    this.name = noName
    return 0
  }

  /**
   * What a message calls `node`; undefined where it has no name that is journalled; -errno where
   * that cannot be found out or said. To be asked before anything is done that is to be emitted.
   */
  target(node: Node): Buffer | undefined | number {
    const path = this.#target(node)
    if (node.nlink < 2 || node.type === S_IFDIR || !Buffer.isBuffer(path)) return path
    return this.nameFor?.(node, path) ?? path
  }

  #target(node: Node): Buffer | undefined | number {
    const path = this.path(node)
    if (path) return this.expressible(path) || path
    // Perhaps it has a name that nobody has looked up. No other inode may be taken for it, so one
    // whose number may have been used again is not looked for.
    if (node.type === S_IFDIR || node.nlink <= node.entries.length) return undefined
    if (node.searchedGeneration === this.#generation) return undefined
    const found = findName(this, node)
    if (found < 0) return found
    if (found > 0) return this.#target(node)
    node.searchedGeneration = this.#generation
    return undefined
  }

  /** The same by the names that are known, however long. */
  path(node: Node): Buffer | undefined {
    if (node.pathGeneration === this.#generation) return node.path
    node.path = node === this.nodes.root ? noName : this.#findPath(node)
    node.pathGeneration = this.#generation
    return node.path
  }

  // Parents first and without recursion: trees are deeper than a stack of calls should be.
  #findPath(node: Node): Buffer | undefined {
    const stale: Node[] = []
    let up = node.entries[0]?.parent
    for (; up && up !== this.nodes.root; up = up.entries[0]?.parent) {
      if (up.pathGeneration === this.#generation) break
      stale.push(up)
    }
    for (let next = stale.pop(); next; next = stale.pop()) this.path(next)
    return this.#knownPath(node)
  }

  #knownPath(node: Node): Buffer | undefined {
    for (const { parent, name } of node.entries) {
      const path = this.childPath(parent, name, node.type)
      if (path) return path
    }
    return undefined
  }

  /** What a message calls `name` in `parent`; undefined where that is not journalled. */
  childPath(parent: Node, name: Buffer, type: number): Buffer | undefined {
    const above = this.path(parent)
    if (!above) return undefined
    const path = above.length === 0 ? Buffer.from(name) : join(above, name)
    return this.isExcluded(path, type) ? undefined : path
  }

  /** -ENAMETOOLONG where messages cannot say this path, else 0. */
  expressible(path: Buffer | undefined): number {
    return path && path.length > limits.pathSizeMax ? -errno.ENAMETOOLONG : 0
  }

  /** Whether the patterns exclude `path` itself; directories above it are not looked at. */
  isExcluded(path: Buffer, type: number): boolean {
    return this.#exclude?.matches(path, type === S_IFDIR) ?? false
  }

  isReserved(parent: Node, name: Buffer): boolean {
    return parent === this.nodes.root && name.equals(reservedName)
  }

  isReservedPath(path: Buffer): boolean {
    return path.equals(reservedName)
  }

  /** Whether the patterns exclude `path` or a directory above it. */
  isOutside(path: Buffer, type: number): boolean {
    return this.#exclude?.excludes(path, type === S_IFDIR) ?? false
  }

  /** Becomes another one where a directory gets another path. */
  get generation(): number {
    return this.#generation
  }

  /** To be called where a directory got another path: all paths below it are found anew. */
  pathsChanged(): void {
    this.#generation++
  }
}

export function isAtOrBelow(path: Buffer, root: Buffer): boolean {
  if (path.length < root.length || !path.subarray(0, root.length).equals(root)) return false
  return path.length === root.length || root.length === 0 || path[root.length] === 0x2f
}

/** The path of the directory that holds what is called `path`; that of the root is its own. */
export function parentOf(path: Buffer): Buffer {
  return path.subarray(0, Math.max(0, path.lastIndexOf(0x2f)))
}

export function join(directory: Buffer, name: Buffer): Buffer {
  if (directory.length === 0) return name
  const path = Buffer.allocUnsafe(directory.length + 1 + name.length)
  path.set(directory)
  path[directory.length] = 0x2f
  path.set(name, directory.length + 1)
  return path
}
