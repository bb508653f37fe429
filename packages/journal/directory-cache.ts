// O_PATH descriptors of the store's directories, opened one component at a time from the root's, so
// that no path is ever too long and no symlink is ever followed. A bounded number is kept.

import { close, errno, O_DIRECTORY, O_NOFOLLOW, O_PATH, openat, S_IFDIR } from '#posix'
import type { Node } from './node.js'

export class DirectoryCache {
  readonly #root: Node
  // Second chance: the hand passes by those used since, and closes the first that was not.
  readonly #ring: Node[] = []
  readonly #limit: number
  #hand = 0

  constructor(root: Node, rootFd: number, limit = 4096) {
    this.#root = root
    this.#limit = limit
    root.fd = rootFd
  }

  /** A descriptor for `node`, good until the next call; or -errno. */
  fd(node: Node): number {
    if (node.fd < 0) return this.#open(node)
    node.fdUsed = true
    return node.fd
  }

  /** Keeps the descriptor of a directory that is about to lose its name until `drop`. */
  pin(node: Node): void {
    if (this.fd(node) < 0 || node === this.#root) return
    const at = this.#ring.indexOf(node)
    if (at >= 0) this.#remove(at)
  }

  /** The directory has kept its name after all. */
  unpin(node: Node): void {
    if (node.fd >= 0 && node !== this.#root && !this.#ring.includes(node)) this.#keep(node)
  }

  /** Closes a node's descriptor, where it has one. */
  drop(node: Node): void {
    if (node.fd < 0 || node === this.#root) return
    const at = node.type === S_IFDIR ? this.#ring.indexOf(node) : -1
    if (at >= 0) this.#remove(at)
    close(node.fd)
    node.fd = -1
  }

  // Up to the nearest open one, then down again: trees are deeper than a stack of calls should be.
  #open(node: Node): number {
    const way: Node[] = []
    let at: Node | undefined = node
    for (; at && at.fd < 0; at = at.entries[0]?.parent) way.push(at)
    if (!at) return -errno.ENOENT
    let fd = at.fd
    for (let next = way.pop(); next; next = way.pop()) {
      const name = next.entries[0]!.name
      fd = openat(fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW)
      if (fd < 0) return fd
      next.fd = fd
      this.#keep(next)
    }
    return fd
  }

  #keep(node: Node): void {
    node.fdUsed = true
    if (this.#ring.length < this.#limit) {
      this.#ring.push(node)
      return
    }
    for (;;) {
      const candidate = this.#ring[this.#hand]!
      if (!candidate.fdUsed) {
        close(candidate.fd)
        candidate.fd = -1
        this.#ring[this.#hand] = node
        this.#hand = (this.#hand + 1) % this.#limit
        return
      }
      candidate.fdUsed = false
      this.#hand = (this.#hand + 1) % this.#limit
    }
  }

  #remove(at: number): void {
    const last = this.#ring.pop()!
    if (at < this.#ring.length) this.#ring[at] = last
    if (this.#hand >= this.#ring.length) this.#hand = 0
  }
}
