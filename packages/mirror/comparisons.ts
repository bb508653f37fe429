// What is compared with what the source states: what was asked for here, and what others have asked
// for, in passing.

import type { Body, OperationName } from '#wire'
import type { Statement } from './assertions-options.js'
import { Differences, type DifferencesOptions } from './differences.js'
import { compare } from './statement-kinds.js'

export class Comparisons {
  /** Differences that were found, by all comparisons of this run. */
  differing = 0
  readonly #differences: Differences
  // Assertions that are compared though nobody asked for them here, and what differed before.
  readonly #passing = new Map<number, { readonly path: Buffer; readonly differing: number }>()
  // A file that a repair has just made; its content is stated piece by piece.
  #remade: Buffer | undefined

  constructor(options: DifferencesOptions) {
    this.#differences = new Differences(options)
  }

  /** One that nobody asked for here; undefined: there is none. */
  get passing(): Buffer | undefined {
    return this.#passing.values().next().value?.path
  }

  begin(id: number): void {
    this.#differences.begin(id)
  }

  pass(id: number, path: Buffer): void {
    this.#passing.set(id, { path: Buffer.from(path), differing: this.differing })
    this.begin(id)
  }

  passes(id: number): boolean {
    return this.#passing.has(id)
  }

  /** Whether it differs, be that told before or not. */
  compare(statement: Statement): boolean {
    const { count } = this.#differences
    compare(this.#differences, statement)
    this.differing += this.#differences.count - count
    if (statement.name === 'assert-file') this.#remade = undefined
    return this.#differences.hasFound
  }

  /** What was compared last is to be made so; whether its links are not those it should have. */
  repairs({ name, body }: Statement): boolean {
    if (name !== 'assert-file') return false
    if (this.#differences.isAbsent) this.#remade = Buffer.from(body.path)
    return this.#differences.isMisplaced
  }

  /** It is content of a file that was not here: that it has none yet is not to be said. */
  isRemade({ name, body }: Statement): boolean {
    return name === 'assert-data' && this.#remade?.equals(body.path) === true
  }

  /** What was compared in passing, and how many differences that has found. */
  ends(id: number): { path: Buffer; found: number } | undefined {
    this.#differences.end(id)
    const passed = this.#passing.get(id)
    this.#passing.delete(id)
    return passed && { path: passed.path, found: this.differing - passed.differing }
  }

  /** None of those that are under way will come to its end. */
  restart(): void {
    this.#passing.clear()
    this.#differences.forget()
  }

  /** An operation of the stream. */
  follow<K extends OperationName>(name: K, body: Body<K>): void {
    this.#differences.follow(name, body)
  }
}
