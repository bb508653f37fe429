// The names of a directory that an assertion lists in several messages: read once, and kept in
// their order from one list to the next. What operations bring or take meanwhile the source has
// done too, so that of what is kept only those are of interest that are still there.

import { DT_DIR, fstat, readDirectory, Stat } from '#posix'

interface Kept {
  /** Behind those that were asked for, in order; directories end with a slash. */
  readonly names: string[]
  /** The first that was not asked for. */
  next: number
}

/** Directories within each other, of a few assertions. */
const keptMax = 16
const slash = '/'

export class KeptNames {
  readonly #kept = new Map<string, Kept>()
  readonly #stat = new Stat()

  #keep(key: string, kept: Kept): void {
    this.#kept.set(key, kept)
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= keptMax) return
      this.#kept.delete(oldest)
    }
  }

  /**
   * The names in the directory `fd` that are behind `after` and not behind `upto` (empty: no
   * bound), for the assertion `id`; some may be there no more.
   */
  *between(
    id: number,
    fd: number,
    after: Buffer,
    upto: Buffer,
  ): Generator<{ name: Buffer; isDir: boolean }> {
    if (after.length === 0 && upto.length === 0) {
      for (const { name, type } of readDirectory(fd)) yield { name, isDir: type === DT_DIR }
      return
    }
    if (fstat(fd, this.#stat.buffer) < 0) return
    const { inoHigh, inoLow } = this.#stat
    const key = `${id}:${inoHigh}:${inoLow}`
    const found = after.length > 0 ? this.#kept.get(key) : undefined
    const kept = found ?? { names: namesBehind(fd, after), next: 0 }
    this.#kept.delete(key)
    if (upto.length > 0) this.#keep(key, kept)
    const [first, last] = [after.toString('latin1'), upto.toString('latin1')]
    for (; kept.next < kept.names.length; kept.next++) {
      const entry = kept.names[kept.next]!
      const isDir = entry.endsWith(slash)
      const name = isDir ? entry.slice(0, -1) : entry
      if (upto.length > 0 && name > last) return
      if (name > first) yield { name: Buffer.from(name, 'latin1'), isDir }
    }
  }
}

function namesBehind(fd: number, after: Buffer): string[] {
  const names: string[] = []
  for (const { name, type } of readDirectory(fd))
    if (Buffer.compare(name, after) > 0)
      names.push(name.toString('latin1') + (type === DT_DIR ? slash : ''))
  // By their bytes: a slash at the end would count.
  return names.sort((a, b) => (bare(a) < bare(b) ? -1 : 1))
}

const bare = (entry: string) => (entry.endsWith(slash) ? entry.slice(0, -1) : entry)
