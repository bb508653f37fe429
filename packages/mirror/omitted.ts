// Device nodes that this mirror was not allowed to make: by path, so that later messages about them
// are no surprise. Kept in .tfs/omitted as long as they are.

import { close, check, ftruncate, O_CREAT, O_RDWR, pread, pwrite } from '#posix'
import { isBelow } from './directories.js'
import { openPrivateFile, openPrivateFileIfThere } from './private-file.js'

/** More are not remembered; what the stream says of them then looks like a difference. */
const pathsMax = 65_536
const bytesMax = 4 << 20

export class Omitted {
  readonly #paths = new Set<string>()
  #bytes = 0
  readonly #directory: number
  readonly #shown: string

  /** Throws errno errors, and MirrorError where the list is not the mirror's own. */
  constructor(directory: number, stateShown: string) {
    this.#directory = directory
    this.#shown = `${stateShown}/omitted`
    this.#load()
  }

  get size(): number {
    return this.#paths.size
  }

  /** Keys are paths as latin1 strings, one unit for each byte. */
  has(key: string): boolean {
    return this.#paths.has(key)
  }

  add(key: string): void {
    if (this.#put(key)) this.#save()
  }

  delete(key: string): void {
    if (this.#drop(key)) this.#save()
  }

  /** What is at or below `tree` is something else by now, or gone. */
  deleteTree(tree: string): void {
    const { size } = this.#paths
    for (const key of this.#paths) if (isWithin(key, tree)) this.#drop(key)
    if (this.#paths.size < size) this.#save()
  }

  /** All is stated anew. */
  clear(): void {
    if (this.#paths.size === 0) return
    this.#empty()
    this.#save()
  }

  /** What was at `from` or below it is now at `to`; with `exchange` the other way round as well. */
  move(from: string, to: string, exchange: boolean): void {
    const moved = [...this.#paths].map((key) => {
      if (isWithin(key, from)) return to + key.slice(from.length)
      return exchange && isWithin(key, to) ? from + key.slice(to.length) : key
    })
    if (moved.every((key) => this.#paths.has(key))) return
    this.#empty()
    for (const key of moved) this.#put(key)
    this.#save()
  }

  // False: it is there, or there is no room.
  #put(key: string): boolean {
    const bytes = this.#bytes + key.length + 1
    if (this.#paths.has(key) || this.#paths.size >= pathsMax || bytes > bytesMax) return false
    this.#paths.add(key)
    this.#bytes = bytes
    return true
  }

  #drop(key: string): boolean {
    if (!this.#paths.delete(key)) return false
    this.#bytes -= key.length + 1
    return true
  }

  #empty(): void {
    this.#paths.clear()
    this.#bytes = 0
  }

  #load(): void {
    const fd = openPrivateFileIfThere(this.#directory, 'omitted', this.#shown)
    if (fd === undefined) return
    const parts: Buffer[] = []
    const part = Buffer.alloc(1 << 16)
    for (let at = 0; ;) {
      const n = check(pread(fd, part, 0, part.length, at), 'read', this.#shown)
      if (n === 0) break
      parts.push(Buffer.from(part.subarray(0, n)))
      at += n
    }
    close(fd)
    const text = Buffer.concat(parts).toString('latin1')
    for (const key of text.split('\0').slice(0, -1)) this.#put(key)
  }

  // Rare, and small: as a whole.
  #save(): void {
    const fd = openPrivateFile(this.#directory, 'omitted', this.#shown, O_RDWR | O_CREAT)
    const bytes = Buffer.from([...this.#paths].map((key) => `${key}\0`).join(''), 'latin1')
    try {
      for (let at = 0; at < bytes.length;)
        at += check(pwrite(fd, bytes, at, bytes.length - at, at), 'write', this.#shown)
      check(ftruncate(fd, bytes.length), 'ftruncate', this.#shown)
    } finally {
      close(fd)
    }
  }
}

const isWithin = (key: string, tree: string) => key === tree || isBelow(key, tree)
