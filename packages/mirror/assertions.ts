// What a mirror does with what its source states: nothing while it is current; makes it so while it
// is being made whole, and where it is in doubt of a path; compares where it is asked to.

import { randomInt } from 'node:crypto'
import { assertForm } from '#wire'
import type { AnyMessage, Body, OperationName } from '#wire'
import type { Asked, Assertion, AssertionsOptions, Statement } from './assertions-options.js'
import { Differences, type DifferencesOptions } from './differences.js'
import type { MirrorError } from './mirror-error.js'
import { apply, compare, faultOf, forAll, touch } from './statement-kinds.js'
import { statedAnew } from './divergences.js'
import { Doubts } from './doubts.js'
import { clearIncomplete, isIncomplete, markIncomplete } from './incomplete-mark.js'
import { tellVerified } from './last-verification.js'
import { failed } from './operate.js'
import { isEmpty } from './is-empty.js'
import { Offered } from './offered.js'
import { Statements } from './statements.js'
import { Tally, type Underway } from './tally.js'
import { LinkDoubt, newLinks } from './link-doubt.js'
import { wantAssert } from './want-assert.js'
import { Wants } from './wants.js'

/** How long the source may take to begin. */
const patienceMs = 10_000
/** Between suspects, and while the mirror is not exact before they are stated. */
const [healEachMs, finishEachMs] = [100, 10]

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
  readonly #offered = new Offered()
  // Why the mirror would end, while another way is sought.
  #sought: { readonly error: MirrorError; readonly sinceMs: number } | undefined
  // What is still to be asked for, or was asked for and is not stated in full: one by one.
  #needs: readonly { why: Asked['why']; path: Buffer }[] = []
  // A file that a repair has just made; its content is stated piece by piece.
  #remade: Buffer | undefined
  readonly #doubts = new Doubts()
  // The links of what was healed, to names that were not stated with it.
  readonly #links = new LinkDoubt()
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
    const [asked = need] = this.#asked.values()
    if (asked) return this.tally.of(asked.why === 'links' ? 'heal' : asked.why, asked.path)
    const doubt = this.#doubts.first
    if (doubt) return this.tally.of('heal', doubt)
    const [passing] = this.#passing.values()
    return passing && this.tally.of('check', passing.path)
  }

  /** What may be wrong at `path`, or is missing (`isLack`), is to be stated. False: as is noted. */
  heal(path: Buffer, isLack = false): boolean {
    const { mayHeal, absence } = this.#options
    if (!mayHeal || (this.isActive && !isLack)) return true
    const isKnown = this.#doubts.covering(path) === true
    // What comes in while it is being stated is stated once more.
    if (!isKnown || isLack)
      for (const one of absence.selection.statedFor(path)) this.#doubts.add(one, !this.isActive)
    return !isKnown
  }

  /** What earlier runs have noted is called otherwise by now, perhaps. */
  healAll(): void {
    if (!this.#options.mayHeal) return
    for (const one of this.#options.absence.selection.statedFor(top)) this.#doubts.add(one, false)
  }

  /** Whether something at one of these paths is still to be stated. */
  isExpected(paths: readonly Buffer[]): boolean {
    return paths.some((path) => this.#doubts.covering(path) !== undefined)
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
    this.#doubts.clear()
    this.#links.isThere = false
    // What comes next need not go on from here.
    absence.kin?.forget()
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
    this.#offered.clear()
    this.#differences.forget()
    this.#doubts.restart()
    this.#wants.askAgain()
  }

  /** An operation that is to be applied, and may lead to more that is in doubt. */
  precede<K extends OperationName>(name: K, body: Body<K>): void {
    this.#doubts.follow(name, body)
  }

  /** An operation that was applied, or could not be. */
  follow<K extends OperationName>(name: K, body: Body<K>, seq: number): void {
    const { absence, resume } = this.#options
    absence.kin?.follow(name, body, `${resume.epoch}:${seq}`)
    this.#wants.follow(name, body)
    this.#differences.follow(name, body)
  }

  /** Deals with a statement. Throws MirrorError, and errno errors of the target. */
  take(message: Assertion, place: () => string): void {
    const { name, body, seq } = message
    this.#options.tree.seq = seq
    if (name === 'assert-begin') return this.#begins(body)
    if (name === 'assert-end') return this.#ends(body)
    const fault = faultOf(message, this.#options.tree.options.folds)
    if (fault < 0) throw failed(name, body, seq, fault, place())
    const asked = this.#asked.get(body.id)
    const isHealing = this.#doubts.isAsked(body.id) || this.#offered.has(body.id)
    if (this.#wants.isAsked(body.id)) this.tally.addPiece(message)
    else if (asked || isHealing || this.#passing.has(body.id)) this.tally.add(message)
    // Those of others may go on when this mirror is whole already, and so be done by half.
    const isTaken = asked?.why === 'whole' || asked?.why === 'links' || body.id === forAll
    if (isTaken || isHealing || this.#wants.isAsked(body.id)) this.#apply(message, place)
    else if (asked || this.#passing.has(body.id)) this.#compare(message, place, asked !== undefined)
  }

  /** Asks for what is to be asked for; for now and then. */
  poll(): void {
    const { upstream, resume } = this.#options
    if (!upstream?.send || resume.epoch === 0 || (resume.isPassing && !this.#sought)) return
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
    if (this.#asked.size === 0 && this.#needs.length === 0) this.#heal()
    this.#wants.ask((body) => this.#send(body))
  }

  #heal(): void {
    if (!this.#options.mayHeal) return
    this.#doubts.giveUp(patienceMs)
    const now = performance.now()
    if (now - this.#healMs < (this.isActive ? finishEachMs : healEachMs)) return
    this.#healMs = now
    if (this.#doubts.isIdle && !this.isActive && this.#passing.size === 0) this.tally.reset()
    this.#doubts.ask((path, isDeep) => this.#askFor({ why: undefined, path }, isDeep))
    this.#settle()
  }

  // The number of the request; undefined: not now.
  #askFor(
    { why, path }: { why: Asked['why'] | undefined; path: Buffer },
    isDeep = true,
  ): number | undefined {
    const id = randomInt(1, 2 ** 32)
    // Where there is nothing there is nothing to compare.
    const form = why === 'whole' && this.#isEmpty ? assertForm.DATA : assertForm.HASHES
    const depth = !isDeep || this.#options.absence.selection.isAbove(path) ? 0 : 1
    const body = { id, depth, form, offset: 0, length: 0, path }
    if (!this.#send(body)) return undefined
    if (why) this.#asked.set(id, { why, path, hasBegun: false, atMs: performance.now() })
    return id
  }

  #send(body: Body<'want-assert'>): boolean {
    return this.#options.upstream?.send?.(wantAssert(body)) === true
  }

  #begins({ id, form, path }: Body<'assert-begin'>): void {
    const asked = this.#asked.get(id)
    this.#doubts.begins(id)
    const { checks, suspects, verify } = this.#options
    if (asked) asked.hasBegun = true
    else if (this.#wants.begins(id) || this.#doubts.isAsked(id) || id === forAll) return
    else if (form === assertForm.HASHES && checks) this.#passes(id, path)
    else if (form === assertForm.DATA && suspects.count > 0 && !this.isActive && !verify)
      this.#offered.take(id, path)
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
    const why = this.#asked.get(body.id)?.why
    // Of what is healed nobody knows of what it is a link here.
    const isHealed = this.#doubts.isAsked(body.id) || this.#offered.isWhole(body.id)
    const isNew = why === 'whole' || why === 'links' || isHealed
    this.#checkLinks(message)
    tree.began = false
    const e = this.#doubts.isFlat(body.id)
      ? touch(this.#statements, message)
      : apply(this.#statements, message, !isNew && !isMisplaced)
    tree.began = false
    // What a rename took out of the part and back may be stated in the midst of that.
    const anew = this.#options.absence.selection.isAll ? undefined : statedAnew(body.path, e)
    if (anew) tree.lacks(anew, `${name} did not fit`)
    else if (e < 0) throw failed(name, body, seq, e, place())
  }

  // A name that comes in may belong to a file that has others here, and nobody says which.
  #checkLinks({ name, body }: Statement): void {
    if (name !== 'assert-file' || body.group === 0 || body.linkOf.length > 0) return
    if (this.#options.absence.selection.isAll) return
    this.#links.warn(body.path, this.#options.say)
    if (this.#doubts.isAsked(body.id) || body.id === forAll) this.#links.isThere = true
  }

  #compare(message: Statement, place: () => string, isAsked: boolean): void {
    const { name, body } = message
    const differences = this.#differences
    // That it has no content yet was not to be said.
    if (name === 'assert-data' && this.#remade?.equals(body.path))
      return this.#apply(message, place)
    const before = differences.count
    compare(differences, message)
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
    if (this.#offered.ends(id) && errno === 0) {
      this.#doubts.clear()
      this.#isHealed = true
    }
    if (this.#doubts.isAsked(id)) {
      this.#doubts.ends(id, errno === 0)
      this.#isHealed = true
    }
    if (asked?.why === 'links') this.#links.ends()
    // Otherwise it is asked for again.
    if (asked?.hasBegun && errno === 0)
      this.#needs = this.#needs.filter(({ path }) => !path.equals(asked.path))
    if (asked && errno !== 0)
      this.#options.say(`the source could not state all there is (errno ${errno})`)
    if (this.#statements.isApart && !this.isActive) this.#join(asked)
    this.#wants.ask((body) => this.#send(body))
    this.#settle()
  }

  // Where all that was asked for has come, and nothing else came in meanwhile.
  #settle(): void {
    if (this.#needs.length > 0 || !this.#wants.isEmpty || !this.#doubts.isEmpty) return
    const { mayHeal, suspects, verify } = this.#options
    if (mayHeal && this.#links.begins()) this.#need('links', top)
    else if (this.isActive) this.#finish()
    else if (this.#isHealed) this.#settleSuspects()
    else if (verify) {
      this.isVerified = true
      // All of it is as the source states.
      if (verify.repair && verify.path.length === 0) suspects.clear()
      this.#verified(verify.path, this.differing)
    }
  }

  #verified(path: Buffer, differences: number): void {
    tellVerified(this.#options, path, differences, this.tally.shown)
  }

  // Which of the names here are to be of one file only the whole tells.
  #join(stated: Asked | undefined): void {
    this.#statements.isApart = false
    const all = [...this.#options.absence.selection.statedFor(top)]
    if (stated?.why === 'verify') {
      if (!all.some((one) => one.equals(stated.path))) this.#need('verify', top)
    } else if (stated?.why !== 'links') this.#links.isThere = true
  }

  // Nothing is in doubt once the links are as they should be as well.
  #settleSuspects(): void {
    const { suspects, say } = this.#options
    if (this.#links.isThere) return
    this.#isHealed = false
    say(`${suspects.count} suspect paths are as the source states them now`)
    suspects.clear()
  }

  #finish(): void {
    const { state, suspects, displaced, absence, resume, sync, verify, say } = this.#options
    // A power cut must not take back any of it once nothing says that it is incomplete.
    sync.now()
    this.isActive = false
    resume.isForced = false
    suspects.isQuiet = false
    displaced.discard = undefined
    suspects.clear()
    this.#statements.isApart = this.#isHealed = false
    // Still while it is incomplete, so that no run forgets it.
    if (this.#links.isThere) suspects.lack(resume.seq, absence.selection.only ?? top, newLinks)
    clearIncomplete(state)
    const { removed } = this.#statements
    const what = `${this.tally.shown}, ${removed} names removed that the source has not`
    say(`is exact from message ${resume.seq + 1} of epoch ${resume.epoch} on (${what})`)
    if (verify) this.#need('verify', verify.path)
  }
}

const top = Buffer.alloc(0)
