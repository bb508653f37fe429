// Content that the mirror lacks, as hashes have shown: asked for piece by piece, by the paths that
// its files have by now, until it has come.

import { randomInt } from 'node:crypto'
import { assertForm, PathTrie, pathOf, renameFlag } from '#wire'
import type { Body, OperationName, TrieNode } from '#wire'

/** Pieces that are asked for at once. */
const outstandingMax = 64
/** How long an answer may take to begin. */
const patienceMs = 30_000

interface Want {
  /** Length of each piece by its offset. */
  readonly pieces: Map<number, number>
  isQueued: boolean
}

interface Asked {
  readonly node: TrieNode<Want>
  readonly path: Buffer
  readonly offset: number
  /** The answer is about the file that was meant. */
  isMeant: boolean
  hasBegun: boolean
  readonly sinceMs: number
}

/** Sends a request. False: not now. */
type Send = (body: Body<'want-assert'>) => boolean

export class Wants {
  readonly #trie = new PathTrie<Want>()
  readonly #queue: TrieNode<Want>[] = []
  readonly #asked = new Map<number, Asked>()

  get isEmpty(): boolean {
    return this.#asked.size === 0 && this.#trie.first() === undefined
  }

  want(path: Buffer, offset: number, length: number): void {
    const node = this.#trie.at(path)
    node.value ??= { pieces: new Map(), isQueued: false }
    node.value.pieces.set(offset, length)
    this.#enqueue(node)
  }

  got(path: Buffer, offset: number, length: number): void {
    const want = this.#trie.get(path)
    if (!want) return
    // A part of one is not enough: the rest may never come.
    for (const [at, size] of want.pieces)
      if (at >= offset && at + size <= offset + length) want.pieces.delete(at)
    if (want.pieces.size === 0) this.#trie.clear(path)
  }

  forget(path: Buffer): void {
    if (path.length > 0) this.#trie.take(path)
  }

  /** An operation of the stream. */
  follow<K extends OperationName>(name: K, body: Body<K>): void {
    if (name === 'unlink' || name === 'rmdir') this.forget((body as Body<'unlink'>).path)
    if (name !== 'rename') return
    const { path, newPath, flags } = body as Body<'rename'>
    const taken = this.#trie.take(path)
    if (flags === renameFlag.EXCHANGE) this.#trie.put(path, this.#trie.take(newPath))
    this.#trie.put(newPath, taken)
  }

  /** Asks for what is wanted, as far as that may be asked for at once. */
  ask(send: Send): void {
    for (const [id, { hasBegun, sinceMs, node }] of this.#asked) {
      if (hasBegun || performance.now() - sinceMs < patienceMs) continue
      this.#asked.delete(id)
      this.#enqueue(node)
    }
    while (this.#asked.size < outstandingMax) {
      const node = this.#queue[0]
      if (!node) return
      if (!this.#askFor(node, send)) return
    }
  }

  /** Nothing that was asked for will be answered. */
  askAgain(): void {
    for (const { node } of this.#asked.values()) this.#enqueue(node)
    this.#asked.clear()
  }

  /** Whether an assertion is the answer to a question of ours. */
  isAsked(id: number): boolean {
    return this.#asked.has(id)
  }

  begins(id: number): boolean {
    const asked = this.#asked.get(id)
    if (!asked) return false
    asked.hasBegun = true
    asked.isMeant = pathOf(asked.node).equals(asked.path)
    return true
  }

  /** The answer is over. */
  ends(id: number): void {
    const asked = this.#asked.get(id)
    if (!asked) return
    this.#asked.delete(id)
    const { node, offset, isMeant } = asked
    // Whatever it has said of that place is so, also that the file ends before it.
    if (isMeant) node.value?.pieces.delete(offset)
    if (node.value?.pieces.size === 0) this.#trie.clear(pathOf(node))
    this.#enqueue(node)
  }

  #enqueue(node: TrieNode<Want>): void {
    if (!node.value || node.value.isQueued || node.value.pieces.size === 0) return
    node.value.isQueued = true
    this.#queue.push(node)
  }

  // One after the other the pieces of a file that are not asked for yet. False: not now.
  #askFor(node: TrieNode<Want>, send: Send): boolean {
    const path = pathOf(node)
    const want = node.value
    const waiting = [...this.#asked.values()].filter((one) => one.node === node)
    const next =
      want && this.#trie.get(path) === want
        ? [...want.pieces].find(([offset]) => !waiting.some((one) => one.offset === offset))
        : undefined
    if (!next) {
      this.#queue.shift()
      if (want) want.isQueued = false
      return true
    }
    const [offset, length] = next
    const id = randomInt(1, 2 ** 32)
    if (!send({ id, depth: 0, form: assertForm.DATA, offset, length, path })) return false
    const sinceMs = performance.now()
    this.#asked.set(id, { node, path, offset, isMeant: false, hasBegun: false, sinceMs })
    return true
  }
}
