// Log lines that many clients or messages can cause, so many a minute and the rest as a number.

/** Where a relay's lines go; each is one line of printable text. */
export interface RelayLog {
  /** Something that the user should know. */
  warn(text: string): void
  /** What goes on, for who asks for it. */
  info(text: string): void
}

const linesMax = 10
const intervalMs = 60_000

interface Kind {
  startMs: number
  lines: number
  skipped: number
}

/** Each kind of line has an allowance of its own. */
export class LimitedLog {
  readonly #log: RelayLog
  readonly #nowMs: () => number
  readonly #kinds = new Map<string, Kind>()

  constructor(log: RelayLog, nowMs: () => number = () => performance.now()) {
    this.#log = log
    this.#nowMs = nowMs
  }

  warn(kind: string, text: string): void {
    const nowMs = this.#nowMs()
    let state = this.#kinds.get(kind)
    if (!state || nowMs - state.startMs >= intervalMs) {
      if (state?.skipped) this.#log.warn(`${state.skipped} more lines about ${kind} were left out`)
      state = { startMs: nowMs, lines: 0, skipped: 0 }
      this.#kinds.set(kind, state)
    }
    if (state.lines === linesMax) state.skipped++
    else {
      state.lines++
      this.#log.warn(text)
    }
  }

  info(text: string): void {
    this.#log.info(text)
  }

  /** Says how many lines were left out, at the end. */
  close(): void {
    for (const [kind, { skipped }] of this.#kinds)
      if (skipped) this.#log.warn(`${skipped} more lines about ${kind} were left out`)
    this.#kinds.clear()
  }
}
