// Which name of an inode a copy has already, for an inode of which another name comes into view.

import { S_IFDIR, type Stat } from '#posix'
import type { JournalContext } from './journal-context.js'
import { isAtOrBelow } from './tree.js'
import { walk } from './walk.js'

/** A place that has just got what it has: from another place, or from nowhere in view. */
export interface Move {
  readonly from: Buffer | undefined
  readonly to: Buffer
}

const top = Buffer.alloc(0)

export class LinkSources {
  readonly #context: JournalContext
  readonly #moves: readonly Move[]
  /** Paths by inode: those announced, and after a walk those that were there before. */
  readonly #paths = new Map<string, Buffer>()
  #hasWalked = false

  constructor(context: JournalContext, moves: readonly Move[]) {
    this.#context = context
    this.#moves = moves
  }

  /** A path that the copy has of the inode in `stat`; undefined for none; or -errno. */
  find(stat: Stat): Buffer | undefined | number {
    const announced = this.#paths.get(idOf(stat))
    if (announced) return announced
    const { tree } = this.#context
    const node = tree.nodes.find(stat)
    for (const { parent, name } of node?.entries ?? []) {
      const path = tree.childPath(parent, name, stat.type)
      if (path && this.#isThere(path, stat.type)) return path
    }
    // Others only where there are names that nobody has looked up.
    if (this.#hasWalked || (node && node.entries.length >= stat.nlink)) return undefined
    const e = this.#walk()
    return e < 0 ? e : this.#paths.get(idOf(stat))
  }

  announced(stat: Stat, path: Buffer): void {
    if (stat.nlink > 1) this.#paths.set(idOf(stat), path)
  }

  #walk(): number {
    const { tree } = this.#context
    const e = walk(tree.rootFd, top, {
      enter: (_dirfd, _name, path, stat) => {
        if (tree.isReservedPath(path) || tree.isExcluded(path, stat.type)) return false
        if (stat.type === S_IFDIR || stat.nlink < 2) return true
        const id = idOf(stat)
        if (!this.#paths.has(id) && this.#isThere(path, stat.type)) this.#paths.set(id, path)
        return true
      },
    })
    this.#hasWalked = e === 0
    return e
  }

  // What lies where something was moved to is there if it was in view before.
  #isThere(path: Buffer, type: number): boolean {
    for (const { from, to } of this.#moves) {
      if (!isAtOrBelow(path, to)) continue
      if (!from) return false
      const before = Buffer.concat([from, path.subarray(to.length)])
      return !this.#context.tree.isOutside(before, type)
    }
    return true
  }
}

const idOf = ({ devMajor, devMinor, inoHigh, inoLow }: Stat) =>
  `${devMajor}:${devMinor}:${inoHigh}:${inoLow}`
