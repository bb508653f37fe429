// Which message may come next in a segment: the epoch's next number; behind a hello any higher one.

import { codecs, epochOf, flag, flagsOf, messageTable, seqOf, typeOf } from '#wire'

const { hello, gap } = messageTable

export class Succession {
  readonly epoch: number
  /** The last number. */
  seq: number
  /** A hello was the last message, or a retained one behind it: the next may have any number. */
  joining = false

  constructor(epoch: number, seq: number) {
    this.epoch = epoch
    this.seq = seq
  }

  /** Why a message, which is good by itself, cannot come next; undefined where it can. */
  fault(message: Buffer): string | undefined {
    const epoch = epochOf(message)
    if (epoch !== this.epoch) return `a message of epoch ${epoch}, not ${this.epoch}`
    const first = firstOf(message)
    if (!(first <= seqOf(message))) return `a gap that ends with ${seqOf(message)} and is none`
    if (first === this.seq + 1 || (this.joining && first > this.seq)) return undefined
    return `message ${first}, not ${this.seq + 1}`
  }

  /** Takes it as the last one. */
  note(message: Buffer): void {
    this.seq = seqOf(message)
    const isRetained = (flagsOf(message) & flag.RETAIN) !== 0
    this.joining = isRetained && (this.joining || typeOf(message) === hello.type)
  }
}

/** The first number that a message stands for: of a gap, the first missing; NaN for none. */
export function firstOf(message: Buffer): number {
  if (typeOf(message) !== gap.type) return seqOf(message)
  try {
    const { from, to } = codecs.gap.decode(message)
    return to === seqOf(message) ? from : NaN
  } catch {
    return NaN
  }
}
