// How far a reader is behind its source's clock: the age of each message when its last byte comes.

import { limits, timeOf } from '#wire'

const headerSize = 32
const bucketsMax = 1 << 16

/** What was made before there was a meter says nothing. */
export class LagMeter {
  readonly #since = now()
  // How many messages were so many milliseconds old.
  readonly #counts = new Uint32Array(bucketsMax)
  #messages = 0
  #max = 0
  readonly #header = Buffer.alloc(headerSize)
  // Of the message at hand: how much has come.
  #have = 0
  #size = 0

  /** Takes bytes as they come, in pieces of any size. */
  readonly take = (bytes: Buffer): void => {
    const nowMs = now()
    for (let at = 0; at < bytes.length;) {
      if (this.#have < headerSize) {
        const taken = bytes.copy(this.#header, this.#have, at, at + headerSize - this.#have)
        this.#have += taken
        at += taken
        if (this.#have < headerSize) return
        this.#size = this.#header.readUInt32LE(0)
        if (!(this.#size >= headerSize && this.#size <= limits.messageSizeMax))
          throw new Error(`a message of ${this.#size} bytes`)
      }
      const taken = Math.min(this.#size - this.#have, bytes.length - at)
      this.#have += taken
      at += taken
      if (this.#have === this.#size) this.#note(nowMs)
    }
  }

  /** What it was from the last call of this to now. */
  lap(): string {
    const rank = Math.ceil(this.#messages * 0.99)
    let at = 0
    for (let sum = this.#counts[0]!; sum < rank; sum += this.#counts[at]!) at++
    const max = this.#max.toFixed(1)
    const text = `${this.#messages} messages, at most ${max} ms late, 99 % of them ${at + 1} ms`
    this.#counts.fill(0)
    this.#messages = 0
    this.#max = 0
    return text
  }

  #note(nowMs: number): void {
    this.#have = 0
    const madeMs = Number(timeOf(this.#header)) / 1e6
    if (madeMs < this.#since) return
    const age = Math.max(0, nowMs - madeMs)
    this.#messages++
    this.#max = Math.max(this.#max, age)
    this.#counts[Math.min(bucketsMax - 1, Math.floor(age))]!++
  }
}

/** Milliseconds since 1970. */
const now = () => performance.timeOrigin + performance.now()
