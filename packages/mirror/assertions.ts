// What a mirror does with what its source states: nothing while it is current; makes it so while it
// is being made whole, and where it is in doubt of a path; compares where it is asked to.

import { randomInt } from 'node:crypto'
import { assertForm } from '#wire'
import type { AnyMessage, Body, OperationName } from '#wire'
import type { Asked, Assertion, AssertionsOptions, Statement } from './assertions-options.js'
import { Comparisons } from './comparisons.js'
import type { DifferencesOptions } from './differences.js'
import type { MirrorError } from './mirror-error.js'
import { apply, faultOf, forAll, touch } from './statement-kinds.js'
import { statedAnew } from './divergences.js'
import { Doubts } from './doubts.js'
import { tellVerified } from './last-verification.js'
import { Needs, unstated } from './needs.js'
import { failed } from './operate.js'
import { Inspection } from './inspection.js'
import { isEmpty } from './is-empty.js'
import { Offered } from './offered.js'
import { Sought } from './sought.js'
import { Statements } from './statements.js'
import { Tally, type Underway } from './tally.js'
import { LinkDoubt } from './link-doubt.js'
import { beginWhole, endRepair, endWhole } from './whole.js'
import { wantAssert } from './want-assert.js'
import { Wants } from './wants.js'

/** Between suspects, and while the mirror is not exact before they are stated. */
const [healEachMs, finishEachMs] = [100, 10]

export class Assertions {
  /** The mirror is being made whole. */
  isActive = false
  /** What was to be verified has been compared, and repaired where that was wanted. */
  isVerified = false
  readonly tally = new Tally()
  readonly #options: AssertionsOptions
  readonly #wants: Wants
  readonly #statements: Statements
  readonly #comparisons: Comparisons
  readonly #offered = new Offered()
  readonly #sought = new Sought()
  readonly #needs = new Needs()
  readonly #doubts = new Doubts()
  // The links of what was healed, to names that were not stated with it.
  readonly #links = new LinkDoubt()
  #healMs = -Infinity
  #isHealed = false
  #connections = 0
  #isEmpty = false
  #isJoined = false
  #isAllVerified: boolean

  constructor(options: AssertionsOptions, compared: Omit<DifferencesOptions, 'onDifference'>) {
    this.#options = options
    const inspection = new Inspection(options.tree)
    this.#wants = new Wants((path) => inspection.linksAt(path))
    this.#statements = new Statements(options.tree, options.absence, this.#wants)
    const { onDifference } = options
    this.#comparisons = new Comparisons({ ...compared, onDifference })
    const all = [...options.absence.selection.statedFor(top)]
    this.#isAllVerified = all.some((path) => options.verify?.path.equals(path))
    if (options.verify) this.#need('verify', options.verify.path)
  }

