// Threads that call libc for another. One that is ended while it loads koffi takes the whole
// process along: koffi throws then, and Node aborts where an addon cannot throw. So whoever ends
// one waits until that is over.

import { Worker, workerData, type Transferable } from 'node:worker_threads'

/** How long a thread may take to begin, on a machine that does nothing but swap. */
const beginMaxMs = 10_000

export class HelperThread {
  readonly #begun = new Int32Array(new SharedArrayBuffer(4))
  readonly #worker: Worker

  /** Runs `module`, which takes `data` from `helperData`. Keeps no process alive. */
  constructor(module: URL, data: object, transferList: Transferable[] = []) {
    const given = { begun: this.#begun, data }
    this.#worker = new Worker(module, { workerData: given, transferList })
    this.#worker.unref()
  }

  /** Waits until it has begun, and ends it, wherever it is then. */
  end(): void {
    Atomics.wait(this.#begun, 0, 0, beginMaxMs)
    void this.#worker.terminate()
  }
}

/** In a thread: it has loaded all that it needs. What it was given. */
export function helperData<T>(): T {
  const { begun, data } = workerData as { begun: Int32Array; data: T }
  Atomics.store(begun, 0, 1)
  Atomics.notify(begun, 0)
  return data
}
