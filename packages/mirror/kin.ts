// Which names belong to one file, as far as that was said: a mirror that leaves names out needs it
// where a file has names on both sides of the edge. Kept in .tfs/kin, as a record of what was said.

import { check, close, ftruncate, O_APPEND, O_CREAT, O_RDWR, pread } from '#posix'
import { renameat2, write } from '#posix'
import { PathTrie, pathOf, renameFlag, type Body, type OperationName, type TrieNode } from '#wire'
import { openPrivateFile, openPrivateFileIfThere } from './private-file.js'

/** The names of one file. */
type Names = Set<TrieNode<Names>>

/** Bytes of the record, before it is written anew. */
const recordMax = 16 << 20
const appending = O_RDWR | O_CREAT | O_APPEND
const full =
  'knows of no further hard links across what is left out: what is written through their other ' +
  'names has to be found by --verify'

export interface KinOptions {
  /** The state's directory, and its path for people. */
  readonly directory: number
  readonly stateShown: string
  /** Whether the mirror has what is not a directory at a path. */
  readonly keeps: (path: Buffer) => boolean
  readonly say: (line: string) => void
  /** More names are not remembered. */
  readonly namesMax?: number
}

export class Kin {
  #trie = new PathTrie<Names>()
  readonly #groups = new Set<Names>()
  #size = 0
  #isFull = false
  #fd = -1
  #recorded = 0
  // The message that was recorded last.
  #last = ''
  readonly #namesMax: number
  readonly #options: KinOptions
  readonly #shown: string

  /** Throws errno errors, and MirrorError where the record is not the mirror's own. */
  constructor(options: KinOptions) {
    this.#options = options
    this.#shown = `${options.stateShown}/kin`
    this.#namesMax = options.namesMax ?? 65_536
    this.#load()
  }

