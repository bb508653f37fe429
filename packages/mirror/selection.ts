// What of the source's paths a mirror keeps: one part of the tree with the directories that lead to
// it, less what the user's patterns leave out.

import { PathPatterns, type PathRule } from '#wire'

const slash = 0x2f
const root = Buffer.alloc(0)

export class Selection {
  /** Everything is kept. */
  readonly isAll: boolean
  /** What is kept, with all below it; undefined: the whole tree. */
  readonly only: Buffer | undefined
  readonly #patterns: PathPatterns | undefined

  /** Throws RangeError for a pattern that names nothing. */
  constructor(rules: readonly PathRule[], only?: Buffer) {
    this.#patterns = rules.length > 0 ? new PathPatterns(rules) : undefined
    this.only = only
    this.isAll = only === undefined && rules.length === 0
  }

  /** Whether `path` is not kept, with all below it. */
  excludes(path: Buffer, isDirectory: boolean): boolean {
    if (this.only && !isWithin(path, this.only) && !(isDirectory && this.isAbove(path))) return true
    return this.#patterns?.excludes(path, isDirectory) ?? false
  }

  /** Whether `path` is a directory that only leads to the part: of what is in it, that is kept. */
  isAbove(path: Buffer): boolean {
    const { only } = this
    return only !== undefined && path.length < only.length && isWithin(only, path)
  }

  /**
   * What the source has to state so that all that is kept at and below `path` is right: each alone
   * where it is above the part, else with all below it.
   */
  *statedFor(path: Buffer): Generator<Buffer> {
    const { only } = this
    if (only && this.isAbove(path))
      for (let end = path.length; end >= 0 && end < only.length;) {
        yield only.subarray(0, end)
        const next = only.indexOf(slash, end + 1)
        end = next < 0 ? only.length : next
      }
    if (!only || isWithin(path, only)) yield path
    else if (this.isAbove(path)) yield only
  }
}

/** Whether `path` is at or below `top`; everything is below the root. */
const isWithin = (path: Buffer, top: Buffer): boolean =>
  top.length === root.length ||
  (path.length >= top.length &&
    (path.length === top.length || path[top.length] === slash) &&
    path.subarray(0, top.length).equals(top))
