// Paths that may be wrong here until the source has stated them, by the names that they have now.
// What is at and below them need not fit the stream meanwhile.

import { S_IFMT, S_IFREG } from '#posix'
import { content, PathTrie, renameFlag, type Body, type OperationName } from '#wire'
import { carrying } from './carrying.js'
import type { Statement } from './assertions-options.js'
import { isSame } from './want-assert.js'

/** Statements that are asked for at once. */
const askedMax = 32

/** How long an answer may take to begin, at first. */
const [patienceMs, patienceMaxMs] = [10_000, 600_000]

/** After what could not be stated: twice as long each time, and so many times what that took. */
const [pauseMs, pauseMaxMs, pauseTimes] = [2000, 60_000, 10]

const slash = 0x2f

interface Held {
  /** With all below it; otherwise its own attributes are what matters. */
  readonly isDeep: boolean
  /** What it is to settle, wherever that has gone since. */
  readonly held: PathTrie<boolean>
}

interface Asked extends Held {
  readonly request: Body<'want-assert'>
  hasBegun: boolean
  readonly atMs: number
}

export class Doubts {
  #waiting = new PathTrie<boolean>()
  // Directories whose attributes alone may be wrong.
  #flat = new PathTrie<boolean>()
  readonly #asked = new Map<number, Asked>()
  // What could not be stated, and until when it is not asked for.
  readonly #paused = new Map<Held, number>()
  #failures = 0
  #waitMs = patienceMs
  // Since then something was asked for that has not begun.
  #givenMs = -Infinity

