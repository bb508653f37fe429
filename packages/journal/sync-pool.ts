// fsync in other threads, so that no request waits behind another file's. The result comes back
// into the session's loop, which alone writes the stream and then answers the caller.

import { MessageChannel, receiveMessageOnPort, type MessagePort } from 'node:worker_threads'
import { eventfdClear, HelperThread } from '#posix'

export interface SyncJob {
  readonly id: number
  readonly fd: number
  readonly dataOnly: boolean
}
export interface SyncResult {
  readonly id: number
  /** 0 or -errno. */
  readonly result: number
}

interface Helper {
  readonly thread: HelperThread
  readonly port: MessagePort
  busy: boolean
}

const helpersMax = 4

export class SyncPool {
  readonly #wakeFd: number
  readonly #helpers: Helper[] = []
  // Bounded by what the kernel lets callers have under way at once.
  readonly #waiting: SyncJob[] = []
  readonly #done = new Map<number, (result: number) => void>()
  #nextId = 1

  /** `wakeFd`: an eventfd that a helper signals when it is done. */
  constructor(wakeFd: number) {
    this.#wakeFd = wakeFd
  }

  /** Syncs `fd`, which stays open until `done(0 or -errno)` is called from `collect`. */
  sync(fd: number, dataOnly: boolean, done: (result: number) => void): void {
    const job: SyncJob = { id: this.#nextId++, fd, dataOnly }
    this.#done.set(job.id, done)
    const helper = this.#helpers.find(({ busy }) => !busy) ?? this.#grow()
    if (helper) this.#give(helper, job)
    else this.#waiting.push(job)
  }

  /** Takes in what helpers have finished. For the session's loop, when the eventfd is readable. */
  collect(): void {
    eventfdClear(this.#wakeFd)
    for (const helper of this.#helpers) {
      const message = receiveMessageOnPort(helper.port) as { message: SyncResult } | undefined
      if (!message) continue
      helper.busy = false
      const next = this.#waiting.shift()
      if (next) this.#give(helper, next)
      this.#finish(message.message)
    }
  }

  get pending(): number {
    return this.#done.size
  }

  close(): void {
    for (const { port, thread } of this.#helpers) {
      port.close()
      thread.end()
    }
  }

  #finish({ id, result }: SyncResult): void {
    const done = this.#done.get(id)
    this.#done.delete(id)
    done?.(result)
  }

  #give(helper: Helper, job: SyncJob): void {
    helper.busy = true
    helper.port.postMessage(job)
  }

  #grow(): Helper | undefined {
    if (this.#helpers.length === helpersMax) return undefined
    const { port1, port2 } = new MessageChannel()
    const data = { port: port2, wakeFd: this.#wakeFd }
    const thread = new HelperThread(new URL('./sync-helper.js', import.meta.url), data, [port2])
    const helper: Helper = { thread, port: port1, busy: false }
    this.#helpers.push(helper)
    return helper
  }
}
