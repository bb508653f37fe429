// What was stated for this mirror, or compared, counted: since it began to be made whole, or to be
// verified. How much there is in all the source does not know before it has walked its tree.

import { escapeName } from '#posix'
import { content, dataKind } from '#wire'
import { shownBytes } from './shown.js'
import type { Statement } from './assertions-options.js'

export interface AssertionCounts {
  readonly directories: number
  /** All but directories, each of their names. */
  readonly files: number
  /** Bytes of content that was compared by its hash. */
  readonly compared: number
  /** Bytes of content that came. */
  readonly received: number
}

/** An assertion that is not over. */
export interface Underway extends AssertionCounts {
  /**
   * `sought`: nothing is done until it begins, since the mirror's position is lost; `whole`: the
   * mirror is incomplete until it ends; `verify`: compared; `heal`: something was in doubt;
   * `check`: compared in passing.
   */
  readonly why: 'sought' | 'whole' | 'verify' | 'heal' | 'check'
  /** Escaped, `.` for all. */
  readonly path: string
}

export class Tally implements AssertionCounts {
  directories = 0
  files = 0
  compared = 0
  received = 0

  reset(): void {
    this.directories = this.files = this.compared = this.received = 0
  }

  add(statement: Statement): void {
    const { name, body } = statement
    if (name === 'assert-dir' && body.after.length === 0) this.directories++
    if (name === 'assert-file' && body.content !== content.FOLLOWS) this.files++
    this.#addContent(statement)
  }

  /** Content that was asked for, of something that was counted before. */
  addPiece(statement: Statement): void {
    this.#addContent(statement)
  }

  #addContent({ name, body }: Statement): void {
    if (name === 'assert-file') {
      if (body.content === content.HASH) this.compared += body.size
      if (body.content === content.HERE) this.received += body.data.length
    } else if (name === 'assert-data') {
      if (body.kind === dataKind.HASH) this.compared += body.length
      if (body.kind === dataKind.DATA) this.received += body.length
    }
  }

  of(why: Underway['why'], path: Buffer): Underway {
    const { directories, files, compared, received } = this
    return { why, path: escapeName(path) || '.', directories, files, compared, received }
  }

  get shown(): string {
    const { directories, files, compared, received } = this
    const bytes = `${shownBytes(compared)} compared, ${shownBytes(received)} received`
    return `${directories} directories and ${files} files stated, ${bytes}`
  }
}