  /** Nothing is, and nothing is asked for. */
  get isEmpty(): boolean {
    if (this.#asked.size > 0) return false
    for (const trie of this.#tries()) if (trie.first()) return false
    return true
  }

  /** Nothing is asked for. */
  get isIdle(): boolean {
    return this.#asked.size === 0
  }

  /** One of those that wait. */
  get first(): Buffer | undefined {
    const next = this.#waiting.first() ?? this.#flat.first()
    const asked = this.#asked.values().next().value?.request.path
    const paused = this.#paused.keys().next().value?.held.first()
    return next?.path ?? asked ?? paused?.path
  }

  /** `isListed`: the list of suspects has it. */
  add(path: Buffer, isListed: boolean): void {
    this.#waiting.set(path, isListed || this.#waiting.get(path) === true)
    if (path.length === 0) return
    // Who removes or makes a name changes its directory's time.
    const above = path.subarray(0, Math.max(0, path.lastIndexOf(slash)))
    if (this.#waiting.covering(above) === undefined) this.#flat.set(above, isListed)
  }

  /** Whether what is at `path` will be stated; undefined: not; false: nobody has listed that. */
  covering(path: Buffer): boolean | undefined {
    let found = this.#waiting.covering(path)
    for (const { held, isDeep } of [...this.#asked.values(), ...this.#paused.keys()])
      if (isDeep) found ||= held.covering(path) ?? found
    return found
  }

  /** All there is is being stated; so will be what is below a directory from here on. */
  stated({ name, body }: Statement): void {
    if (name === 'assert-data' || this.isEmpty) return
    const { path } = body
    if (name === 'assert-dir') {
      if (body.after.length > 0) return
      if (path.length > 0) return this.#waitsNot(path)
      this.#waiting = new PathTrie()
      this.#flat = new PathTrie()
      this.#paused.clear()
      return
    }
    // Its content came before.
    const isEnd = name === 'assert-file' && body.content === content.STATED
    if (isEnd && (body.mode & S_IFMT) === S_IFREG && body.linkOf.length === 0) return
    this.#waitsNot(path)
  }

  #waitsNot(path: Buffer): void {
    this.#waiting.take(path)
    this.#flat.take(path)
    for (const { held } of this.#paused.keys()) if (path.length > 0) held.take(path)
  }

  /** Nothing is in doubt. */
  clear(): void {
    this.#waiting = new PathTrie()
    this.#flat = new PathTrie()
    this.#asked.clear()
    this.#paused.clear()
  }

  /** Asks for what waits; `ask` gives the request, or says that it cannot now. */
  ask(ask: (path: Buffer, isDeep: boolean) => Body<'want-assert'> | undefined): void {
    while (this.#asked.size < askedMax) {
      const isDeep = this.#waiting.first() !== undefined
      const trie = isDeep ? this.#waiting : this.#flat
      const next = trie.first()
      const request = next && ask(next.path, isDeep)
      if (!next || !request) return
      const { path, value } = next
      const held = new PathTrie<boolean>()
      held.set(path, value)
      trie.clear(path)
      this.#asked.set(request.id, {
        request,
        isDeep,
        hasBegun: false,
        held,
        atMs: performance.now(),
      })
    }
  }

  /** Whether an assertion that has begun was asked for. */
  isAsked(id: number): boolean {
    return this.#asked.get(id)?.hasBegun === true
  }

  /** It was asked for the attributes of a directory alone. */
  isFlat(id: number): boolean {
    return this.#asked.get(id)?.isDeep === false
  }

  /** Whether what begins was asked for. */
  begins(body: Body<'assert-begin'>): boolean {
    const asked = this.#asked.get(body.id)
    if (!asked || asked.hasBegun || !isSame(asked.request, body)) return false
    asked.hasBegun = true
    this.#given()
    // It is not stated where it is now.
    if (asked.held.get(asked.request.path) === undefined) this.#putBack(asked)
    return true
  }

  /** All that was asked for is stated, or could not be. */
  ends(id: number, isStated: boolean): void {
    const asked = this.#asked.get(id)
    if (!asked) return
    this.#asked.delete(id)
    if (!isStated || !asked.hasBegun) this.#putBack(asked)
    else if (asked.isDeep && this.#paused.size === 0) this.#failures = 0
  }

  /** What was asked for could not be stated: it is asked for again, ever later. */
  fails(id: number): void {
    const asked = this.#asked.get(id)
    if (!asked) return
    this.#asked.delete(id)
    // What fails together counts once.
    if (this.#paused.size === 0) this.#failures++
    const now = performance.now()
    const waitMs = Math.min(pauseMaxMs, pauseMs * 2 ** (this.#failures - 1))
    const { isDeep, held, atMs } = asked
    this.#paused.set({ isDeep, held }, now + Math.max(waitMs, (now - atMs) * pauseTimes))
  }

  /**
   * What has not begun for so long is asked for anew, the next time after twice as long; and what
   * could not be stated.
   */
  giveUp(): void {
    const now = performance.now()
    for (const [held, untilMs] of this.#paused) {
      if (now < untilMs) continue
      this.#paused.delete(held)
      this.#putBack(held)
    }
    const late = [...this.#asked].filter(
      ([, { hasBegun, atMs }]) => !hasBegun && now - Math.max(atMs, this.#givenMs) >= this.#waitMs,
    )
    for (const [id] of late) this.ends(id, false)
    if (late.length > 0) this.#waitMs = Math.min(patienceMaxMs, this.#waitMs * 2)
  }

  #given(): void {
    this.#waitMs = patienceMs
    this.#givenMs = performance.now()
  }

  /** Nothing that was asked for will come. */
  restart(): void {
    for (const id of this.#asked.keys()) this.ends(id, false)
  }

  /** An operation of the stream, before it is applied: what that brings into doubt comes later. */
  follow<K extends OperationName>(name: K, body: Body<K>): void {
    if (!carrying.has(name) || this.isEmpty) return
    if (name === 'unlink' || name === 'rmdir') this.#forget((body as Body<'unlink'>).path)
    if (name === 'link') this.#passOn((body as Body<'link'>).path, (body as Body<'link'>).newPath)
    if (name === 'copy') this.#passOn((body as Body<'copy'>).from, (body as Body<'copy'>).path)
    if (name === 'rename') this.#rename(body as Body<'rename'>)
  }

  // What is made of something wrong is wrong as well. What is being stated is in good hands.
  #passOn(from: Buffer, to: Buffer): void {
    let isListed = this.#waiting.covering(from)
    for (const { held, isDeep, hasBegun } of this.#asked.values())
      if (isDeep && !hasBegun) isListed ??= held.covering(from)
    for (const { held, isDeep } of this.#paused.keys()) if (isDeep) isListed ??= held.covering(from)
    if (isListed !== undefined) this.add(to, isListed)
  }

  #rename({ path, newPath, flags }: Body<'rename'>): void {
    const isExchange = flags === renameFlag.EXCHANGE
    const [one, other] = [this.#waiting.covering(path), this.#waiting.covering(newPath)]
    const isFile = this.#waiting.get(path) !== undefined
    for (const trie of this.#tries()) {
      const moved = trie.take(path)
      if (isExchange) trie.put(path, trie.take(newPath))
      trie.put(newPath, moved)
    }
    if (one !== undefined) this.add(newPath, one)
    if (isExchange && other !== undefined) this.add(path, other)
    // It may have been another name of the same file, and still be there.
    else if (isFile && one !== undefined) this.add(path, one)
  }

  #forget(path: Buffer): void {
    for (const trie of this.#tries()) trie.take(path)
  }

  *#tries(): Generator<PathTrie<boolean>> {
    yield this.#waiting
    yield this.#flat
    for (const { held } of this.#asked.values()) yield held
    for (const { held } of this.#paused.keys()) yield held
  }

  #putBack({ held, isDeep }: Held): void {
    for (let next = held.first(); next; next = held.first()) {
      held.clear(next.path)
      if (isDeep) this.add(next.path, next.value)
      else this.#flat.set(next.path, next.value)
    }
  }
}
