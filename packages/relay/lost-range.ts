// What a client that was too slow did not get, and the messages that tell it so: gaps, but around
// what it must have all the same, so that the numbers it sees stay without holes.

import { codecs, epochOf, isEnd, limits, seal, seqOf, typeOf, type Stamp } from '#wire'
import { isHello, type Retained } from './retained.js'
import { Scanner } from './scanner.js'
import type { Block } from './window.js'

/** Begins where a client's cursor stood and goes on until the client can take messages again. */
export class LostRange {
  readonly #epoch: number
  readonly #first: number
  // Of that epoch, where the range goes on into another.
  #last = 0
  #end: Buffer | undefined
  #over = false

  /** Looks through the stream behind the cursor, where there is one message at least. */
  constructor(block: Block, offset: number) {
    const atEnd = offset === block.end && block.next !== undefined
    const first = (atEnd ? block.next : block) as Block
    const from = atEnd ? 0 : offset
    this.#epoch = epochOf(first.data.subarray(from))
    this.#first = seqOf(first.data.subarray(from))
    const ignore = () => undefined
    const scanner = new Scanner({ retain: this.see.bind(this), hop: ignore, note: ignore })
    scanner.scan(first.data, from, first.end)
    for (let next = first.next; next; next = next.next) scanner.scan(next.data, 0, next.end)
  }

  /** Takes note of a message of the range that `Handler.retain` gets. */
  see(message: Buffer, epochBefore: number, seqBefore: number): void {
    if (this.#over) return
    if (isEnd(typeOf(message)) && epochOf(message) === this.#epoch) this.#end = Buffer.from(message)
    if (!isHello(message) || epochOf(message) === this.#epoch) return
    this.#over = true
    this.#last = epochBefore === this.#epoch ? seqBefore : this.#first
  }

  /**
   * What the client gets instead, where the last message of the range is `epoch`:`seq`: gaps, the
   * end of its epoch, the newest of what is retained.
   */
  messages(epoch: number, seq: number, retained: Retained, now: Stamp): Buffer[] {
    if (!this.#over)
      return filled(this.#epoch, this.#first, seq, retained.since(epoch, this.#first), now)
    const end = this.#end ? [this.#end] : []
    const [hello, ...rest] = retained.since(epoch, 0)
    if (!hello) return filled(this.#epoch, this.#first, this.#last, end, now)
    return [
      ...filled(this.#epoch, this.#first, this.#last, end, now),
      hello,
      ...filled(epoch, seqOf(hello) + 1, seq, rest, now),
    ]
  }
}

/** `kept`, with gaps for the other numbers from `first` to `last`. */
function filled(epoch: number, first: number, last: number, kept: Buffer[], now: Stamp): Buffer[] {
  const messages: Buffer[] = []
  let from = first
  for (const message of kept.toSorted((a, b) => seqOf(a) - seqOf(b))) {
    const seq = seqOf(message)
    if (seq > from) messages.push(gap(epoch, from, seq - 1, now))
    messages.push(message)
    from = seq + 1
  }
  if (from <= last) messages.push(gap(epoch, from, last, now))
  return messages
}

function gap(epoch: number, from: number, to: number, now: Stamp): Buffer {
  const out = Buffer.alloc(limits.messageSizeMin + limits.messageAlign)
  const size = codecs.gap.encode(out, { from, to })
  seal(out, size, to, now, epoch)
  return out.subarray(0, size)
}
