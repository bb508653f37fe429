// One operation done to the tree, with all that may stand in its way.

import { errno, systemError } from '#posix'
import { renameFlag, type AssertionName, type Body, type OperationName } from '#wire'
import { absences, isDevice, type Absence } from './absence.js'
import { appliers, type Apply } from './appliers.js'
import { divergences } from './divergences.js'
import { MirrorError, TargetError } from './mirror-error.js'
import { isReservedSpelling, operationFaults } from './operation-faults.js'
import { operationLine, pathsOf } from './operation-line.js'
import { isOne, redos } from './redo.js'
import { refusal, refusalMax, refusalReason } from './refusal.js'
import { AGAIN, repairs } from './repairs.js'
import type { Resume } from './resume.js'
import type { Tree } from './tree.js'
import type { Unlock } from './unlock.js'

// More causes than one operation can have.
const repairsMax = 8

export interface OperateOptions {
  readonly tree: Tree
  readonly absence: Absence
  readonly unlock: Unlock
  readonly resume: Resume
  readonly onDivergence: 'repair' | 'stop'
}

export interface Expectations {
  /** All is. */
  readonly isMending: boolean
  /** Something at one of these paths is. */
  isExpected(paths: readonly Buffer[]): boolean
  /** An operation is about to be done. */
  precede<K extends OperationName>(name: K, body: Body<K>): void
}

export class Operate {
  /** What will be stated an operation need not fit. */
  expectations: Expectations | undefined
  readonly #options: OperateOptions
  readonly #isRoot = process.geteuid?.() === 0

  constructor(options: OperateOptions) {
    this.#options = options
  }

  /**
   * Does it. Throws MirrorError EMIRROR_REFUSED and EMIRROR_DIVERGED, and errno errors of the
   * target; `place` says in them which message it was.
   */
  do<K extends OperationName>(name: K, body: Body<K>, seq: number, place: () => string): void {
    const { tree, resume } = this.#options
    const isReserved = tree.options.folds && pathsOf(body).some(isReservedSpelling)
    const fault = isReserved ? refusal.RESERVED : operationFaults[name](body)
    if (fault < 0) throw failed(name, body, seq, fault, place())
    resume.begin()
    this.expectations?.precede(name, body)
    tree.seq = seq
    tree.inDoubt = resume.inDoubt
    tree.isRewound = resume.isRewound
    tree.began = false
    let e = this.#apply(name, body)
    if (e < 0) e = this.#settle(name, body, e)
    // What does not fit will be stated, or was of no use.
    if ((divergences.has(e) || e <= refusalMax) && this.#isLeft(body)) {
      const why = refusalReason(e) ?? systemError(e, name).code
      for (const path of pathsOf(body)) tree.suspect(path, `${name}: ${why}`)
      e = 0
    }
    if (e < 0) throw failed(name, body, seq, e, place())
    tree.began = false
  }

  #isLeft(body: object): boolean {
    const { expectations } = this
    return expectations?.isMending === true || expectations?.isExpected(pathsOf(body)) === true
  }

  /** The source is in doubt about a path. Throws errno errors. */
  doubt({ path }: Body<'doubt'>, seq: number): void {
    const { tree, absence } = this.#options
    if (path.length > 0 && absence.isAbsent(tree, path)) return
    tree.options.suspects.doubt(seq, path)
  }

  #apply<K extends OperationName>(name: K, body: Body<K>): number {
    const { tree, absence, resume } = this.#options
    if (absence.isNeeded) {
      const left = absences[name](absence, tree, body)
      if (left !== undefined) return left
    }
    if (name === 'rename' && (body as Body<'rename'>).flags === renameFlag.EXCHANGE) {
      const done = resume.exchanged(tree, body as Body<'rename'>)
      if (done !== undefined) return done
    }
    if (this.expectations?.isMending && name === 'rename') {
      const moved = body as Body<'rename'>
      // To the kernel names of one file have nothing to do with each other's places.
      if (moved.flags !== renameFlag.EXCHANGE && isOne(tree, moved.path, moved.newPath))
        return appliers.unlink(tree, moved)
    }
    return (appliers[name] as Apply<K>)(tree, body)
  }

  // An ordinary user may have to give himself leave first.
  #withLeave<K extends OperationName>(name: K, body: Body<K>, e: number, again: () => number) {
    const { tree, unlock } = this.#options
    if (e !== -errno.EACCES || this.#isRoot || tree.began) return e
    return unlock.during(tree, pathsOf(body), entering.has(name), again)
  }

  // What failed before it changed anything is tried in other ways.
  #settle<K extends OperationName>(name: K, body: Body<K>, first: number): number {
    const { tree, absence, resume, onDivergence } = this.#options
    const apply = () => this.#apply(name, body)
    let e = first
    // Descriptors kept open may be of what somebody else moved or removed, or be too many.
    if (!tree.began && (divergences.has(e) || e <= refusalMax || exhausted.has(e))) {
      tree.forgetAll()
      e = apply()
    }
    e = this.#withLeave(name, body, e, apply)
    if (
      e === -errno.EPERM &&
      !tree.began &&
      name === 'mknod' &&
      isDevice((body as Body<'mknod'>).mode)
    )
      return absence.omit(tree, body as Body<'mknod'>)
    if (e < 0 && !tree.began && resume.inDoubt) e = redos[name]?.(tree, body, e) ?? e
    if (e < 0 && !tree.began && onDivergence === 'repair' && divergences.has(e))
      e = this.#repair(name, body, e)
    return e
  }

  #repair<K extends OperationName>(name: K, body: Body<K>, first: number): number {
    const { tree } = this.#options
    let e = first
    for (let i = 0; i < repairsMax && e < 0 && !tree.began; i++) {
      const cause = e
      const repair = () => repairs[name](tree, body, cause)
      const mended = this.#withLeave(name, body, repair(), repair)
      if (mended !== AGAIN) {
        e = mended
        break
      }
      const apply = () => this.#apply(name, body)
      e = this.#withLeave(name, body, apply(), apply)
    }
    const why = systemError(first, name).code
    if (e === 0) for (const path of pathsOf(body)) tree.suspect(path, `${name}: ${why}`)
    return e
  }
}

/** Operations that need leave to change the very thing that they are about. */
const entering: ReadonlySet<OperationName> = new Set<OperationName>([
  'write',
  'truncate',
  'fallocate',
  'copy',
  'rename',
  'setxattr',
  'removexattr',
])

const exhausted: ReadonlySet<number> = new Set([-errno.ESTALE, -errno.EMFILE, -errno.ENFILE])

/** What is thrown for `result`, -errno or a refusal, of doing what a message says. */
export function failed(
  name: OperationName | AssertionName,
  body: object,
  seq: number,
  result: number,
  place: string,
): Error {
  const line = `${place}: ${operationLine(name, body)}`
  const refused = refusalReason(refusedAs(result))
  if (refused) return new MirrorError('EMIRROR_REFUSED', `${line}: refused: ${refused}`, { seq })
  const cause = systemError(result, name, pathsOf(body)[0])
  if (divergences.has(result)) {
    const reason = `${line}: the mirror differs: ${cause.message}`
    return new MirrorError('EMIRROR_DIVERGED', reason, { seq, cause })
  }
  return new TargetError(`${line}: ${cause.message}`, seq, cause)
}

// Those errno errors that no honest stream leads to, wherever they come from.
function refusedAs(result: number): number {
  if (result === -errno.ELOOP) return refusal.SYMLINK
  if (result === -errno.EXDEV) return refusal.MOUNTED
  if (result === -errno.EINVAL) return refusal.INVALID
  return result
}
