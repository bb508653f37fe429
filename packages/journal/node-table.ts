// All nodes: by the kernel's number, and by device and inode number so that hard links share one.

import { S_IFDIR, type Stat } from '#posix'
import type { Device } from '#fuse'
import { Node, type Entry, type InodeKey } from './node.js'

/** What tells an inode from others. */
export type Inode = Pick<Stat, 'inoLow' | 'inoHigh' | 'devMajor' | 'devMinor'>

export const keyOf = (name: Buffer): string => name.toString('latin1')

export class NodeTable {
  readonly root: Node
  /** The root's. */
  readonly device: Device
  readonly #byId = new Map<number, Node>()
  readonly #byKey = new Map<InodeKey, Node>()
  #nextId = 1
  /** Called where a node goes for good; its names still hold. */
  onGone: (node: Node) => void = () => {}

  constructor(root: Stat) {
    this.device = { major: root.devMajor, minor: root.devMinor }
    this.root = this.#make(this.keyOf(root), S_IFDIR)
    this.root.lookups = 1
  }

  get size(): number {
    return this.#byId.size
  }

  get(id: number): Node | undefined {
    return this.#byId.get(id)
  }

  /** The node of an inode as statx(2) shows it, made where there is none yet. */
  identify(stat: Stat): Node {
    const key = this.keyOf(stat)
    let node = this.#byKey.get(key)
    // Another type: the inode number was freed and used again, which only somebody who changes the
    // store behind the mount can bring about.
    if (!node || node.type !== stat.type) node = this.#make(key, stat.type)
    node.nlink = stat.nlink
    return node
  }

  /** The node of an inode, if there is one. */
  find(stat: Stat): Node | undefined {
    return this.#byKey.get(this.keyOf(stat))
  }

  /** Notes that `node` is what `name` in `parent` stands for. */
  place(node: Node, parent: Node, name: Buffer): void {
    const key = keyOf(name)
    const known = parent.children.get(key)
    if (known?.node === node) return
    if (known) this.displace(known)
    const entry: Entry = { parent, name: Buffer.from(name), key, node }
    parent.children.set(key, entry)
    node.entries.push(entry)
    node.pathGeneration = -1
    node.searchedGeneration = -1
  }

  /** Notes that a name is gone from its directory. */
  displace(entry: Entry): void {
    const { parent, node } = entry
    parent.children.delete(entry.key)
    node.entries.splice(node.entries.indexOf(entry), 1)
    node.pathGeneration = -1
    node.searchedGeneration = -1
    this.dropUnused(parent)
  }

  /** Notes that the inode is gone or going: its number may come back as another one's. */
  disown(node: Node): void {
    if (this.#byKey.get(node.key) === node) this.#byKey.delete(node.key)
  }

  /** Notes that the inode has a name (again). */
  own(node: Node): void {
    this.#byKey.set(node.key, node)
  }

  forget(id: number, lookups: number): void {
    const node = this.#byId.get(id)
    if (!node || node === this.root) return
    node.lookups = Math.max(0, node.lookups - lookups)
    this.dropUnused(node)
  }

  /** Lets go of a node that neither the kernel nor a child nor an open file refers to. */
  dropUnused(start: Node): void {
    const doubtful = [start]
    for (let node = doubtful.pop(); node; node = doubtful.pop()) {
      if (node.lookups > 0 || node.children.size > 0 || node.files.length > 0) continue
      if (node === this.root || !this.#byId.delete(node.id)) continue
      this.disown(node)
      this.onGone(node)
      for (const { parent, key } of node.entries) {
        parent.children.delete(key)
        doubtful.push(parent)
      }
    }
  }

  /** A number where one is exact, which is the common case by far. */
  keyOf(stat: Inode): InodeKey {
    const { major, minor } = this.device
    const { inoLow, inoHigh } = stat
    if (stat.devMinor === minor && stat.devMajor === major && inoHigh < 0x200000)
      return inoHigh * 0x100000000 + inoLow
    return `${stat.devMajor}:${stat.devMinor}:${inoHigh}:${inoLow}`
  }

  #make(key: InodeKey, type: number): Node {
    const node = new Node(this.#nextId++, key, type)
    this.#byId.set(node.id, node)
    this.#byKey.set(key, node)
    return node
  }
}
