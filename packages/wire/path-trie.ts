// Values at paths, which follow what operations do to names: a rename moves what is at and below a
// path, however much that is, in a few steps.

import assert from 'node:assert'

/** One name in the trie: with a value, with names below it, or both. */
export interface TrieNode<V> {
  value: V | undefined
  /** Most have none, and none is a map for each of them. */
  children: Map<string, TrieNode<V>> | undefined
  parent: TrieNode<V> | undefined
  /** One unit for each byte. */
  name: string
  /** Where `first` is in the children: a map that loses its first ones is slow to begin anew. */
  turn: Turn<V> | undefined
}

interface Turn<V> {
  rest: Iterator<TrieNode<V>>
  next: TrieNode<V> | undefined
}

const slash = '/'

export class PathTrie<V> {
  readonly #root: TrieNode<V> = newNode('')

  /** The value at `path`. */
  get(path: Buffer): V | undefined {
    return this.#find(path)?.value
  }

  /** The value at `path`, or else the nearest one above it. */
  covering(path: Buffer): V | undefined {
    let node: TrieNode<V> | undefined = this.#root
    let value = node.value
    for (const name of names(path)) {
      node = node.children?.get(name)
      if (!node) break
      value = node.value ?? value
    }
    return value
  }

  /**
   * Whether any value at or above `path` says so; each is asked of the name that follows, which is
   * undefined at `path` itself.
   */
  some(path: Buffer, says: (value: V, name: string | undefined) => boolean): boolean {
    let node: TrieNode<V> | undefined = this.#root
    for (const name of names(path)) {
      if (node.value !== undefined && says(node.value, name)) return true
      node = node.children?.get(name)
      if (!node) return false
    }
    return node.value !== undefined && says(node.value, undefined)
  }

  /** Whether there is a value at or below `path`. */
  has(path: Buffer): boolean {
    const node = this.#find(path)
    return node !== undefined && (node.value !== undefined || hasChildren(node))
  }

  /** Gives `path` a value. The node is good for `pathOf` until that is removed. */
  set(path: Buffer, value: V): TrieNode<V> {
    const node = this.at(path)
    node.value = value
    return node
  }

  /** The node of `path`, for a value to be put there. */
  at(path: Buffer): TrieNode<V> {
    return this.#makeBelow(this.#root, names(path))
  }

  /** Takes the value of `path` away; what is below it stays. */
  clear(path: Buffer): void {
    const node = this.#find(path)
    if (!node || node.value === undefined) return
    node.value = undefined
    prune(node)
  }

  /** Takes away what is at and below `path`, which is not the root, for `put`. */
  take(path: Buffer): TrieNode<V> | undefined {
    const node = this.#find(path)
    if (!node) return undefined
    const { parent } = node
    assert(parent, 'the root has no other place')
    parent.children?.delete(node.name)
    node.parent = undefined
    prune(parent)
    return node
  }

  /** Puts what `take` gave in place of whatever is at and below `path`, which is not the root. */
  put(path: Buffer, taken: TrieNode<V> | undefined): void {
    this.take(path)
    if (!taken) return
    const all = [...names(path)]
    taken.name = all.pop() ?? ''
    adopt(this.#makeBelow(this.#root, all), taken)
  }

  /**
   * The first value, in the order of a walk from the top, and its path. What is below a value comes
   * before it where `isLater` says so.
   */
  first(isLater?: (value: V) => boolean): { path: Buffer; value: V } | undefined {
    let node = this.#root
    for (;;) {
      const { value } = node
      const next = value !== undefined && !isLater?.(value) ? undefined : nextOf(node)
      if (next) node = next
      else return value === undefined ? undefined : { path: pathOf(node), value }
    }
  }

  #find(path: Buffer): TrieNode<V> | undefined {
    let node: TrieNode<V> | undefined = this.#root
    for (const name of names(path)) {
      node = node.children?.get(name)
      if (!node) return undefined
    }
    return node
  }

  #makeBelow(top: TrieNode<V>, all: Iterable<string>): TrieNode<V> {
    let node = top
    for (const name of all) {
      let next = node.children?.get(name)
      if (!next) adopt(node, (next = newNode(name)))
      node = next
    }
    return node
  }
}

/** Where a node is now. */
export function pathOf<V>(node: TrieNode<V>): Buffer {
  const all: string[] = []
  for (let at = node; at.parent; at = at.parent) all.push(at.name)
  return Buffer.from(all.reverse().join(slash), 'latin1')
}

function newNode<V>(name: string): TrieNode<V> {
  return {
    value: undefined,
    children: undefined,
    parent: undefined,
    name: own(name),
    turn: undefined,
  }
}

// The first child that is still there.
function nextOf<V>(node: TrieNode<V>): TrieNode<V> | undefined {
  const { children } = node
  if (!children) return undefined
  const turn = (node.turn ??= { rest: children.values(), next: undefined })
  if (turn.next?.parent === node) return turn.next
  const { value, done } = turn.rest.next()
  if (done !== true) return (turn.next = value)
  // What came behind its end begins another turn.
  turn.rest = children.values()
  const again = turn.rest.next()
  return (turn.next = again.done === true ? undefined : again.value)
}

function adopt<V>(parent: TrieNode<V>, node: TrieNode<V>): void {
  parent.children ??= new Map()
  parent.children.set(node.name, node)
  node.parent = parent
}

// A name without value and names below it is of no use.
function prune<V>(node: TrieNode<V>): void {
  for (let at = node; at.parent && at.value === undefined && !hasChildren(at);) {
    const { parent } = at
    parent.children?.delete(at.name)
    at.parent = undefined
    at = parent
  }
}

// V8 keeps all of a string for a part that is as long as this.
const keepsAll = 13
const own = (name: string) =>
  name.length < keepsAll ? name : Buffer.from(name, 'latin1').toString('latin1')

const hasChildren = <V>({ children }: TrieNode<V>) => children !== undefined && children.size > 0

const names = (path: Buffer): string[] =>
  path.length === 0 ? [] : path.toString('latin1').split(slash)
