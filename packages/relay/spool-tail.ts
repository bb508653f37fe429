// The end of a spool as it grows: its last message, then whatever anybody appends.

import { setImmediate as turn } from 'node:timers/promises'
import { afterPosition, Spool, SpoolReader, Wake, watchSpool, type SpoolWatch } from '#spool'
import { isEnd, sizeOf, timeOf, typeOf, type Position } from '#wire'

/** What is known of where a stream stands. */
export interface SpoolEnd extends Position {
  /** Type of the last message, 0 where there is none. */
  readonly type: number
  /** Its time: nanoseconds since 1970, rounded. */
  readonly time: number
  /** What one who joins has to get first. */
  readonly retained: readonly Buffer[]
}

/** Between turns of the event loop. */
const turnBytes = 1 << 20

export class SpoolTail {
  /** Where it begins. */
  readonly end: SpoolEnd
  readonly #reader: SpoolReader
  readonly #passOn: (bytes: Buffer) => void
  // Read with the last message, and behind it.
  #rest: Buffer | undefined
  readonly #wake = new Wake()
  #isTick = false
  #over = false

  /**
   * `passOn` gets whole messages, in views; `onLost` is told where some were trimmed first. Throws
   * SpoolError.
   */
  constructor(spool: Spool, passOn: (bytes: Buffer) => void, onLost: SpoolReader['onLost']) {
    this.#passOn = passOn
    const { epoch, seq } = spool.newest()
    if (epoch === 0) {
      this.#reader = new SpoolReader(spool)
      this.end = { epoch, seq, type: 0, time: 0, retained: [] }
    } else {
      this.#reader = new SpoolReader(spool, afterPosition(spool, { epoch, seq: seq - 1 }))
      this.end = this.#first({ epoch, seq }, spool.hello(epoch))
    }
    this.#reader.onLost = onLost
  }

  #first(position: Position, hello: Buffer | undefined): SpoolEnd {
    const block = this.#reader.next() ?? Buffer.alloc(0)
    const last = Buffer.from(block.subarray(0, sizeOf(block)))
    this.#rest = block.subarray(last.length)
    const retained = [...(hello ? [hello] : []), ...(isEnd(typeOf(last)) ? [last] : [])]
    return { ...position, type: typeOf(last), time: Number(timeOf(last)), retained }
  }

  /** Passes on what there is until `stop`. Throws SpoolError where it is damaged. */
  async follow(): Promise<void> {
    const watch: SpoolWatch = watchSpool(this.#reader.spool, (isTick) => {
      this.#isTick ||= isTick
      this.#wake.set()
    })
    try {
      while (!this.#over) {
        for (let bytes = 0, more = true; more && !this.#over;) {
          const length = this.#step()
          more = length > 0
          bytes += length
          if (bytes < turnBytes) continue
          bytes = 0
          await turn()
        }
        // Looks for what will never be whole.
        if (this.#isTick) this.#reader.pending()
        this.#isTick = false
        if (!this.#over) await this.#wake.wait()
      }
    } finally {
      watch.close()
    }
  }

  /** Passes on all that there is now. */
  catchUp(): void {
    while (this.#step() > 0);
  }

  #step(): number {
    const block = this.#rest?.length ? this.#rest : this.#reader.next()
    this.#rest = undefined
    if (!block) return 0
    this.#passOn(block)
    return block.length
  }

  /** `follow` ends. */
  stop(): void {
    this.#over = true
    this.#wake.set()
  }

  close(): void {
    this.stop()
    this.#reader.close()
  }
}
