// A source in use, a mirror of it that is being made right in several ways, and kill -9 of either
// or both at random moments of that.

import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { within } from '../chaos/within.js'
import { damageCopy } from '../damage-copy.js'
import { random, type Random } from '../random.js'
import { rsyncCompare } from '../rsync-compare.js'
import { MirrorRuns } from './mirror-runs.js'
import { SourceRuns } from './source-runs.js'

export interface KillOptions {
  readonly seed: number
  readonly files: number
  /** Programs that work in the mount. */
  readonly storms: number
  /** What is killed, and how often it is to hit, by what that is aimed at. */
  readonly kinds: Readonly<Record<Aim, readonly Kind[]>>
  readonly wanted: Readonly<Record<Aim, number>>
  /** How long after the first statement a kill may come. */
  readonly windowMs: number
  readonly timeoutMs: number
}

type Aim = 'bootstrap' | 'repair' | 'lost'
type Kind = 'journal' | 'mirror' | 'both'

export const allKinds: readonly Kind[] = ['journal', 'mirror', 'both']
const calmMs = 180_000

export class KillScene {
  readonly #source: SourceRuns
  readonly #mirror: MirrorRuns
  readonly #rng: Random
  readonly #options: KillOptions
  readonly #comment: (text: string) => void
  #damages = 0

  constructor(t: Test, options: KillOptions) {
    this.#options = options
    this.#comment = (text) => t.comment(text)
    this.#rng = random(options.seed)
    this.#source = new SourceRuns(t, options)
    const copy = join(this.#source.journal.dir, 'copy')
    mkdirSync(copy)
    this.#mirror = new MirrorRuns(this.#source.socket, copy)
    t.teardown(() => this.#mirror.end('SIGKILL'))
  }

  get told(): string {
    const { saidBefore, journal } = this.#source
    return `${saidBefore}${journal.said}\n${this.#mirror.said}`.slice(-20_000)
  }

  async run(t: Test): Promise<void> {
    await this.#source.start()
    this.#source.storm(this.#options.storms, this.#options.seed)
    await this.#mirror.start('--bootstrap')
    await this.#bootstrapped()
    if (!this.#mirror.isIncomplete && !this.#mirror.isExact) {
      await this.#mirror.end('SIGTERM')
      await this.#mirror.start('--bootstrap')
    }
    await this.#whole()
    await this.#repaired(t)
    await this.#lost()
    t.equal(await this.#source.calm(), '', 'the work went on')
    await this.#whole()
    t.equal(await this.#source.journal.end(), 'SIGTERM')
    t.equal(await this.#mirror.over(), 0)
    t.equal(await rsyncCompare(this.#source.journal.store, this.#mirror.copy), '', 'exact')
    t.comment(`${this.#mirror.starts} starts of the mirror`)
  }

  async #bootstrapped(): Promise<void> {
    for (const kind of this.#options.kinds.bootstrap)
      await this.#until('bootstrap', kind, async () => {
        // With the options of the first start, or with none, it has to go on.
        const options = this.#rng.next(2) ? ['--bootstrap'] : []
        if (this.#mirror.isIncomplete) return options
        await this.#mirror.end('SIGTERM')
        this.#spoil()
        return ['--bootstrap']
      })
  }

  async #repaired(t: Test): Promise<void> {
    const options = ['--verify', '--repair']
    for (const kind of this.#options.kinds.repair)
      await this.#until('repair', kind, async () => {
        await this.#mirror.end('SIGTERM')
        damageCopy(this.#mirror.copy, this.#options.seed + this.#damages++)
        return options
      })
    await this.#mirror.end('SIGTERM')
    await this.#mirror.start(...options)
    await this.#mirror.over()
    await this.#mirror.start('--verify')
    t.equal(await this.#mirror.over(), 0, `no difference is left: ${this.#mirror.says}`)
    await this.#mirror.start()
  }

  async #lost(): Promise<void> {
    for (const kind of this.#options.kinds.lost)
      await this.#until('lost', kind, async () => {
        if (this.#mirror.isIncomplete) return []
        await Promise.all([this.#mirror.end('SIGTERM'), this.#source.kill()])
        this.#source.loseSpool()
        await this.#source.start()
        return []
      })
  }

  /** Kills until enough of that kind have hit. */
  async #until(what: Aim, kind: Kind, prepare: () => Promise<string[]>): Promise<void> {
    const count = { all: 0, hits: 0 }
    const begunMs = performance.now()
    const attempts = 10 * this.#options.wanted[what] + 10
    while (count.hits < this.#options.wanted[what]) {
      if (count.all === attempts)
        throw new Error(`${what}, ${kind}: ${count.hits} hits of ${count.all}`)
      if (!this.#mirror.isUnderWay) {
        const options = await prepare()
        await this.#mirror.end('SIGTERM')
        await this.#mirror.start(...options)
      }
      await this.#aim()
      count.all++
      if (await this.#kill(kind, what)) count.hits++
    }
    const seconds = ((performance.now() - begunMs) / 1000).toFixed(1)
    this.#comment(`${what}, ${kind}: ${count.hits} of ${count.all} kills hit, ${seconds} s`)
  }

  // Mostly at what is under way, now and then at what comes before.
  async #aim(): Promise<void> {
    const isUnderWay = () => this.#mirror.isUnderWay || this.#mirror.isExact || this.#mirror.isOver
    if (this.#rng.next(5)) await within(calmMs, 'statements', isUnderWay)
    await sleep(this.#rng.next(this.#options.windowMs))
  }

  /** Whether it hit. What was killed is there again. */
  async #kill(kind: Kind, what: Aim): Promise<boolean> {
    const isHit = this.#mirror.isUnderWay
    if (isHit && what !== 'repair' && !this.#mirror.isIncomplete && !this.#mirror.isExact) {
      // It may have come to its end just now, which it is about to say.
      await sleep(1000)
      if (!this.#mirror.isExact) throw new Error('it takes itself for whole')
      return false
    }
    const killed: Promise<unknown>[] = []
    if (kind !== 'mirror') killed.push(this.#source.kill())
    if (kind !== 'journal') killed.push(this.#mirror.end('SIGKILL'))
    await Promise.all(killed)
    if (kind === 'mirror') return isHit
    await sleep(this.#rng.next(200))
    await this.#source.start()
    return isHit
  }

  /** Waits until the mirror, which is started if need be, is whole and suspects nothing. */
  async #whole(): Promise<void> {
    if (this.#mirror.isOver) await this.#mirror.start()
    await within(calmMs, 'whole', () => {
      if (this.#mirror.isOver) throw new Error('the mirror has ended')
      return !this.#mirror.isIncomplete
    })
    const suspects = join(this.#mirror.copy, '.tfs/suspects')
    await within(calmMs, 'no suspects', () => !existsSync(suspects))
  }

  // Now and then there is nothing left to begin with.
  #spoil(): void {
    const { copy } = this.#mirror
    if (this.#rng.next(2)) return damageCopy(copy, this.#options.seed + this.#damages++)
    for (const name of readdirSync(copy))
      if (name !== '.tfs' || this.#rng.next(2)) rmSync(join(copy, name), { recursive: true })
  }
}