  /** What does not fit will be stated, or was of no use: it may be left. */
  get isMending(): boolean {
    return this.isActive || (this.#options.verify?.repair === true && !this.isVerified)
  }

  /** What is being stated for this mirror, or is still to be. */
  get underway(): Underway | undefined {
    if (this.#sought.isThere) return this.tally.of('sought', top)
    if (this.isActive) return this.tally.of('whole', top)
    const need = this.#needs.first
    if (need) return this.tally.of(need.why === 'links' ? 'heal' : need.why, need.path)
    const doubt = this.#doubts.first
    if (doubt) return this.tally.of('heal', doubt)
    const { passing } = this.#comparisons
    return passing && this.tally.of('check', passing)
  }

  /** Differences that were found, by all comparisons of this run. */
  get differing(): number {
    return this.#comparisons.differing
  }

  /** What may be wrong at `path`, or is missing (`isLack`), is to be stated. False: as is noted. */
  heal(path: Buffer, isLack = false): boolean {
    const { mayHeal, absence } = this.#options
    if (!mayHeal && !this.isActive) return true
    const isKnown = this.#doubts.covering(path) === true
    // What comes in while it is being stated is stated once more.
    if (!isKnown || isLack || this.isActive)
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
    // Whatever is lacking will be found again.
    if (why === 'whole') this.#wants.clear()
    this.#needs.set(why, [...this.#options.absence.selection.statedFor(path)])
    this.tally.reset()
  }

  /**
   * It is to be made whole, by a source that is accepted once it has `joined`; `isAsked`: what
   * there is has been asked for.
   */
  begin(isAsked = false): void {
    this.isActive = true
    this.#wants.clear()
    this.#doubts.clear()
    this.#links.isThere = false
    this.#isEmpty = isEmpty(this.#options.tree.root)
    if (!isAsked) this.#need('whole', top)
  }

  /** The source is one that the mirror follows: from now on it is incomplete. */
  joined(): void {
    if (this.isActive && !this.#isJoined) beginWhole(this.#options)
    this.#isJoined = this.isActive
  }

  /**
   * The stream does not go on where the mirror is: whether the source is asked to state what there
   * is. Nothing is done until it begins to; where it does not, `error` ends the mirror after all.
   */
  seek(error: MirrorError): boolean {
    const { upstream, resume, say, mayRecover } = this.#options
    if (this.#sought.isThere) return true
    if (!mayRecover || !upstream?.send || !resume.isSameSource) return false
    say(`${error.message}; asks the source what there is`)
    this.#sought.begin(error)
    this.restart()
    this.#need('whole', top)
    return true
  }

  /** The stream has ended. Throws where what was sought did not come. */
  checkEnd(): void {
    this.#sought.check()
  }

  /** The message comes before what is sought, and counts for nothing. */
  isSought(message: AnyMessage): boolean {
    if (!this.#sought.isThere) return false
    if (message.name !== 'assert-begin' || !this.#needs.isAnswer(message.body)) return true
    this.#sought.end()
    this.#options.say('compares itself with the source, and mends what differs')
    this.#options.resume.rejoin(message.epoch)
    this.begin(true)
    this.joined()
    return false
  }

  /** What was asked for will not come, since an epoch has ended or messages are missing. */
  restart(): void {
    if (this.#needs.hasBegun) this.#isEmpty = false
    this.#needs.restart()
    this.#comparisons.restart()
    this.#offered.clear()
    this.#doubts.restart()
    this.#wants.askAgain()
  }

  /** Messages are missing, and are done without: what was stated before is of no use. */
  missed(): void {
    this.restart()
    if (!this.isActive) return
    this.#isEmpty &&= isEmpty(this.#options.tree.root)
    this.#need('whole', top)
  }

  /** An operation that is to be applied, and may lead to more that is in doubt. */
  precede<K extends OperationName>(name: K, body: Body<K>): void {
    this.#doubts.follow(name, body)
    const { selection } = this.#options.absence
    const isOut = (path: Buffer) => selection.excludes(path, false)
    this.#wants.follow(name, body, selection.isAll ? undefined : isOut)
  }

  /** An operation that was applied, or could not be. */
  follow<K extends OperationName>(name: K, body: Body<K>, seq: number): void {
    const { absence, resume } = this.#options
    absence.kin?.follow(name, body, `${resume.epoch}:${seq}`)
    this.#comparisons.follow(name, body)
  }

  /** Deals with a statement. Throws MirrorError, and errno errors of the target. */
  take(message: Assertion, place: () => string): void {
    const { name, body, seq } = message
    this.#options.tree.seq = seq
    if (name === 'assert-begin') return this.#begins(body)
    if (name === 'assert-end') return this.#ends(body)
    const fault = faultOf(message, this.#options.tree.options.folds)
    if (fault < 0) throw failed(name, body, seq, fault, place())
    const asked = this.#needs.of(body.id)
    const isHealing = this.#doubts.isAsked(body.id) || this.#offered.has(body.id)
    if (this.#wants.isAsked(body.id)) this.tally.addPiece(message)
    else if (asked || isHealing || this.#comparisons.passes(body.id)) this.tally.add(message)
    // Those of others may go on when this mirror is whole already, and so be done by half.
    const isTaken = asked?.why === 'whole' || asked?.why === 'links' || body.id === forAll
    if (isTaken || isHealing || this.#wants.isAsked(body.id)) this.#apply(message, place)
    else if (asked || this.#comparisons.passes(body.id))
      this.#compare(message, place, asked !== undefined)
  }

  /** Asks for what is to be asked for; for now and then. */
  poll(): void {
    const { upstream, resume, say } = this.#options
    if (!upstream?.send || resume.epoch === 0 || (resume.isPassing && !this.#sought.isThere)) return
    this.#sought.poll(say)
    const { connections, isConnected } = upstream.state()
    if (!isConnected) return
    // What was on its way to the source may be lost.
    if (connections !== this.#connections) this.restart()
    this.#connections = connections
    this.#needs.ask(({ why, path }) => this.#askFor(path, why))
    if (this.#needs.isEmpty) this.#heal()
    this.#wants.ask((body) => this.#send(body))
    this.#settle()
  }

  #heal(): void {
    if (!this.#options.mayHeal && !this.isActive) return
    this.#doubts.giveUp()
    const now = performance.now()
    if (now - this.#healMs < (this.isActive ? finishEachMs : healEachMs)) return
    this.#healMs = now
    if (this.#doubts.isIdle && !this.isActive && !this.#comparisons.passing) this.tally.reset()
    this.#doubts.ask((path, isDeep) => this.#askFor(path, undefined, isDeep))
    this.#settle()
  }

  // The request; undefined: not now.
  #askFor(path: Buffer, why?: Asked['why'], isDeep = true): Body<'want-assert'> | undefined {
    const id = randomInt(1, 2 ** 32)
    // Where there is nothing there is nothing to compare.
    const form = why === 'whole' && this.#isEmpty ? assertForm.DATA : assertForm.HASHES
    const depth = !isDeep || this.#options.absence.selection.isAbove(path) ? 0 : 1
    const body = { id, depth, form, offset: 0, length: 0, path }
    return this.#send(body) ? body : undefined
  }

  #send(body: Body<'want-assert'>): boolean {
    return this.#options.upstream?.send?.(wantAssert(body)) === true
  }

  #begins(body: Body<'assert-begin'>): void {
    const { id, form, path } = body
    const { checks, suspects, verify } = this.#options
    const need = this.#needs.begins(body)
    if (need?.why === 'verify') this.#comparisons.begin(id)
    if (need || this.#wants.begins(body) || this.#doubts.begins(body) || id === forAll) return
    // A part of what is at a path tells little of that path.
    const isDeep = body.depth === 1 && body.offset === 0 && body.length === 0
    if (!isDeep || this.isActive) return
    if (form === assertForm.HASHES && checks) this.#passes(id, path)
    else if (form === assertForm.DATA && suspects.count > 0 && !verify) this.#offered.take(id, path)
  }

  #passes(id: number, path: Buffer): void {
    if (!this.#comparisons.passing && !this.#needs.hasBegun) this.tally.reset()
    this.#comparisons.pass(id, path)
  }

  /** `isMisplaced`: the file's links are not those that it should have. */
  #apply(message: Statement, place: () => string, isMisplaced = false) {
    const { name, body, seq } = message
    const { tree } = this.#options
    const why = this.#needs.of(body.id)?.why
    // Of what is healed nobody knows of what it is a link here.
    const isHealed = this.#doubts.isAsked(body.id) || this.#offered.isWhole(body.id)
    if (why === 'whole' || why === 'links') this.#doubts.stated(message)
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
    const comparisons = this.#comparisons
    if (comparisons.isRemade(message)) return this.#apply(message, place)
    if (!comparisons.compare(message) || !isAsked) return
    const { verify, suspects } = this.#options
    if (!verify?.repair) return
    // Whoever is killed now leaves what is half repaired.
    suspects.repairing(message.seq, verify.path)
    this.#apply(message, place, comparisons.repairs(message))
  }

  #ends({ id, errno }: Body<'assert-end'>): void {
    const need = this.#needs.ends(id, errno === 0)
    const passed = this.#comparisons.ends(id)
    if (passed && errno === 0) this.#verified(passed.path, passed.found)
    this.#wants.ends(id, errno === 0)
    if (this.#offered.ends(id) && errno === 0) {
      this.#doubts.clear()
      this.#isHealed = true
    }
    if (this.#doubts.isAsked(id)) {
      if (errno === 0) this.#doubts.ends(id, true)
      else this.#doubts.fails(id)
      this.#isHealed ||= errno === 0
    }
    if (need?.why === 'links') this.#links.ends()
    if (need && errno !== 0) unstated(need, errno, this.#needs.failures, this.#options.say)
    // While some is to be verified yet, that may tell.
    const isVerifying = this.#needs.first?.why === 'verify'
    if (this.#statements.isApart && !this.isActive && !isVerifying) this.#join(need)
    this.#wants.ask((body) => this.#send(body))
    this.#settle()
  }

  // Where all that was asked for has come, and nothing else came in meanwhile.
  #settle(): void {
    if (!this.#needs.isEmpty || !this.#wants.isEmpty || !this.#doubts.isEmpty) return
    const { mayHeal, verify } = this.#options
    if (this.#wants.isLost) return this.#seekLost()
    if (mayHeal && this.#links.begins()) this.#need('links', top)
    else if (this.isActive) this.#finish()
    else if (this.#isHealed) this.#settleSuspects()
    else if (verify && !this.isVerified) {
      this.isVerified = true
      if (verify.repair) endRepair(this.#options, verify.path)
      this.#verified(verify.path, this.differing)
    }
  }

  // A file lacks something under a name that nobody knows.
  #seekLost(): void {
    this.#wants.isLost = false
    const { verify } = this.#options
    if (this.isActive) this.#need('whole', top)
    else if (verify) this.#need('verify', top)
    else this.#need('links', top)
  }

  #verified(path: Buffer, differences: number): void {
    tellVerified(this.#options, path, differences, this.tally.shown)
  }

  // Which of the names here are to be of one file only the whole tells.
  #join(stated: Asked | undefined): void {
    this.#statements.isApart = false
    if (!this.#options.verify) this.#links.isThere ||= stated?.why !== 'links'
    else if (!this.#isAllVerified) {
      this.#isAllVerified = true
      this.#need('verify', top)
    }
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
    this.isActive = this.#isJoined = this.#statements.isApart = this.#isHealed = false
    const { removed } = this.#statements
    const what = `${this.tally.shown}, ${removed} names removed that the source has not`
    endWhole(this.#options, this.#links.isThere, what)
    const { verify } = this.#options
    if (verify) this.#need('verify', verify.path)
  }
}

const top = Buffer.alloc(0)
