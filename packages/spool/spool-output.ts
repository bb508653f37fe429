// What a spool holds from a place on, given to a stream no faster than that takes it.

import type { Writable } from 'node:stream'
import { epochOf, messageTable, sizeOf, typeOf, type Position } from '#wire'
import type { RegisteredReader } from './readers.js'
import type { SpoolReader } from './spool-reader.js'
import { Wake } from './wake.js'

/** A reader that ended in whatever way may not have dealt with what pipes and it still held. */
const heldMax = 4 << 20
const recordMs = 1000

export interface SpoolOutputOptions {
  readonly reader: SpoolReader
  readonly output: Writable
  /** The output has a beginning already: no hello is put before what the reader gives. */
  readonly isBegun?: boolean | undefined
  /** Gets the reader's position as it goes. */
  readonly registered?: Pick<RegisteredReader, 'update'> | undefined
  /** Whether what is in the spool may be passed on now. */
  readonly mayPass?: () => boolean
  /** Where there is nothing more for now: looks for what will never be whole; may throw. */
  readonly idle?: (isTick: boolean) => void
}

export class SpoolOutput {
  /** Bytes passed on. */
  bytes = 0
  /** Type of the last message that was passed on, 0 before the first. */
  lastType = 0
  readonly #options: SpoolOutputOptions
  readonly #wake = new Wake()
  #ending = false
  #stopped = false
  #isTick = false
  // Positions that count for the registered reader once so many bytes more were taken.
  readonly #held: { readonly bytes: number; readonly position: Position }[] = []
  #recordedMs = performance.now()

  constructor(options: SpoolOutputOptions) {
    this.#options = options
    // Why a write fails is told by that write.
    options.output.on('error', () => undefined)
  }

  /** There may be more in the spool. */
  wake(isTick = false): void {
    this.#isTick ||= isTick
    this.#wake.set()
  }

  /** `run` ends once all that is there was passed on. */
  end(): void {
    this.#ending = true
    this.#wake.set()
  }

  /** `run` ends after the block at hand. */
  stop(): void {
    if (!this.#stopped) this.#record(0)
    this.#stopped = true
    this.#wake.set()
  }

  /** Passes on. Throws SpoolError, SystemError, and the output's errors. */
  async run(): Promise<void> {
    try {
      await this.#passAll()
    } finally {
      // After `stop` nobody waits for this any more.
      if (!this.#stopped) this.#record(0)
    }
  }

  async #passAll(): Promise<void> {
    const { reader, mayPass, idle } = this.#options
    while (!this.#stopped) {
      const isEnding = this.#ending
      const block = (mayPass?.() ?? true) ? reader.next() : undefined
      if (block) await this.#pass(block)
      else if (isEnding) return
      else {
        const isTick = this.#isTick
        this.#isTick = false
        idle?.(isTick)
        this.#record()
        await this.#wake.wait()
      }
    }
  }

  async #pass(block: Buffer): Promise<void> {
    const isFirst = this.bytes === 0 && !this.#options.isBegun
    const whole = isFirst ? this.#begin(block) : [block]
    for (const piece of whole) await this.#write(piece)
    for (let at = 0; at < block.length; at += sizeOf(block.subarray(at, at + 4)))
      this.lastType = block.readUInt16LE(at + 4)
    if (this.#stopped) return
    const { position } = this.#options.reader
    this.#held.push({ bytes: this.bytes, position })
    this.#record()
  }

  // The first message is a hello, as long as there is one.
  #begin(block: Buffer): Buffer[] {
    if (typeOf(block) === messageTable.hello.type) return [block]
    const hello = this.#options.reader.spool.hello(epochOf(block))
    if (hello) return [hello, block]
    // That epoch is gone: what is left begins with the hello of another one.
    let at = 0
    while (at < block.length && typeOf(block.subarray(at)) !== messageTable.hello.type)
      at += sizeOf(block.subarray(at))
    return [block.subarray(at)]
  }

  #write(block: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#options.output.write(block, (error) => {
        if (error) return reject(error)
        this.bytes += block.length
        resolve()
      })
    })
  }

  // Notes for the registered reader what is surely out of the pipe, not too often.
  #record(eachMs = recordMs): void {
    const { registered } = this.#options
    if (!registered) return void (this.#held.length = 0)
    if (performance.now() - this.#recordedMs < eachMs) return
    const count = this.#held.findIndex(({ bytes }) => bytes > this.bytes - heldMax)
    const taken = this.#held.splice(0, count)
    const last = taken.at(-1)
    if (!last) return
    this.#recordedMs = performance.now()
    try {
      registered.update(last.position)
    } catch {
      // No room: the older record only makes more of it come again.
    }
  }
}
