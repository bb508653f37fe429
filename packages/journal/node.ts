// One inode of the store that the kernel or we know: an inode, never a path. It has the names under
// which it is known now, none (unlinked, or never named), or several (hard links).

import { errno } from '#posix'
import type { OpenFile } from './open-file.js'

/** Device and inode number. */
export type InodeKey = number | string

/** A name of a node: where it stands in a directory. */
export interface Entry {
  parent: Node
  /** Bytes of its own. */
  name: Buffer
  /** The name as a key: each byte one UTF-16 unit. */
  key: string
  readonly node: Node
}

export class Node {
  /** The kernel's nodeid; 1 is the root. Never used twice. */
  readonly id: number
  /** Device and inode number, as the table's key. */
  readonly key: InodeKey
  /** S_IFDIR and so on. */
  readonly type: number
  /** What the kernel has to give back in FORGET. */
  lookups = 0
  /** As of the last look; the mount is the only writer, so it stays right. */
  nlink = 0
  readonly entries: Entry[] = []
  readonly children: Map<string, Entry> = new Map()
  /** An O_PATH descriptor, while one is kept: a directory's, a nameless file's; else -1. */
  fd = -1
  /** What is answered for it where it has neither a name nor a descriptor: -errno. */
  unreachable = -errno.ENOENT
  /** Since the cache of descriptors passed by last. */
  fdUsed = false
  readonly files: OpenFile[] = []
  /** The path for messages, valid in `pathGeneration`; undefined: is not journalled. */
  path: Buffer | undefined
  pathGeneration = -1
  /** When the store was last searched for a name of it, in vain. */
  searchedGeneration = -1

  constructor(id: number, key: InodeKey, type: number) {
    this.id = id
    this.key = key
    this.type = type
  }
}
