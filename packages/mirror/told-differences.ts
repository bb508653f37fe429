// Which differences of one assertion were told. Each is told once, though a file is stated twice
// where its content is a matter of its own; and nothing of what is below a missing directory, or
// of what is something else than it should be.

import { PathTrie, renameFlag, type Body, type OperationName } from '#wire'

/** Missing directories that are known; names below others are told one by one. */
const absentMax = 65_536
/** Files whose statement may not be complete. */
const filesMax = 256

const gone: ReadonlySet<OperationName> = new Set(['unlink', 'rmdir', 'mkdir'] as const)

export class ToldDifferences {
  #absent = new PathTrie<true>()
  #absentCount = 0
  #told = new PathTrie<Set<string>>()
  #toldCount = 0

  /** Whether it is to be told: now it is. */
  isNew(path: Buffer, what: string): boolean {
    if (this.#absent.covering(path)) return false
    if (what === 'extra') return true
    const told = this.#told.get(path) ?? this.#begin(path)
    if (told.has('missing') || told.has('type') || told.has(what)) return false
    // Each place of a content is stated once.
    if (what !== 'content' && what !== 'hole') told.add(what)
    return true
  }

  /** There is no directory at `path`, where one should be. */
  isAbsent(path: Buffer): void {
    if (this.#absentCount >= absentMax || path.length === 0) return
    this.#absentCount++
    this.#absent.set(path, true)
  }

  /** An operation of the stream. */
  follow<K extends OperationName>(name: K, body: Body<K>): void {
    const tries: PathTrie<unknown>[] = [this.#absent, this.#told]
    if (gone.has(name)) for (const trie of tries) trie.take((body as Body<'unlink'>).path)
    if (name !== 'rename') return
    const { path, newPath, flags } = body as Body<'rename'>
    for (const trie of tries) {
      const taken = trie.take(path)
      if (flags === renameFlag.EXCHANGE) trie.put(path, trie.take(newPath))
      trie.put(newPath, taken)
    }
  }

  #begin(path: Buffer): Set<string> {
    if (this.#toldCount++ >= filesMax) {
      this.#told = new PathTrie()
      this.#toldCount = 1
    }
    const told = new Set<string>()
    this.#told.set(path, told)
    return told
  }
}