  /** A name of the file at `path` that the mirror has, other than `path`. */
  hereOf(path: Buffer): Buffer | undefined {
    const names = this.#size === 0 ? undefined : this.#trie.get(path)
    if (!names) return undefined
    for (const node of names) {
      const name = pathOf(node)
      if (!name.equals(path) && this.#options.keeps(name)) return name
    }
    return undefined
  }

  /** Both are names of one file, as message `at` says. Throws errno errors. */
  join(path: Buffer, newPath: Buffer, at = ''): void {
    if (this.#join(path, newPath)) this.#record(at, 'join', path, newPath)
  }

  /** The operation of message `at`, after it was applied. Throws errno errors. */
  follow<K extends OperationName>(name: K, body: Body<K>, at: string): void {
    // It may have been recorded by a run that could not note its position.
    if (at === this.#last) return
    const { path, newPath, flags } = body as Body<'rename'>
    if (name === 'link') this.join(path, newPath, at)
    if (this.#size === 0) return
    if ((name === 'unlink' || name === 'rmdir') && this.#gone(path)) this.#record(at, 'gone', path)
    if (name !== 'rename') return
    const isExchange = flags === renameFlag.EXCHANGE
    if (this.#move(path, newPath, isExchange))
      this.#record(at, isExchange ? 'swapped' : 'moved', path, newPath)
  }

  /** Messages were missed, or they are of no interest: nothing is known. Throws errno errors. */
  forget(): void {
    if (this.#recorded === 0) return
    this.#trie = new PathTrie()
    this.#groups.clear()
    this.#size = 0
    this.#write()
  }

  close(): void {
    if (this.#fd >= 0) close(this.#fd)
    this.#fd = -1
  }

  #join(path: Buffer, newPath: Buffer): boolean {
    const known = this.#trie.get(path)
    if (known && known === this.#trie.get(newPath)) return false
    this.#gone(newPath)
    if (this.#size >= this.#namesMax) {
      if (!this.#isFull) this.#options.say(full)
      this.#isFull = true
      return false
    }
    const names = this.#trie.get(path) ?? this.#begin(path)
    names.add(this.#trie.set(newPath, names))
    this.#size++
    return true
  }

  #begin(path: Buffer): Names {
    const names: Names = new Set()
    this.#groups.add(names)
    names.add(this.#trie.set(path, names))
    this.#size++
    return names
  }

  // What has one name left has no kin.
  #gone(path: Buffer): boolean {
    const names = this.#trie.get(path)
    if (!names) return false
    for (const node of names) if (pathOf(node).equals(path)) names.delete(node)
    this.#trie.clear(path)
    this.#size--
    if (names.size > 1) return true
    this.#groups.delete(names)
    for (const node of names) this.#trie.clear(pathOf(node))
    this.#size -= names.size
    return true
  }

  #move(path: Buffer, newPath: Buffer, isExchange: boolean): boolean {
    const isKnown = this.#trie.has(path) || (isExchange && this.#trie.has(newPath))
    const isGone = !isExchange && this.#gone(newPath)
    if (!isKnown) return isGone
    const one = this.#trie.take(path)
    if (isExchange) this.#trie.put(path, this.#trie.take(newPath))
    this.#trie.put(newPath, one)
    return true
  }

  #record(at: string, what: string, ...paths: readonly Buffer[]): void {
    this.#append([at, what, ...paths.map((path) => path.toString('latin1'))])
    this.#last = at
    if (this.#recorded > recordMax) this.#write()
  }

  // What is known, anew.
  #write(): void {
    this.close()
    const { directory } = this.#options
    this.#fd = openPrivateFile(directory, 'kin.new', `${this.#shown}.new`, appending)
    check(ftruncate(this.#fd, 0), 'ftruncate', this.#shown)
    this.#recorded = 0
    for (const names of this.#groups) {
      const [first = '', ...others] = [...names].map((node) => pathOf(node).toString('latin1'))
      for (const other of others) this.#append([this.#last, 'join', first, other])
    }
    const [from, to] = [Buffer.from('kin.new'), Buffer.from('kin')]
    check(renameat2(directory, from, directory, to, 0), 'rename', this.#shown)
  }

  #append(words: readonly string[]): void {
    const bytes = Buffer.from(`${JSON.stringify(words)}\n`)
    for (let at = 0; at < bytes.length;)
      at += check(write(this.#open(), bytes, at, bytes.length - at), 'write', this.#shown)
    this.#recorded += bytes.length
  }

  #open(): number {
    const { directory } = this.#options
    if (this.#fd < 0) this.#fd = openPrivateFile(directory, 'kin', this.#shown, appending)
    return this.#fd
  }

  #load(): void {
    const fd = openPrivateFileIfThere(this.#options.directory, 'kin', this.#shown)
    if (fd === undefined) return
    const text = readAll(fd, this.#shown).toString()
    close(fd)
    this.#recorded = text.length
    // The last line may be cut short.
    for (const line of text.split('\n').slice(0, -1)) {
      const [at = '', what, path, newPath] = wordsOf(line)
      const [one, other] = [path, newPath].map((name) => Buffer.from(name ?? '', 'latin1'))
      if (!one || !other) continue
      if (what === 'gone') this.#gone(one)
      else if (what === 'join') this.#join(one, other)
      else this.#move(one, other, what === 'swapped')
      this.#last = at
    }
    if (this.#recorded > 0) this.#write()
  }
}

// What a machine that stopped has left of a line says nothing.
function wordsOf(line: string): string[] {
  try {
    return (JSON.parse(line) as string[]).map(String)
  } catch {
    return []
  }
}

function readAll(fd: number, shown: string): Buffer {
  const parts: Buffer[] = []
  for (let at = 0; ;) {
    const part = Buffer.alloc(1 << 16)
    const n = check(pread(fd, part, 0, part.length, at), 'read', shown)
    if (n === 0) return Buffer.concat(parts)
    parts.push(part.subarray(0, n))
    at += n
  }
}
