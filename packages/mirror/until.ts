// The end that a user sets for a replay: a message's number, or a moment on the source's clock.

import type { AnyMessage } from '#wire'

export type Until =
  | { readonly kind: 'seq'; readonly seq: number }
  /** Nanoseconds since 1970. */
  | { readonly kind: 'time'; readonly time: bigint }

/**
 * Where the end is. A clock that goes back does not bring messages back in: a message counts as no
 * earlier than any before it.
 */
export class UntilGate {
  readonly #until: Until | undefined
  #latest = 0n

  constructor(until: Until | undefined) {
    this.#until = until
  }

  /** The message that is to be the last, where it was set by its number. */
  get seq(): number | undefined {
    return this.#until?.kind === 'seq' ? this.#until.seq : undefined
  }

  /** Whether a message lies behind the end. */
  isPast(message: AnyMessage, time: () => bigint): boolean {
    if (!this.#until) return false
    if (this.#until.kind === 'seq') return message.seq > this.#until.seq
    // A hello that a relay kept is older than what it comes with.
    const now = time()
    if (now > this.#latest) this.#latest = now
    return this.#latest > this.#until.time
  }

  /** Whether a message is the last before the end, as far as it alone can say. */
  isLast({ seq }: AnyMessage): boolean {
    return seq === this.seq
  }
}
