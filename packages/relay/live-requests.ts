// Requests for a source whose connections come and go: they wait for the next one.

import { Writable } from 'node:stream'
import type { ResumedStream } from './resumed-stream.js'

const retryMs = 100

/** Takes whole messages; `connect` says to whom they go. */
export class LiveRequests extends Writable {
  #live: ResumedStream | undefined
  #timer: NodeJS.Timeout | undefined

  connect(live: ResumedStream): void {
    this.#live = live
  }

  override _write(message: Buffer, _: BufferEncoding, done: () => void): void {
    if (this.#live?.send(message)) return done()
    this.#timer = setTimeout(() => this._write(message, _, done), retryMs).unref()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearTimeout(this.#timer)
    done(error)
  }
}
