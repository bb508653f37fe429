// Standing still on request, between two requests of the kernel and with all of the stream taken,
// so that the store is exactly what the stream has said so far: SIGUSR2 asks, SIGCONT ends it.

import { eventfdSignal } from '#posix'
import type { Sink } from './output.js'
import { stopRequest } from './session-thread-data.js'

/** How long the session's thread waits before it looks again what its reader has left. */
const drainStepMs = 5

/** The main thread's part. While it lasts this process is stopped, as by SIGSTOP. */
export class Hold {
  readonly #control: Int32Array
  readonly #wakeFd: number
  readonly #verbose: (what: string, why: string) => void

  /** `control` and `wakeFd` as in SessionThreadData. */
  constructor(control: Int32Array, wakeFd: number, verbose: (what: string, why: string) => void) {
    this.#control = control
    this.#wakeFd = wakeFd
    this.#verbose = verbose
    process.on('SIGUSR2', this.#ask)
    process.on('SIGCONT', this.release)
  }

  /** Lets the session go on, or not even stand still. */
  readonly release = (): void => {
    const { hold, none } = stopRequest
    if (Atomics.compareExchange(this.#control, 0, hold, none) === hold)
      Atomics.notify(this.#control, 0)
  }

  /** The session stands still. */
  reached(seq: number): void {
    if (Atomics.load(this.#control, 0) !== stopRequest.hold) return
    this.#verbose('stands still', `after message ${seq}, until SIGCONT`)
    process.kill(process.pid, 'SIGSTOP')
  }

  close(): void {
    process.off('SIGUSR2', this.#ask)
    process.off('SIGCONT', this.release)
  }

  readonly #ask = (): void => {
    const { hold, none } = stopRequest
    if (Atomics.compareExchange(this.#control, 0, none, hold) === none) eventfdSignal(this.#wakeFd)
  }
}

/**
 * The session thread's part, for its loop: `flush` says what is not in the stream yet. Returns when
 * the hold is over.
 */
export function standStill(
  control: Int32Array,
  output: Sink,
  flush: () => void,
  reached: () => void,
): void {
  const { hold } = stopRequest
  if (Atomics.load(control, 0) !== hold) return
  flush()
  while (Atomics.load(control, 0) === hold && output.untaken > 0) {
    Atomics.wait(control, 0, hold, drainStepMs)
    output.checkReader()
  }
  if (Atomics.load(control, 0) !== hold) return
  reached()
  Atomics.wait(control, 0, hold)
}
