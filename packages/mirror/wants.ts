// Content that the mirror lacks, as hashes have shown: asked for piece by piece, by the names that
// its files have by now, until it has come.

import { randomInt } from 'node:crypto'
import { assertForm, PathTrie, pathOf, renameFlag } from '#wire'
import type { Body, OperationName, TrieNode } from '#wire'
import { carrying } from './carrying.js'
import { Few } from './few.js'
import { Pieces, type Piece } from './pieces.js'
import { Queue } from './queue.js'
import { isSame } from './want-assert.js'

/** What is asked for at once: pieces, and their bytes. */
const [outstandingMax, bytesMax] = [64, 16 << 20]
/** What a piece counts whose length nobody knows. */
const unknownBytes = 1 << 20
/** How long nothing may come before an answer is asked for again: twice as long each time. */
const [patienceMs, patienceMaxMs] = [10_000, 600_000]
/** After an answer that could not be given. */
const [pauseMs, pauseMaxMs] = [1000, 60_000]

/** A file, by all the names that are known to be its. */
interface Want {
  readonly pieces: Pieces<WantedPiece>
  readonly names: Few<Name>
  /** Pieces that are to be asked for; some may be no longer. */
  readonly queue: Queue<WantedPiece>
  isQueued: boolean
}

interface Name {
  readonly want: Want
  readonly node: TrieNode<Name>
}

interface WantedPiece extends Piece {
  readonly want: Want
  /** Requests that nothing has begun to answer. */
  requests: number[]
  /** The request that is being answered. */
  answered: number | undefined
  sinceMs: number
  /** How often it was asked for since the last answer; how often in a row that was none. */
  tries: number
  refusals: number
  isQueued: boolean
  isDone: boolean
}

interface Asked {
  readonly piece: WantedPiece
  readonly name: Name
  readonly body: Body<'want-assert'>
  /** The answer is about the file that was meant. */
  isMeant: boolean
}

/** Sends a request. False: not now. */
type Send = (body: Body<'want-assert'>) => boolean

export class Wants {
  /** The last known name of a file is gone; under another one it still lacks something. */
  isLost = false
  #trie = new PathTrie<Name>()
  #queue = new Queue<Want>()
  readonly #asked = new Map<number, Asked>()
  readonly #outstanding = new Set<WantedPiece>()
  readonly #refused = new Set<WantedPiece>()
  readonly #linksAt: (path: Buffer) => number
  #progressMs = 0

  /** `linksAt`: how many names the regular file at a path has here; 0 for none. */
  constructor(linksAt: (path: Buffer) => number = () => 1) {
    this.#linksAt = linksAt
  }

  get isEmpty(): boolean {
    return this.#asked.size === 0 && this.#trie.first() === undefined
  }

  /** `length` bytes from `offset` on of the file at `path`; 0: all of it. */
  want(path: Buffer, offset: number, length: number): void {
    const { want } = this.#trie.get(path) ?? this.#name(path, newWant())
    const found = want.pieces.at(offset)
    if (found) {
      // All of it is more than any part.
      if (found.length > 0) found.length = length === 0 ? 0 : Math.max(found.length, length)
      want.pieces.grown(found)
      return
    }
    const piece: WantedPiece = {
      want,
      offset,
      length,
      requests: [],
      answered: undefined,
      sinceMs: 0,
      tries: 0,
      refusals: 0,
      isQueued: false,
      isDone: false,
    }
    want.pieces.add(piece)
    this.#enqueue(piece)
  }

  /** So much of it has come. */
  got(path: Buffer, offset: number, length: number): void {
    const want = this.#trie.get(path)?.want
    if (want) this.#progressMs = performance.now()
    // A part of one is not enough: the rest may never come.
    for (const piece of want?.pieces.within(offset, length) ?? []) this.#finish(piece)
  }

  /** All of the file is right. */
  forget(path: Buffer): void {
    const want = this.#trie.get(path)?.want
    for (const piece of want?.pieces.overlapping(0, Infinity) ?? []) this.#finish(piece)
  }

  /** A name is about to mean nothing, or something else; so are those below it. */
  leave(path: Buffer): void {
    if (path.length === 0) return
    const taken = this.#trie.take(path)
    if (!taken) return
    // Where they are as long as their paths are asked for.
    this.#trie.put(path, taken)
    for (const name of valuesOf(taken)) this.#drop(name)
  }

