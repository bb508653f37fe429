// Log lines that many clients or messages can cause, so many a minute and the rest as a number.

/** Where a relay's lines go: what it is about, and what there is to say. */
export interface RelayLog {
  /** What the user should know. */
  (what: string, why: string): void
  /** What goes on, for who asks for it. */
  readonly verbose: (what: string, why: string) => void
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

  /** `kind`, in the plural, names what many lines may be about. */
  warn(kind: string, what: string, why: string): void {
    const nowMs = this.#nowMs()
    let state = this.#kinds.get(kind)
    if (!state || nowMs - state.startMs >= intervalMs) {
      if (state) this.#tellSkipped(kind, state)
      state = { startMs: nowMs, lines: 0, skipped: 0 }
      this.#kinds.set(kind, state)
    }
    if (state.lines === linesMax) state.skipped++
    else {
      state.lines++
      this.#log(what, why)
    }
  }

  info(what: string, why: string): void {
    this.#log.verbose(what, why)
  }

  /** Says how many lines were left out, at the end. */
  close(): void {
    for (const [kind, state] of this.#kinds) this.#tellSkipped(kind, state)
    this.#kinds.clear()
  }

  #tellSkipped(kind: string, { skipped }: Kind): void {
    if (skipped > 0) this.#log(kind, `${skipped} more were not logged`)
  }
}
