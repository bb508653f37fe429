// What a mirror does with what its source states: nothing while it is current; makes it so while it
// is being made whole, and where it is in doubt of a path; compares where it is asked to.

import { randomInt } from 'node:crypto'
import { escapeName } from '#posix'
import { assertForm } from '#wire'
import type { AnyMessage, Body, Message, OperationName } from '#wire'
import type { Absence } from './absence.js'
import { Differences, type DifferencesOptions, type OnDifference } from './differences.js'
import type { Displaced } from './displaced.js'
import type { MirrorError } from './mirror-error.js'
import { clearIncomplete, isIncomplete, markIncomplete } from './incomplete-mark.js'
import { noteVerified } from './last-verification.js'
import { isEmpty } from './is-empty.js'
import { failed } from './operate.js'
import { isReservedSpelling, statementFaults } from './operation-faults.js'
import { pathsOf } from './operation-line.js'
import { refusal } from './refusal.js'
import type { Resume } from './resume.js'
import { Statements } from './statements.js'
import type { StateDirectory } from './state-directory.js'
import type { Suspects } from './suspects.js'
import type { Sync } from './sync.js'
import { Tally, type Underway } from './tally.js'
import type { Tree } from './tree.js'
import { Unhealed } from './unhealed.js'
import type { Upstream } from './upstream.js'
import { wantAssert } from './want-assert.js'
import { Wants } from './wants.js'

export type Assertion = Extract<Message, { name: `assert-${string}` }>

export interface Verification {
  /** What is compared, with all below it; empty for the root. */
  readonly path: Buffer
  /** What differs is made so. */
  readonly repair: boolean
}

export interface AssertionsOptions {
  readonly tree: Tree
  readonly absence: Absence
  readonly state: StateDirectory
  readonly resume: Resume
  readonly suspects: Suspects
  readonly displaced: Displaced
  readonly sync: Sync
  readonly upstream: Upstream | undefined
  /** Where messages are missing it may be made whole by what the source states. */
  readonly mayRecover: boolean
  /** To be asked for and compared once; then it is `isVerified`. */
  readonly verify: Verification | undefined
  /** Whatever is stated as hashes, for others, is compared. */
  readonly checks: boolean
  readonly onDifference: OnDifference
  readonly say: (line: string) => void
}

export type Statement = Exclude<Assertion, { name: 'assert-begin' | 'assert-end' }>

/** How long the source may take to begin. */
const patienceMs = 10_000
/** Between two suspects. */
const healEachMs = 100

/** Why something is asked for. */
interface Asked {
  readonly why: 'whole' | 'verify' | 'heal'
  readonly path: Buffer
  /** With all below it; otherwise its own attributes are what matters. */
  readonly isDeep: boolean
  hasBegun: boolean
  readonly atMs: number
}

export class Assertions {
  /** The mirror is being made whole. */
  isActive = false
  /** What was to be verified has been compared, and repaired where that was wanted. */
  isVerified = false
  /** Differences that were found, by all comparisons of this run. */
  differing = 0
  readonly tally = new Tally()
  readonly #options: AssertionsOptions
  readonly #wants = new Wants()
  readonly #statements: Statements
  readonly #differences: Differences
  readonly #asked = new Map<number, Asked>()
  // Assertions that are compared though nobody asked for them here, and what differed before.
  readonly #passing = new Map<number, { readonly path: Buffer; readonly differing: number }>()
  // Why the mirror would end, while another way is sought.
  #sought: { readonly error: MirrorError; readonly sinceMs: number } | undefined
  // What is still to be asked for, or was asked for and is not stated in full: one by one.
  #needs: readonly { why: Asked['why']; path: Buffer }[] = []
  // A file that a repair has just made; its content is stated piece by piece.
  #remade: Buffer | undefined
  readonly #unhealed = new Unhealed()
  #healMs = -Infinity
  #isHealed = false
  #connections = 0
  #isEmpty = false

  constructor(options: AssertionsOptions, compared: Omit<DifferencesOptions, 'onDifference'>) {
    this.#options = options
    this.#statements = new Statements(options.tree, options.absence, this.#wants)
    const { onDifference } = options
    this.#differences = new Differences({ ...compared, onDifference })
    if (options.verify) this.#need('verify', options.verify.path)
  }