  /** `newPath` is another name of the file at `path`. */
  join(path: Buffer, newPath: Buffer): void {
    const [one, other] = [this.#trie.get(path), this.#trie.get(newPath)]
    if (one !== undefined && one.want === other?.want) return
    this.leave(newPath)
    if (one && one.want.names.size > 0) this.#name(newPath, one.want)
  }

  /** `path` is about to be a file of its own, which lacks what the file has lacked until now. */
  split(path: Buffer): void {
    const name = this.#trie.get(path)
    if (!name || name.want.names.size === 1) return
    const { pieces, names } = name.want
    names.delete(name)
    this.#trie.clear(path)
    for (const { offset, length } of pieces.overlapping(0, Infinity))
      this.want(path, offset, length)
  }

  /** An operation of the stream that is to be done; `isOut`: what is there the mirror has not. */
  follow<K extends OperationName>(name: K, body: Body<K>, isOut?: (path: Buffer) => boolean): void {
    if (!carrying.has(name) || this.#trie.first() === undefined) return
    if (name === 'unlink' || name === 'rmdir') this.leave((body as Body<'unlink'>).path)
    if (name === 'copy') this.#copy(body as Body<'copy'>)
    if (name === 'rename') this.#rename(body as Body<'rename'>, isOut)
    if (name !== 'link') return
    const { path, newPath } = body as Body<'link'>
    if (isOut?.(newPath) !== true) this.join(path, newPath)
  }

  /** Asks for what is wanted, as far as that may be asked for at once. */
  ask(send: Send): void {
    const now = performance.now()
    for (const piece of this.#outstanding)
      if (this.#isLate(piece, now) && !this.#askFor(piece, send, now)) return
    for (const piece of this.#refused) {
      if (now - piece.sinceMs < Math.min(pauseMaxMs, pauseMs * 2 ** (piece.refusals - 1))) continue
      this.#refused.delete(piece)
      this.#enqueue(piece)
    }
    let bytes = 0
    for (const { length } of this.#outstanding) bytes += length || unknownBytes
    while (this.#outstanding.size < outstandingMax && bytes < bytesMax) {
      const piece = this.#next()
      if (!piece || !this.#askFor(piece, send, now)) return
      piece.want.queue.shift()
      piece.isQueued = false
      bytes += piece.length || unknownBytes
    }
  }

  /** Nothing is wanted, and no answer counts. */
  clear(): void {
    this.isLost = false
    this.#trie = new PathTrie()
    this.#queue = new Queue()
    this.#asked.clear()
    this.#outstanding.clear()
    this.#refused.clear()
  }

  /** Nothing that was asked for will be answered. */
  askAgain(): void {
    this.#asked.clear()
    for (const piece of [...this.#outstanding, ...this.#refused]) {
      piece.requests = []
      piece.answered = undefined
      this.#enqueue(piece)
    }
    this.#outstanding.clear()
    this.#refused.clear()
  }

  /** Whether an assertion that has begun is the answer to a question of ours. */
  isAsked(id: number): boolean {
    return this.#asked.get(id)?.piece.answered === id
  }

  /** Whether what begins is the answer to a question of ours: each is answered once. */
  begins(body: Body<'assert-begin'>): boolean {
    const asked = this.#asked.get(body.id)
    if (!asked || asked.piece.answered !== undefined || !isSame(asked.body, body)) return false
    const { piece, name } = asked
    for (const other of piece.requests) if (other !== body.id) this.#asked.delete(other)
    piece.requests = []
    piece.answered = body.id
    piece.tries = 0
    asked.isMeant = isThere(name) && pathOf(name.node).equals(asked.body.path)
    this.#progressMs = performance.now()
    return true
  }

  /** The answer is over; `isGiven`: and was one. */
  ends(id: number, isGiven: boolean): void {
    const asked = this.#asked.get(id)
    if (asked?.piece.answered !== id) return
    const { piece, name, isMeant, body } = asked
    this.#progressMs = performance.now()
    this.#asked.delete(id)
    this.#outstanding.delete(piece)
    piece.answered = undefined
    const isAll = body.length === 0 || (piece.length > 0 && piece.length <= body.length)
    // Whatever it has said of that place is so, also that the file ends before it.
    if (isGiven && isMeant && isThere(name) && isAll) return this.#finish(piece)
    piece.refusals = isGiven ? 0 : piece.refusals + 1
    if (isGiven) this.#enqueue(piece)
    else if (!piece.isDone) {
      piece.sinceMs = this.#progressMs
      this.#refused.add(piece)
    }
  }

  #name(path: Buffer, want: Want): Name {
    const node = this.#trie.at(path)
    const name = { want, node }
    node.value = name
    want.names.add(name)
    return name
  }

  #drop(name: Name): void {
    const path = pathOf(name.node)
    const { want } = name
    want.names.delete(name)
    if (want.names.size === 0 && want.pieces.size > 0) {
      this.isLost ||= this.#linksAt(path) > 1
      for (const piece of want.pieces.overlapping(0, Infinity)) this.#finish(piece)
    }
    this.#trie.clear(path)
  }

  #finish(piece: WantedPiece): void {
    const { want } = piece
    piece.isDone = true
    want.pieces.delete(piece)
    this.#refused.delete(piece)
    if (want.pieces.size > 0) return
    for (const { node } of want.names) this.#trie.clear(pathOf(node))
    want.names.clear()
  }

  // What is made of something wrong is wrong as well.
  #copy({ from, path, fromOffset, offset, length }: Body<'copy'>): void {
    for (const piece of this.#trie.get(from)?.want.pieces.overlapping(fromOffset, length) ?? []) {
      const isAll = piece.length === 0
      const start = isAll ? fromOffset : Math.max(fromOffset, piece.offset)
      const end = fromOffset + length
      const stop = isAll ? end : Math.min(end, piece.offset + piece.length)
      this.want(path, offset + start - fromOffset, stop - start)
    }
  }

  #rename({ path, newPath, flags }: Body<'rename'>, isOut?: (path: Buffer) => boolean): void {
    const isExchange = flags === renameFlag.EXCHANGE
    if (isOut) this.#leaveTo(path, newPath, isOut)
    if (isOut && isExchange) this.#leaveTo(newPath, path, isOut)
    if (!isExchange) this.leave(newPath)
    const taken = this.#trie.take(path)
    if (isExchange) this.#trie.put(path, this.#trie.take(newPath))
    this.#trie.put(newPath, taken)
  }

  // What goes where the mirror has nothing is gone.
  #leaveTo(from: Buffer, to: Buffer, isOut: (path: Buffer) => boolean): void {
    const taken = this.#trie.take(from)
    if (!taken) return
    this.#trie.put(from, taken)
    for (const name of valuesOf(taken)) {
      const below = pathOf(name.node).subarray(from.length)
      if (isOut(Buffer.concat([to, below]))) this.#drop(name)
    }
  }

  // While others of what is wanted come it will, too. Its answer is taken even when it is late.
  #isLate(piece: WantedPiece, now: number): boolean {
    if (piece.answered !== undefined) return false
    if (piece.isDone) {
      for (const id of piece.requests) this.#asked.delete(id)
      this.#outstanding.delete(piece)
      return false
    }
    const waitedMs = now - Math.max(piece.sinceMs, this.#progressMs)
    return waitedMs >= Math.min(patienceMaxMs, patienceMs * 2 ** (piece.tries - 1))
  }

  #enqueue(piece: WantedPiece): void {
    const { want } = piece
    if (piece.isDone || piece.isQueued) return
    piece.isQueued = true
    want.queue.push(piece)
    if (want.isQueued) return
    want.isQueued = true
    this.#queue.push(want)
  }

