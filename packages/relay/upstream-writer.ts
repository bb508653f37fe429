// Whole messages of all clients, one after the other, to one output; what waits for it is bounded.

import type { Writable } from 'node:stream'

/** Where upstream messages go. */
export interface UpstreamTarget {
  /** Takes a message. */
  write(message: Buffer): void
  /** Takes an acknowledgement: of each `who` only the newest waits for the output. */
  acknowledge(who: Buffer, message: Buffer): void
  /** False: no more, please. `ready` is called when there is room again. */
  hasRoom(ready: () => void): boolean
  /** `ready` is not to be called any more. */
  forget(ready: () => void): void
  /** Settles when all is written, or after `limitMs`. */
  end(limitMs: number): Promise<void>
  /** Gives up what is not written. */
  close(): void
}

/** Bytes that wait for the output before the clients that send more have to. */
export const upstreamQueueMax = 1 << 20

/** Copies whose acknowledgements wait; beyond it the one that waits longest is left out. */
const waitingMax = 1024

/** Goes on without its output when that breaks: the rest is discarded, and `lost` told so, once. */
export class UpstreamWriter implements UpstreamTarget {
  readonly #out: Writable
  readonly #lost: (why: string) => void
  #open = true
  readonly #wrote = () => this.#writeAcks()
  #waiting = new Set<() => void>()
  // The newest acknowledgement of each copy, the newest of all at the end.
  readonly #acks = new Map<string, Buffer>()

  constructor(out: Writable, lost: (why: string) => void) {
    this.#out = out
    this.#lost = lost
    out.on('drain', () => this.#wake())
    out.on('error', (error) =>
      this.#discard(`what clients send is discarded from now on: ${error.message}`),
    )
  }

  write(message: Buffer): void {
    if (this.#open) this.#out.write(message, this.#wrote)
  }

  acknowledge(who: Buffer, message: Buffer): void {
    if (!this.#open) return
    const name = who.toString('latin1')
    this.#acks.delete(name)
    this.#acks.set(name, Buffer.from(message))
    for (const oldest of this.#acks.keys()) {
      if (this.#acks.size <= waitingMax) break
      this.#acks.delete(oldest)
    }
    this.#writeAcks()
  }

  #writeAcks(): void {
    if (!this.#open || this.#acks.size === 0 || this.#out.writableLength > 0) return
    const acks = [...this.#acks.values()]
    this.#acks.clear()
    for (const ack of acks) this.write(ack)
  }

  hasRoom(ready: () => void): boolean {
    if (!this.#open || this.#out.writableLength <= upstreamQueueMax) return true
    this.#waiting.add(ready)
    return false
  }

  forget(ready: () => void): void {
    this.#waiting.delete(ready)
  }

  async end(limitMs: number): Promise<void> {
    if (!this.#open || (this.#out.writableLength === 0 && this.#acks.size === 0)) return
    for (const ack of this.#acks.values()) this.write(ack)
    this.#acks.clear()
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, limitMs)
      const settle = () => {
        clearTimeout(timer)
        resolve()
      }
      this.#out.end(settle)
    })
  }

  close(): void {
    const { writableLength } = this.#out
    if (writableLength > 0) this.#discard(`${writableLength} bytes of clients not taken by the end`)
    this.#out.destroy()
  }

  #discard(why: string): void {
    if (!this.#open) return
    this.#open = false
    this.#lost(why)
    this.#wake()
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = new Set()
    for (const ready of waiting) ready()
  }
}

/** For upstream messages that nobody wants. */
export const discard: UpstreamTarget = {
  write: () => undefined,
  acknowledge: () => undefined,
  hasRoom: () => true,
  forget: () => undefined,
  end: () => Promise.resolve(),
  close: () => undefined,
}