  /** What does not fit will be stated, or was of no use: it may be left. */
  get isMending(): boolean {
    return this.isActive || (this.#options.verify?.repair === true && !this.isVerified)
  }

  /** Whether an earlier run was to make it whole, and has not come to the end. */
  get isLeft(): boolean {
    return isIncomplete(this.#options.state)
  }

  /** What is being stated for this mirror, or is still to be. */
  get underway(): Underway | undefined {
    if (this.#sought) return this.tally.of('sought', top)
    if (this.isActive) return this.tally.of('whole', top)
    const [need] = this.#needs
    if (need) return this.tally.of(need.why, need.path)
    const [asked] = this.#asked.values()
    if (asked) return this.tally.of(asked.why, asked.path)
    const [passing] = this.#passing.values()
    return passing && this.tally.of('check', passing.path)
  }

  /** Something at `path` may be wrong: it is to be stated. */
  heal(path: Buffer): void {
    const { upstream, mayRecover } = this.#options
    if (!mayRecover || !upstream?.send || this.isActive) return
    for (const one of this.#options.absence.selection.statedFor(path)) this.#unhealed.add(one)
  }

  #need(why: Asked['why'], path: Buffer): void {
    const paths = [...this.#options.absence.selection.statedFor(path)]
    this.#needs = paths.map((one) => ({ why, path: one }))
    this.tally.reset()
  }

  /** From now on it is incomplete. */
  begin(): void {
    const { state, suspects, displaced, absence } = this.#options
    markIncomplete(state)
    this.isActive = true
    this.#unhealed.clearAll()
    this.#isEmpty = isEmpty(this.#options.tree.root)
    this.#need('whole', top)
    suspects.isQuiet = true
    displaced.discard = (directory, name) => absence.trash.take(directory, name)
  }

  /**
   * The stream does not go on where the mirror is: whether the source is asked to state what there
   * is. Nothing is done until it begins to; where it does not, `error` ends the mirror after all.
   */
  seek(error: MirrorError): boolean {
    const { upstream, resume, say, mayRecover } = this.#options
    if (this.#sought) return true
    if (!mayRecover || !upstream?.send || !resume.isSameSource) return false
    say(`${error.message}; asks the source what there is`)
    this.#sought = { error, sinceMs: performance.now() }
    this.#need('whole', top)
    this.#asked.clear()
    return true
  }

  /** The stream has ended. Throws where what was sought did not come. */
  checkEnd(): void {
    if (this.#sought) throw this.#sought.error
  }

  /** The message comes before what is sought, and counts for nothing. */
  isSought(message: AnyMessage): boolean {
    if (!this.#sought) return false
    const asked = message.name === 'assert-begin' && this.#asked.get(message.body.id)
    if (!asked) return true
    this.#sought = undefined
    this.#options.say('compares itself with the source, and mends what differs')
    this.#options.resume.rejoin(message.epoch)
    this.begin()
    return false
  }

  /** What was asked for will not come, since an epoch has ended or messages are missing. */
  restart(): void {
    for (const { hasBegun } of this.#asked.values()) if (hasBegun) this.#isEmpty = false
    this.#asked.clear()
    this.#passing.clear()
    this.#differences.forget()
    this.#wants.askAgain()
  }

  /** An operation that was applied, or could not be. */
  follow<K extends OperationName>(name: K, body: Body<K>): void {
    this.#wants.follow(name, body)
    this.#differences.follow(name, body)
    this.#unhealed.follow(name, body)
  }

  /** Deals with a statement. Throws MirrorError, and errno errors of the target. */
  take(message: Assertion, place: () => string): void {
    const { name, body } = message
    const { tree } = this.#options
    tree.seq = message.seq
    if (name === 'assert-begin') return this.#begins(body)
    if (name === 'assert-end') return this.#ends(body)
    const fault = this.#faultOf(message)
    if (fault < 0) throw failed(name, body, message.seq, fault, place())
    const asked = this.#asked.get(body.id)
    if (this.#wants.isAsked(body.id)) this.tally.addPiece(message)
    else if (asked || this.#passing.has(body.id)) this.tally.add(message)
    // Those of others may go on when this mirror is whole already, and so be done by half.
    const isOurs = asked?.why === 'whole' || asked?.why === 'heal' || body.id === forAll
    if (isOurs || this.#wants.isAsked(body.id)) this.#apply(message, place)
    else if (asked || this.#passing.has(body.id)) this.#compare(message, place, asked !== undefined)
  }

  #faultOf({ name, body }: Statement): number {
    const { folds } = this.#options.tree.options
    if (folds && pathsOf(body).some(isReservedSpelling)) return refusal.RESERVED
    return statementFaults[name](body as never)
  }

  /** Asks for what is to be asked for; for now and then. */
  poll(): void {
    const { upstream, resume } = this.#options
    if (!upstream?.send || resume.epoch === 0) return
    if (resume.isPassing && !this.#sought) return
    if (this.#sought && performance.now() - this.#sought.sinceMs > patienceMs)
      throw this.#sought.error
    const { connections, isConnected } = upstream.state()
    if (!isConnected) return
    // What was on its way to the source may be lost.
    if (connections !== this.#connections) this.restart()
    this.#connections = connections
    for (const [id, { hasBegun, atMs }] of this.#asked)
      if (!hasBegun && performance.now() - atMs > patienceMs) this.#asked.delete(id)
    const [need] = this.#needs
    if (need && this.#asked.size === 0) this.#askFor(need)
    const suspect = this.#asked.size === 0 ? this.#unhealed.next() : undefined
    if (suspect && performance.now() - this.#healMs >= healEachMs) {
      this.#healMs = performance.now()
      this.tally.reset()
      this.#askFor({ why: 'heal', path: suspect.path }, suspect.isDeep)
    }
    this.#wants.ask((body) => this.#send(body))
  }

  #askFor({ why, path }: { why: Asked['why']; path: Buffer }, isDeep = true): void {
    const id = randomInt(1, 2 ** 32)
    // Where there is nothing there is nothing to compare.
    const form = why === 'whole' && this.#isEmpty ? assertForm.DATA : assertForm.HASHES
    const depth = !isDeep || this.#options.absence.selection.isAbove(path) ? 0 : 1
    const body = { id, depth, form, offset: 0, length: 0, path }
    if (this.#send(body))
      this.#asked.set(id, { why, path, isDeep, hasBegun: false, atMs: performance.now() })
  }

  #send(body: Body<'want-assert'>): boolean {
    return this.#options.upstream?.send?.(wantAssert(body)) === true
  }

  #begins({ id, form, path }: Body<'assert-begin'>): void {
    const asked = this.#asked.get(id)
    if (asked) asked.hasBegun = true
    else if (!this.#wants.begins(id) && this.#options.checks && form === assertForm.HASHES)
      this.#passes(id, path)
    if (asked?.why === 'verify' || this.#passing.has(id)) this.#differences.begin(id)
  }

  #passes(id: number, path: Buffer): void {
    if (this.#passing.size + this.#asked.size === 0) this.tally.reset()
    this.#passing.set(id, { path: Buffer.from(path), differing: this.differing })
  }

  /** `isMisplaced`: the file's links are not those that it should have. */
  #apply(message: Statement, place: () => string, isMisplaced = false) {
    const { name, body, seq } = message
    const { tree } = this.#options
    const isAnswer = body.id === forAll || this.#wants.isAsked(body.id)
    const isHealed = this.#asked.get(body.id)?.why === 'heal'
    // Of what is healed nobody knows of what it is a link here.
    const isPartial = (!this.isActive && !isMisplaced && !isHealed) || isAnswer
    tree.began = false
    const e = this.#do(message, isPartial)
    tree.began = false
    if (e < 0) throw failed(name, body, seq, e, place())
  }

  #do({ name, body }: Statement, isPartial: boolean): number {
    const statements = this.#statements
    const isFlat = this.#asked.get(body.id)?.isDeep === false
    if (isFlat) return name === 'assert-dir' ? statements.attributes(body) : 0
    if (name === 'assert-dir') return statements.directory(body)
    if (name === 'assert-file') return statements.file(body, isPartial)
    return name === 'assert-data' ? statements.data(body) : statements.absent(body)
  }

  #compare(message: Statement, place: () => string, isAsked: boolean): void {
    const { name, body } = message
    const differences = this.#differences
    // That it has no content yet was not to be said.
    if (name === 'assert-data' && this.#remade?.equals(body.path))
      return this.#apply(message, place)
    const before = differences.count
    if (name === 'assert-dir') differences.directory(body)
    else if (name === 'assert-file') differences.file(body)
    else if (name === 'assert-data') differences.data(body)
    else differences.absent(body)
    this.differing += differences.count - before
    if (name === 'assert-file') this.#remade = undefined
    if (differences.count === before || !isAsked || !this.#options.verify?.repair) return
    if (name === 'assert-file' && differences.isAbsent) this.#remade = Buffer.from(body.path)
    this.#apply(message, place, name === 'assert-file' && differences.isMisplaced)
  }

  #ends({ id, errno }: Body<'assert-end'>): void {
    const asked = this.#asked.get(id)
    this.#asked.delete(id)
    const passed = this.#passing.get(id)
    this.#passing.delete(id)
    this.#differences.end(id)
    if (passed && errno === 0) this.#verified(passed.path, this.differing - passed.differing)
    this.#wants.ends(id)
    if (asked?.why === 'heal') {
      if (errno === 0 && asked.hasBegun) this.#unhealed.clear(asked.path)
      this.#isHealed = true
    } else if (asked?.hasBegun) {
      // Otherwise it is asked for again.
      if (errno === 0) this.#needs = this.#needs.filter(({ path }) => !path.equals(asked.path))
      else this.#options.say(`the source could not state all there is (errno ${errno})`)
    }
    if (this.#statements.isApart && !this.isActive) this.#join(asked)
    this.#wants.ask((body) => this.#send(body))
    if (this.#needs.length > 0 || !this.#wants.isEmpty) return
    if (this.isActive) this.#finish()
    else if (this.#isHealed) this.#settleSuspects()
    else if (this.#options.verify) {
      const { path, repair } = this.#options.verify
      this.isVerified = true
      // All of it is as the source states.
      if (repair && path.length === 0) this.#options.suspects.clear()
      this.#verified(path, this.differing)
    }
  }

  #verified(path: Buffer, differences: number): void {
    const { state, resume, verify, say } = this.#options
    const repaired = verify?.repair === true
    noteVerified(state, path, { differences, repaired, position: resume })
    if (verify) return
    const found = differences === 0 ? 'no difference' : `${differences} differences`
    say(`compared '${escapeName(path) || '.'}' with the source: ${found} (${this.tally.shown})`)
  }

  // Which of the names here are to be of one file only the whole tells.
  #join(stated: Asked | undefined): void {
    this.#statements.isApart = false
    const all = [...this.#options.absence.selection.statedFor(top)]
    if (stated && all.some((one) => one.equals(stated.path))) return
    if (stated?.why === 'verify') this.#need('verify', top)
    else this.heal(top)
  }

  // Nothing is in doubt once all of them are stated, and what they lacked has come.
  #settleSuspects(): void {
    const { suspects, say } = this.#options
    if (this.#unhealed.next()) return
    this.#isHealed = false
    say(`${suspects.count} suspect paths are as the source states them now`)
    suspects.clear()
  }

  #finish(): void {
    const { state, suspects, displaced, resume, sync, verify, say } = this.#options
    // A power cut must not take back any of it once nothing says that it is incomplete.
    sync.now()
    this.isActive = false
    resume.isForced = false
    suspects.isQuiet = false
    displaced.discard = undefined
    suspects.clear()
    clearIncomplete(state)
    const { removed } = this.#statements
    const what = `${this.tally.shown}, ${removed} names removed that the source has not`
    say(`is exact from message ${resume.seq + 1} of epoch ${resume.epoch} on (${what})`)
    if (verify) this.#need('verify', verify.path)
  }
}

/** What a source states of its own accord, since nobody can know it who has all of the stream. */
const forAll = 0
const top = Buffer.alloc(0)
