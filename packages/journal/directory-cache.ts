// O_PATH descriptors of the store's directories, opened one component at a time from the root's, so
// that no path is ever too long and no symlink is ever followed. A bounded number is kept, and one
// of those of things whose name is gone.

import { close, errno, O_DIRECTORY, O_NOFOLLOW, O_PATH, openat, S_IFDIR } from '#posix'
import type { DescriptorBudget } from './descriptor-budget.js'
import type { Node } from './node.js'

export class DirectoryCache {
  readonly #root: Node
  // Second chance: the hand passes by those used since, and closes the first that was not.
  readonly #ring: Node[] = []
  readonly #limit: number
  readonly #removedMax: number
  #removed = 0
  #hand = 0

  constructor(root: Node, rootFd: number, budget: DescriptorBudget) {
    this.#root = root
    this.#limit = budget.directories
    this.#removedMax = budget.removed
    root.fd = rootFd
  }

  /** A descriptor for `node`, good until the next call; or -errno. */
  fd(node: Node): number {
    if (node.fd < 0) return this.#open(node)
    node.fdUsed = true
    return node.fd
  }

  /**
   * Calls `act` with descriptors of both, which stay open meanwhile; gives back what it says, or
   * -errno where one cannot be opened.
   */
  withBoth(one: Node, other: Node, act: (one: number, other: number) => number): number {
    const first = this.fd(one)
    const second = first < 0 ? first : this.fd(other)
    if (second < 0) return second
    if (one.fd === first) return act(first, second)
    // Opening the other has closed the one, which the ring must not do again.
    const reopened = this.fd(one)
    if (reopened < 0) return reopened
    this.#remove(this.#ring.indexOf(one))
    const again = this.fd(other)
    const result = again < 0 ? again : act(reopened, again)
    this.#keep(one)
    return result
  }

  /** 0, or -EMFILE where no more can be kept of what has no name. */
  get room(): number {
    return this.#removed < this.#removedMax ? 0 : -errno.EMFILE
  }

  /**
   * Keeps the descriptor of a directory that is about to lose its name until `drop`, as far as
   * there is room: else `Node.unreachable` says what comes of it.
   */
  pin(node: Node): void {
    if (node === this.#root) return
    const fd = this.fd(node)
    if (fd < 0 || this.room < 0) {
      node.unreachable = fd < 0 ? fd : this.room
      return
    }
    const at = this.#ring.indexOf(node)
    if (at < 0) return
    this.#remove(at)
    this.#removed++
  }

  /** The directory has kept its name after all. */
  unpin(node: Node): void {
    if (node.fd < 0 || node === this.#root || this.#ring.includes(node)) return
    this.#keep(node)
    this.#removed--
  }

  /** The same as `pin` for what is no directory: `fd` is its descriptor, or -errno. */
  hold(node: Node, fd: number): void {
    if (fd < 0) {
      node.unreachable = fd
      return
    }
    node.fd = fd
    this.#removed++
  }

  /**
   * Takes over the descriptor of an open file that is closed, where the file has no name and the
   * kernel goes on referring to it (for O_PATH descriptors, say). Says whether it did.
   */
  inherit(node: Node, fd: number): boolean {
    if (node.entries.length > 0 || node.files.length > 0 || node.fd >= 0) return false
    if (node.lookups === 0 || node.nlink > 0) return false
    this.hold(node, this.room || fd)
    return node.fd >= 0
  }

  /** Closes a node's descriptor, where it has one. */
  drop(node: Node): void {
    if (node.fd < 0 || node === this.#root) return
    const at = node.type === S_IFDIR ? this.#ring.indexOf(node) : -1
    if (at >= 0) this.#remove(at)
    else this.#removed--
    close(node.fd)
    node.fd = -1
  }

  // Up to the nearest open one, then down again: trees are deeper than a stack of calls should be.
  #open(node: Node): number {
    const way: Node[] = []
    let at: Node | undefined = node
    for (; at && at.fd < 0; at = at.entries[0]?.parent) way.push(at)
    if (!at) return way.at(-1)!.unreachable
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
