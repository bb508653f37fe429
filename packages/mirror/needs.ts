// What the source is to state for this mirror, one thing after the other: asked for until it is
// stated in full.

import { errnoName, escapeName } from '#posix'
import type { Body } from '#wire'
import type { Asked } from './assertions-options.js'
import { MirrorError } from './mirror-error.js'
import { isSame } from './want-assert.js'

/** How long an answer may take to begin: twice as long each time. */
const [patienceMs, patienceMaxMs] = [10_000, 600_000]
/** So often in a row the source may not be able to state what is to be compared. */
const failuresMax = 3
/** After an answer that could not be given. */
const [pauseMs, pauseMaxMs] = [1000, 60_000]

export class Needs {
  /** How often in a row the source could not state what was needed. */
  failures = 0
  #needs: readonly Asked[] = []
  // All requests for the first of them, of which the first that is answered counts.
  readonly #requests = new Map<number, Body<'want-assert'>>()
  #begun: number | undefined
  #sinceMs = -Infinity
  #tries = 0
  #pausedMs = -Infinity

  get isEmpty(): boolean {
    return this.#needs.length === 0
  }

  get first(): Asked | undefined {
    return this.#needs[0]
  }

  /** Whether the source has begun to state what comes first. */
  get hasBegun(): boolean {
    return this.#begun !== undefined
  }

  /** From now on these and no others. */
  set(why: Asked['why'], paths: readonly Buffer[]): void {
    this.restart()
    this.#needs = paths.map((path) => ({ why, path }))
  }

  /** Asks for the first of them where that is due; `send` gives what was sent, if anything was. */
  ask(send: (need: Asked) => Body<'want-assert'> | undefined): void {
    const now = performance.now()
    const need = this.first
    if (!need || this.hasBegun || now < this.#pausedMs) return
    const waitMs = Math.min(patienceMaxMs, patienceMs * 2 ** (this.#tries - 1))
    if (this.#requests.size > 0 && now - this.#sinceMs < waitMs) return
    const body = send(need)
    if (!body) return
    this.#requests.set(body.id, body)
    this.#sinceMs = now
    this.#tries++
  }

  /** Whether what begins was asked for. */
  isAnswer(body: Body<'assert-begin'>): boolean {
    const request = this.#requests.get(body.id)
    return request !== undefined && !this.hasBegun && isSame(request, body)
  }

  /** What is stated from here on, if that was asked for. */
  begins(body: Body<'assert-begin'>): Asked | undefined {
    if (!this.isAnswer(body)) return undefined
    this.#requests.clear()
    this.#begun = body.id
    this.#tries = 0
    return this.first
  }

  /** What the statements of an assertion that has begun are for. */
  of(id: number): Asked | undefined {
    return id === this.#begun ? this.first : undefined
  }

  /** What was stated; in part only where it `isGiven` not: it will be asked for again. */
  ends(id: number, isGiven: boolean): Asked | undefined {
    const need = this.of(id)
    if (!need) return undefined
    this.#begun = undefined
    this.failures = isGiven ? 0 : this.failures + 1
    if (isGiven) this.#needs = this.#needs.slice(1)
    else
      this.#pausedMs = performance.now() + Math.min(pauseMaxMs, pauseMs * 2 ** (this.failures - 1))
    return need
  }

  /** Nothing that was asked for will come. */
  restart(): void {
    this.#requests.clear()
    this.#begun = undefined
    this.#tries = 0
  }
}

/**
 * Says, ever more rarely, that the source could not state what was needed.
 * Throws EMIRROR_UNSTATED where that was to be compared, and has failed a few times in a row.
 */
export function unstated(
  { why, path }: Asked,
  errno: number,
  failures: number,
  say: (line: string) => void,
): void {
  const what = `the source could not state all there is (${errnoName(errno)})`
  if (why === 'verify' && failures >= failuresMax)
    throw new MirrorError('EMIRROR_UNSTATED', `${what}: '${escapeName(path) || '.'}'`)
  if (Number.isInteger(Math.log2(failures))) say(what)
}
