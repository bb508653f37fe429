// What the kernel has open on the mount, by the number (fh) that it was given.

import { errno } from '#posix'
import type { Node } from './node.js'

/** An open file or directory of the store. */
export interface OpenFile {
  readonly fd: number
  readonly node: Node
  /** It may be written to, through mmap too. */
  readonly isWritable: boolean
  /** Of a directory: the position (d_off) at which `fd` stands; undefined where that is unknown. */
  position: { low: number; high: number } | undefined
}

/** Open files by fh. */
export class OpenFiles {
  readonly #limit: number
  readonly #slots: (OpenFile | undefined)[] = []
  readonly #free: number[] = []

  constructor(limit: number) {
    this.#limit = limit
  }

  /** 0, or -EMFILE where there is no room for another. To be asked before one is opened. */
  get room(): number {
    return this.size < this.#limit ? 0 : -errno.EMFILE
  }

  get size(): number {
    return this.#slots.length - this.#free.length
  }

  add(file: OpenFile): number {
    const fh = this.#free.pop() ?? this.#slots.length
    this.#slots[fh] = file
    file.node.files.push(file)
    return fh
  }

  /** The nodes of those that may be written to, each once. */
  written(): Set<Node> {
    const nodes = new Set<Node>()
    for (const file of this.#slots) if (file?.isWritable) nodes.add(file.node)
    return nodes
  }

  get(fh: number): OpenFile | undefined {
    return this.#slots[fh]
  }

  remove(fh: number): OpenFile | undefined {
    const file = this.#slots[fh]
    if (!file) return undefined
    this.#slots[fh] = undefined
    this.#free.push(fh)
    const { files } = file.node
    files.splice(files.indexOf(file), 1)
    return file
  }
}

/** What a request on an fh that is not open is answered. */
export const notOpen = -errno.EBADF
