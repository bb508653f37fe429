// Whole messages of all clients, one after the other, to one output; what waits for it is bounded.

import type { Writable } from 'node:stream'
import type { UpstreamTarget } from './upstream-reader.js'

/** Bytes that wait for the output before the clients that send more have to. */
export const upstreamQueueMax = 1 << 20

/** Goes on without its output when that breaks: `lost` is told once, the rest is discarded. */
export class UpstreamWriter implements UpstreamTarget {
  readonly #out: Writable
  #open = true
  #waiting: (() => void)[] = []

  constructor(out: Writable, lost: (error: Error) => void) {
    this.#out = out
    out.on('drain', () => this.#wake())
    out.on('error', (error) => {
      if (!this.#open) return
      this.#open = false
      lost(error)
      this.#wake()
    })
  }

  write(message: Buffer, ready: () => void): boolean {
    if (!this.#open) return true
    this.#out.write(message)
    if (this.#out.writableLength <= upstreamQueueMax) return true
    if (!this.#waiting.includes(ready)) this.#waiting.push(ready)
    return false
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const ready of waiting) ready()
  }
}

/** For upstream messages that nobody wants. */
export const discard: UpstreamTarget = { write: () => true }
