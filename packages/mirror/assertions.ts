// A mirror that is made whole by what its source states: from the first of it on it is incomplete,
// whatever it was before, and exact when all is stated.

import { randomInt } from 'node:crypto'
import { check, close, fsync, realTime, unlinkat } from '#posix'
import {
  assertForm,
  codecs,
  limits,
  seal,
  type Body,
  type Message,
  type OperationName,
} from '#wire'
import type { Absence } from './absence.js'
import type { Displaced } from './displaced.js'
import { failed } from './operate.js'
import { openPrivateFile, openPrivateFileIfThere } from './private-file.js'
import type { Resume } from './resume.js'
import { Statements } from './statements.js'
import type { StateDirectory } from './state-directory.js'
import type { Suspects } from './suspects.js'
import type { Tree } from './tree.js'
import type { Upstream } from './upstream.js'
import { Wants } from './wants.js'

export type Assertion = Extract<Message, { name: `assert-${string}` }>

export interface AssertionsOptions {
  readonly tree: Tree
  readonly absence: Absence
  readonly state: StateDirectory
  readonly resume: Resume
  readonly suspects: Suspects
  readonly displaced: Displaced
  readonly upstream: Upstream | undefined
  readonly say: (line: string) => void
}

/** Its being there says that the mirror is not whole. */
const markName = 'incomplete'
/** How long the source may take to begin. */
const patienceMs = 10_000

export class Assertions {
  /** The mirror is being made whole. */
  isActive = false
  /** Things that were stated. */
  stated = 0
  readonly #options: AssertionsOptions
  readonly #wants = new Wants()
  readonly #statements: Statements
  readonly #out = Buffer.alloc(limits.messageSizeMin + limits.pathSizeMax + 256)
  readonly #now = { sec: 0, nsec: 0 }
  // The one of the root that was asked for: 0 before.
  #id = 0
  #hasBegun = false
  #hasEnded = false
  #askedMs = 0
  #connections = 0

  constructor(options: AssertionsOptions) {
    this.#options = options
    this.#statements = new Statements(options.tree, options.absence, this.#wants)
  }

  /** Whether an earlier run was to make it whole, and has not come to the end. */
  get isLeft(): boolean {
    const { fd, shown } = this.#options.state
    const found = openPrivateFileIfThere(fd, markName, `${shown}/${markName}`)
    if (found !== undefined) close(found)
    return found !== undefined
  }

  /** From now on it is incomplete. */
  begin(): void {
    const { state, suspects, displaced, absence } = this.#options
    const fd = openPrivateFile(state.fd, markName, `${state.shown}/${markName}`)
    check(fsync(fd), 'fsync', state.shown)
    close(fd)
    check(fsync(state.fd), 'fsync', state.shown)
    this.isActive = true
    suspects.isQuiet = true
    displaced.discard = (directory, name) => absence.trash.take(directory, name)
  }

  /** All is to be stated anew, since something was missed. */
  restart(): void {
    this.#id = 0
    this.#wants.askAgain()
  }

  /** An operation that was applied, or could not be. */
  follow<K extends OperationName>(name: K, body: Body<K>): void {
    if (this.isActive) this.#wants.follow(name, body)
  }

  /** Makes so what is stated. Throws MirrorError, and errno errors of the target. */
  take(message: Assertion, place: () => string): void {
    if (!this.isActive) return
    const { name, body, seq } = message
    const { tree } = this.#options
    tree.seq = seq
    tree.began = false
    if (name === 'assert-begin') return this.#begins(body.id)
    if (name === 'assert-end') return this.#ends(body)
    this.stated++
    const statements = this.#statements
    const e =
      name === 'assert-dir'
        ? statements.directory(body)
        : name === 'assert-file'
          ? statements.file(body, this.#wants.isAsked(body.id))
          : name === 'assert-data'
            ? statements.data(body)
            : statements.absent(body)
    tree.began = false
    if (e < 0) throw failed(name, body, seq, e, place())
  }

  /** Asks for what is to be asked for; for now and then. */
  poll(): void {
    const { upstream, resume } = this.#options
    if (!this.isActive || !upstream?.send || resume.epoch === 0) return
    const { connections, isConnected } = upstream.state()
    if (!isConnected) return
    if (connections !== this.#connections) {
      // What was on its way to the source may be lost.
      this.#connections = connections
      this.#wants.askAgain()
      if (!this.#hasBegun) this.#id = 0
    }
    const isOverdue = !this.#hasBegun && performance.now() - this.#askedMs > patienceMs
    if (this.#id === 0 || (isOverdue && !this.#hasEnded)) this.#askForAll()
    this.#wants.ask((body) => this.#send(body))
  }

  #askForAll(): void {
    const id = randomInt(1, 2 ** 32)
    const path = Buffer.alloc(0)
    const body = { id, depth: 1, form: assertForm.HASHES, offset: 0, length: 0, path }
    if (!this.#send(body)) return
    this.#id = id
    this.#hasBegun = false
    this.#hasEnded = false
    this.#askedMs = performance.now()
  }

  #send(body: Body<'want-assert'>): boolean {
    const size = codecs['want-assert'].encode(this.#out, body)
    seal(this.#out, size, 0, realTime(this.#now), 0)
    return this.#options.upstream?.send?.(Buffer.from(this.#out.subarray(0, size))) === true
  }

  #begins(id: number): void {
    if (id === this.#id) this.#hasBegun = true
    else this.#wants.begins(id)
  }

  #ends({ id, errno }: Body<'assert-end'>): void {
    if (id === this.#id && this.#hasBegun) {
      this.#hasEnded = errno === 0
      if (errno !== 0) {
        this.#options.say(`the source could not state all there is (errno ${errno}); asks again`)
        this.#id = 0
      }
    } else this.#wants.ends(id)
    this.#wants.ask((body) => this.#send(body))
    if (this.#hasEnded && this.#wants.isEmpty) this.#finish()
  }

  #finish(): void {
    const { state, suspects, displaced, resume, say } = this.#options
    this.isActive = false
    suspects.isQuiet = false
    displaced.discard = undefined
    suspects.clear()
    check(unlinkat(state.fd, Buffer.from(markName)), 'unlink', `${state.shown}/${markName}`)
    check(fsync(state.fd), 'fsync', state.shown)
    const { removed } = this.#statements
    const what = `${this.stated} statements, ${removed} names removed that the source has not`
    say(`is exact from message ${resume.seq + 1} of epoch ${resume.epoch} on (${what})`)
  }
}
