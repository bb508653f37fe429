// When the input waits for its readers.

import type { Client } from './client.js'
import type { Input } from './input.js'
import type { LimitedLog } from './limited-log.js'

/**
 * block: the input waits while a client's backlog is full, nothing is lost. drop: that client loses
 * messages; the input waits for nobody, but lets its fastest reader keep up, 50 ms a MiB at most.
 */
export type SlowPolicy = 'block' | 'drop'

const paceBytes = 1 << 20
const paceMs = 50
const noticeMs = 5000

/** Holds and releases one input. */
export class Pace {
  held = false
  readonly #slow: SlowPolicy
  readonly #backlogBytes: number
  readonly #log: LimitedLog
  #input: Input | undefined
  // Under drop: how far the input may go before it is looked at again.
  #freeUntil = 0
  #position = 0
  #timer: NodeJS.Timeout | undefined
  #noticed = false

  constructor(slow: SlowPolicy, backlogBytes: number, log: LimitedLog) {
    this.#slow = slow
    this.#backlogBytes = backlogBytes
    this.#log = log
  }

  start(input: Input): void {
    this.#input = input
  }

  stop(): void {
    this.#input = undefined
    this.#release()
  }

  /** The stream is at `position` now. */
  published(position: number): void {
    this.#position = position
  }

  /** Looks again whether the input has to wait. Called when anything has moved. */
  regulate(clients: Iterable<Client>): void {
    if (!this.#input) return
    if (this.#slow === 'block') this.#regulateBlock(clients)
    else this.#regulateDrop(clients)
  }

  #regulateBlock(clients: Iterable<Client>): void {
    let slowest: Client | undefined
    for (const client of clients) if (!slowest || client.backlog > slowest.backlog) slowest = client
    const backlog = slowest?.backlog ?? 0
    if (this.held) {
      if (backlog <= this.#backlogBytes / 2) this.#release()
      return
    }
    if (!slowest || backlog < this.#backlogBytes) return
    const { id } = slowest
    this.#hold(noticeMs, () => {
      this.#log.warn('waits', 'input', `waits for client ${id}, whose backlog is full`)
      this.#noticed = true
    })
  }

  #regulateDrop(clients: Iterable<Client>): void {
    const ahead = this.#ahead(clients)
    if (this.held) {
      if (!ahead) this.#release()
    } else if (ahead && this.#position >= this.#freeUntil) {
      this.#freeUntil = this.#position + paceBytes
      this.#hold(paceMs, () => this.#release())
    }
  }

  // Whether all readers are well behind, so that even the fastest would lose messages soon.
  #ahead(clients: Iterable<Client>): boolean {
    let readers = 0
    for (const client of clients) {
      if (client.lost) continue
      if (client.backlog <= this.#backlogBytes / 2) return false
      readers++
    }
    return readers > 0
  }

  #hold(ms: number, then: () => void): void {
    this.held = true
    this.#input?.pause()
    this.#timer = setTimeout(then, ms)
  }

  #release(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#noticed) this.#log.info('input', 'goes on')
    this.#noticed = false
    if (!this.held) return
    this.held = false
    this.#input?.resume()
  }
}
