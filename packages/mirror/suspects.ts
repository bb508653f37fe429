// Paths where the mirror was not what the stream took it for: listed in .tfs/suspects, counted, and
// said. The list stays until somebody who has healed the mirror removes it.

import { check, close, errno, escapeName, fstat, fsync, O_APPEND, O_CREAT, O_RDWR } from '#posix'
import { ftruncate, pread, renameat2, Stat, unlinkat, write } from '#posix'
import { openPrivateFile, openPrivateFileIfThere } from './private-file.js'
import { SayRarely } from './say-rarely.js'

const linesMax = 10_000
const [list, draft] = ['suspects', 'suspects.new']

export class Suspects {
  /** All of them, those of earlier runs too. */
  count: number
  /** What differs is made whole by other means, and not noted. */
  isQuiet = false
  /** Is told of each: false where it is known already. `isLack`: it was never here. */
  onNote: ((path: Buffer, isLack: boolean) => boolean) | undefined
  readonly #directory: number
  readonly #shown: string
  readonly #say: SayRarely
  #fd = -1
  // The line of what this run repairs.
  #repair: string | undefined

  /**
   * `count` is what the position's record says of earlier runs; one that was killed may have noted
   * more.
   */
  constructor(directory: number, shown: string, count: number, say: (line: string) => void) {
    this.#directory = directory
    this.#shown = shown
    this.#say = new SayRarely(say)
    this.count = this.#open(false) ? Math.max(count, 1) : 0
  }

  /** Notes `path`, where something else was than there should be. Throws errno errors. */
  note(seq: number, path: Buffer, why: string): void {
    this.#note(seq, path, `the mirror differed (${why})`)
  }

  /** Notes `path`, which the source has now and the mirror never saw. Throws errno errors. */
  lack(seq: number, path: Buffer, why: string): void {
    this.#note(seq, path, why, true)
  }

  /** Notes `path`, where something may be missing. Throws errno errors. */
  doubt(seq: number, path: Buffer): void {
    this.#note(seq, path, 'the source does not know whether its last change there was sent')
  }

  get isRepairing(): boolean {
    return this.#repair !== undefined
  }

  /** Notes `path`, where something is being repaired, once. Throws errno errors. */
  repairing(seq: number, path: Buffer): void {
    if (this.isRepairing) return
    this.#repair = `${seq} ${shownOf(path)}\n`
    this.#note(seq, path, 'is being made as the source states')
  }

  #note(seq: number, path: Buffer, what: string, isLack = false): void {
    const isNew = this.onNote?.(path, isLack) ?? true
    if (this.isQuiet || !isNew) return
    const shown = shownOf(path)
    this.#say.say(`message ${seq}: '${shown}': ${what}; noted as suspect`)
    this.count++
    if (this.count > linesMax || !this.#open(true)) return
    const line = Buffer.from(`${seq} ${shown}\n`)
    check(write(this.#fd, line, 0, line.length), 'write', this.#shown)
  }

  /** The repair is over; `isAll`: nothing else is suspect either. Throws errno errors. */
  repaired(isAll: boolean): void {
    const line = this.#repair
    this.#repair = undefined
    if (isAll || this.count <= (line === undefined ? 0 : 1)) this.clear()
    else if (line !== undefined) this.#takeOff(line)
  }

  #takeOff(line: string): void {
    this.count--
    if (!this.#open(false)) return
    const stat = new Stat()
    check(fstat(this.#fd, stat.buffer), 'stat', this.#shown)
    const all = Buffer.alloc(stat.size)
    const length = check(pread(this.#fd, all, 0, all.length, 0), 'read', this.#shown)
    const text = `\n${all.toString('latin1', 0, length)}`
    const at = text.lastIndexOf(`\n${line}`)
    if (at < 0) return
    // Whoever is killed now leaves one list or the other.
    const rest = Buffer.from(text.slice(1, at + 1) + text.slice(at + 1 + line.length), 'latin1')
    const fd = openPrivateFile(this.#directory, draft, this.#shown, O_RDWR | O_CREAT)
    check(ftruncate(fd, 0), 'truncate', this.#shown)
    const written = check(write(fd, rest, 0, rest.length), 'write', this.#shown)
    if (written < rest.length) check(-errno.ENOSPC, 'write', this.#shown)
    check(fsync(fd), 'fsync', this.#shown)
    close(fd)
    const [from, to] = [Buffer.from(draft), Buffer.from(list)]
    check(renameat2(this.#directory, from, this.#directory, to, 0), 'rename', this.#shown)
    close(this.#fd)
    this.#fd = -1
  }

  /** None of them is one any longer. Throws errno errors. */
  clear(): void {
    this.count = 0
    if (!this.#open(false)) return
    close(this.#fd)
    this.#fd = -1
    check(unlinkat(this.#directory, Buffer.from(list)), 'unlink', this.#shown)
  }

  /** Says what was held back, and closes the list. */
  close(): void {
    this.#say.close()
    if (this.#fd >= 0) close(this.#fd)
    this.#fd = -1
  }

  // Whether there is a list.
  #open(make: boolean): boolean {
    if (this.#fd >= 0) return true
    const open = make ? openPrivateFile : openPrivateFileIfThere
    const flags = O_RDWR | O_APPEND | (make ? O_CREAT : 0)
    this.#fd = open(this.#directory, list, this.#shown, flags) ?? -1
    return this.#fd >= 0
  }
}

const shownOf = (path: Buffer) => (path.length ? escapeName(path) : '.')
