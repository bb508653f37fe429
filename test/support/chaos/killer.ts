// Kills parts of a site with SIGKILL at random moments, and measures how long each copy that
// depends on the part is then behind.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../random.js'
import { residentKiB } from './descendants.js'
import type { Part, Site } from './site.js'
import { within } from './within.js'

const recoveryMs = 180_000
const sampleMs = 250

export interface Recovery {
  readonly part: string
  /** From 0. */
  readonly copy: number
  /**
   * From the kill until the copy had applied all that the source had said when the part was there
   * again.
   */
  readonly ms: number
  /** Nothing else was killed meanwhile, nor shortly before. */
  readonly isAlone: boolean
}

export class Killer {
  /** By part. */
  readonly kills = new Map<string, number>()
  readonly recoveries: Recovery[] = []
  /** Most memory of each part, in KiB. */
  readonly memory = new Map<string, number>()
  readonly #site: Site
  readonly #random: Random
  readonly #recovering = new Set<Promise<void>>()
  readonly #sampler: NodeJS.Timeout
  /** Of those who recover: who was disturbed. */
  readonly #under = new Set<{ isAlone: boolean }>()

  constructor(site: Site, random: Random) {
    this.#site = site
    this.#random = random
    this.#sampler = setInterval(() => this.#sample(), sampleMs)
  }

  get count(): number {
    return [...this.kills.values()].reduce((sum, n) => sum + n, 0)
  }

  /**
   * Kills `count` times, with random times between, for `durationMs` at least. Now and then it
   * kills two at once, or waits before and after for all to recover, `calmMs` at most.
   */
  async run(count: number, durationMs: number, calmMs: number): Promise<void> {
    const gapMs = durationMs / count
    const endMs = performance.now() + durationMs
    while (this.count < count || performance.now() < endMs) {
      await sleep(this.#random.next(2 * gapMs))
      const kind = this.#random.next(10)
      if (kind < 3) await this.#calm(calmMs)
      this.#killOne()
      if (kind < 3) await this.#calm(calmMs)
      if (kind === 9 && this.count < count) this.#killOne()
    }
  }

  async #calm(limitMs: number): Promise<void> {
    const limit = sleep(limitMs, undefined, { ref: false })
    await Promise.race([Promise.all(this.#recovering), limit])
  }

  /** Waits until every copy has recovered from every kill. */
  async recovered(): Promise<void> {
    await Promise.all(this.#recovering)
    clearInterval(this.#sampler)
  }

  close(): void {
    clearInterval(this.#sampler)
  }

  #killOne(): void {
    const there = this.#site.parts.filter((part) => part.pid() !== undefined)
    const part = there[this.#random.next(there.length)]
    const pid = part?.pid()
    if (!part || pid === undefined) return
    part.kill(pid)
    this.kills.set(part.name, (this.kills.get(part.name) ?? 0) + 1)
    const recovering = this.#recover(part, pid).finally(() => this.#recovering.delete(recovering))
    this.#recovering.add(recovering)
    // It is awaited at the end.
    recovering.catch(() => undefined)
  }

  async #recover(part: Part, killed: number): Promise<void> {
    const atMs = performance.now()
    const state = { isAlone: this.#under.size === 0 }
    for (const other of this.#under) other.isAlone = false
    this.#under.add(state)
    const isBack = () => ![undefined, killed].includes(part.pid())
    await within(recoveryMs, `${part.name} again`, isBack)
    const target = this.#site.source.read()
    await Promise.all(
      part.copies.map(async (copy) => {
        const { record } = this.#site.copies[copy]!
        const what = `${part.name} was killed: mirror ${copy + 1} current again`
        await within(recoveryMs, what, () => record.seq >= target)
        const ms = performance.now() - atMs
        this.recoveries.push({ part: part.name, copy, ms, isAlone: state.isAlone })
      }),
    )
    this.#under.delete(state)
  }

  #sample(): void {
    for (const { name, pid } of this.#site.parts) {
      const at = pid()
      const kib = at === undefined ? 0 : residentKiB(at)
      this.memory.set(name, Math.max(this.memory.get(name) ?? 0, kib))
    }
  }
}