  // The next piece that nothing is under way for: one file after the other.
  #next(): WantedPiece | undefined {
    for (let want = this.#queue.first; want; want = this.#queue.first) {
      for (let piece = want.queue.first; piece; piece = want.queue.first) {
        if (!piece.isDone) return piece
        piece.isQueued = false
        want.queue.shift()
      }
      this.#queue.shift()
      want.isQueued = false
    }
    return undefined
  }

  #askFor(piece: WantedPiece, send: Send, now: number): boolean {
    const { want, offset, length } = piece
    const [name] = want.names
    if (!name) return false
    const path = pathOf(name.node)
    const id = randomInt(1, 2 ** 32)
    const body = { id, depth: 0, form: assertForm.DATA, offset, length, path }
    if (!send(body)) return false
    piece.sinceMs = now
    piece.tries++
    piece.requests.push(id)
    this.#outstanding.add(piece)
    this.#asked.set(id, { piece, name, body, isMeant: false })
    return true
  }
}

const newWant = (): Want => ({
  pieces: new Pieces(),
  names: new Few(),
  queue: new Queue(),
  isQueued: false,
})

const isThere = (name: Name) => name.want.names.has(name)

function valuesOf<V>(node: TrieNode<V>): V[] {
  const below = [...(node.children?.values() ?? [])].flatMap((child) => valuesOf(child))
  return node.value === undefined ? below : [node.value, ...below]
}
