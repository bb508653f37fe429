// A tree as a model: what operations and statements make of it, with nothing but names, links and
// two cells of content to each file.

import type { Body } from '#wire'
import { renameFlag } from '#wire'

/** A file: what each half of it holds. Names of one object are links. */
export interface ModelFile {
  cells: [string, string]
  /** As of an inode. */
  readonly key: string
}

export type ModelNode = ModelFile | ModelDirectory
export type ModelDirectory = Map<string, ModelNode>

export const isDirectory = (node: ModelNode | undefined): node is ModelDirectory =>
  node instanceof Map

let inodes = 0

export const newFile = (...cells: [string, string]): ModelFile => ({ cells, key: `${++inodes}` })

const split = (path: Buffer): string[] =>
  path.length === 0 ? [] : path.toString('latin1').split('/')

/** The trees behind the two ends of the stream. A source refuses, a copy makes do. */
export class ModelTree {
  readonly root: ModelDirectory = new Map()

  at(path: Buffer): ModelNode | undefined {
    let node: ModelNode | undefined = this.root
    for (const name of split(path)) node = isDirectory(node) ? node.get(name) : undefined
    return node
  }

  /** The directory of `path`, made where it is missing, and the name there. */
  place(path: Buffer): { directory: ModelDirectory; name: string } {
    const names = split(path)
    const name = names.pop() ?? ''
    let directory = this.root
    for (const one of names) {
      let next = directory.get(one)
      if (!isDirectory(next)) directory.set(one, (next = new Map()))
      directory = next
    }
    return { directory, name }
  }

  set(path: Buffer, node: ModelNode | undefined): void {
    const { directory, name } = this.place(path)
    if (node) directory.set(name, node)
    else directory.delete(name)
  }

  /** Names of the file, wherever they are. */
  linksOf(file: ModelFile): number {
    const count = (directory: ModelDirectory): number =>
      [...directory.values()].reduce(
        (sum, node) => sum + (isDirectory(node) ? count(node) : node === file ? 1 : 0),
        0,
      )
    return count(this.root)
  }

  write(path: Buffer, cell: 0 | 1, value: string): void {
    let node = this.at(path)
    if (!node || isDirectory(node)) this.set(path, (node = newFile('', '')))
    node.cells[cell] = value
  }

  link({ path, newPath }: Body<'link'>): void {
    const node = this.at(path)
    if (node && !isDirectory(node)) this.set(newPath, node)
  }

  /** Names of one file stay both, but where that is only so `here`. */
  rename({ path, newPath, flags }: Body<'rename'>, here = false): void {
    const [one, other] = [this.at(path), this.at(newPath)]
    if (one && one === other && here && !flags) this.set(path, undefined)
    if (!one && here) {
      // What it would have replaced may be a link to something else.
      this.set(newPath, undefined)
      if (flags === renameFlag.EXCHANGE) this.set(path, other)
    }
    if (!one || one === other) return
    this.set(path, flags === renameFlag.EXCHANGE ? other : undefined)
    this.set(newPath, one)
  }

  unlink({ path }: Body<'unlink'>): void {
    this.set(path, undefined)
  }

  /** Whether they are the same in names, content and links. */
  equals(other: ModelTree): boolean {
    return this.#text(this.root) === this.#text(other.root)
  }

  text(): string {
    return this.#text(this.root)
  }

  #text(directory: ModelDirectory): string {
    const groups = new Map<ModelFile, number>()
    const show = (node: ModelNode): string => {
      if (isDirectory(node)) {
        const names = [...node.keys()].toSorted((a, b) => (a < b ? -1 : 1))
        return `{${names.map((name) => `${name}:${show(node.get(name)!)}`).join(' ')}}`
      }
      if (!groups.has(node)) groups.set(node, groups.size)
      return `${groups.get(node)}=${node.cells.join('')}`
    }
    return show(directory)
  }
}
