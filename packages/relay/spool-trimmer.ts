// Removes what a spool that is being written need not keep: with each new segment, and each minute.

import { trim, type Keep, type SpoolWriter } from '#spool'
import type { LimitedLog } from './limited-log.js'

const trimEachMs = 60_000

export class SpoolTrimmer {
  readonly #writer: SpoolWriter
  readonly #keep: Keep | undefined
  readonly #log: LimitedLog
  #ordinal = 0
  #trimmedMs = performance.now()

  constructor(writer: SpoolWriter, keep: Keep | undefined, log: LimitedLog) {
    this.#writer = writer
    this.#keep = keep
    this.#log = log
  }

  /** Looks whether it is time. */
  check(): void {
    const isTime = performance.now() - this.#trimmedMs > trimEachMs
    if (isTime || this.#writer.ordinal !== this.#ordinal) this.trim()
  }

  trim(): void {
    this.#ordinal = this.#writer.ordinal
    this.#trimmedMs = performance.now()
    if (!this.#keep) return
    const { spool, path } = this.#writer
    try {
      const { segments, bytes, losers } = trim(spool, this.#keep)
      if (segments.length > 0)
        this.#log.info(path, `removed ${segments.length} segments, ${bytes} bytes`)
      for (const name of losers)
        this.#log.warn('lost readers', `reader ${name}`, 'is too far behind: loses messages')
    } catch (error) {
      // Who trims just now trims for us.
      if ((error as { code?: unknown }).code === 'ESPOOL_LOCKED') return
      this.#log.warn('failures to trim', path, (error as Error).message)
    }
  }
}
