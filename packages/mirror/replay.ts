// One stream replayed into one tree: which messages count, in what order, and what becomes of those
// that cannot be applied.

import { errno, escapeName, systemError } from '#posix'
import { decodeMessage, epochOf, flagsOf, Framer, Numbering, renameFlag, seqOf } from '#wire'
import { WireError, type Body, type Message, type OperationName } from '#wire'
import { appliers, type Apply } from './appliers.js'
import { MirrorError } from './mirror-error.js'
import { operationFaults } from './operation-faults.js'
import { redos } from './redo.js'
import { refusal, refusalReason } from './refusal.js'
import type { Resume } from './resume.js'
import { isOperation } from './message-kind.js'
import type { Tree } from './tree.js'

export interface ReplayCounts {
  /** Messages that were applied, by name. */
  readonly applied: Map<string, number>
  /** Messages that had been applied before. */
  skipped: number
  /** Messages of kinds that this version does not know. */
  unknown: number
}

export class Replay {
  readonly counts: ReplayCounts = { applied: new Map(), skipped: 0, unknown: 0 }
  readonly #framer = new Framer()
  readonly #numbering = new Numbering()
  readonly #tree: Tree
  readonly #resume: Resume
  #offset = 0

  constructor(tree: Tree, resume: Resume) {
    this.#tree = tree
    this.#resume = resume
  }

  /** Takes the next bytes of the stream. `step` has said that it needs them. */
  push(piece: Buffer): void {
    this.#framer.push(piece)
  }

  /**
   * Applies the next whole message: its bytes, or undefined where more are needed. Throws WireError,
   * MirrorError, and errno errors of the target; the message has then had no effect that trying it
   * again would not mend, and the position is before it.
   */
  step(): Buffer | undefined {
    this.#offset = this.#framer.offset
    try {
      const bytes = this.#framer.next()
      if (bytes) this.#take(bytes)
      return bytes
    } catch (error) {
      throw error instanceof WireError ? error.at({ offset: this.#offset }) : error
    }
  }

  /** The stream has no more bytes. Throws WireError where it may not end here. */
  end(): void {
    this.#numbering.end(this.#framer.pending)
  }

  #take(bytes: Buffer): void {
    const message = decodeMessage(bytes) ?? unknownMessage(bytes)
    this.#numbering.check(message)
    if (message.seq === 0) return
    if (message.name === 'hello') return this.#hello(message, bytes)
    if (!this.#resume.isNext(message)) {
      this.counts.skipped++
      return
    }
    if (message.name === 'gap') {
      const { from, to } = message.body
      const reason = `messages ${from} to ${to} were dropped on the way: the mirror needs them`
      throw new MirrorError('EMIRROR_POSITION', `${this.#place(message.seq)}: ${reason}`)
    }
    if (isOperation(message)) this.#apply(message.name, message.body, message.seq)
    this.#count(message.name)
    this.#resume.applied(message, bytes)
    if (message.name === 'abort') {
      const why = escapeName(message.body.reason)
      throw new MirrorError(
        'EMIRROR_ABORT',
        `${this.#place(message.seq)}: the source gave up: ${why}`,
      )
    }
  }

  #hello(message: Message & { name: 'hello' }, bytes: Buffer): void {
    if (this.#resume.hello(message, bytes)) this.#count('hello')
    else this.counts.skipped++
  }

  #count(name: string): void {
    this.counts.applied.set(name, (this.counts.applied.get(name) ?? 0) + 1)
  }

  #apply<K extends OperationName>(name: K, body: Body<K>, seq: number): void {
    const tree = this.#tree
    let e = operationFaults[name](body)
    if (e < 0) throw this.#failure(name, body, seq, e)
    if (name === 'rename' && (body as Body<'rename'>).flags === renameFlag.EXCHANGE)
      if (this.#resume.isExchanged(tree, body as Body<'rename'>)) name = 'fsync' as K
    const apply = appliers[name] as Apply<K>
    tree.began = false
    e = apply(tree, body)
    if (e < 0 && !tree.began) {
      // Descriptors kept open may be of what somebody else moved or removed.
      tree.forgetAll()
      e = apply(tree, body)
    }
    if (e < 0 && !tree.began && this.#resume.inDoubt) e = redos[name]?.(tree, body, e) ?? e
    if (e < 0) throw this.#failure(name, body, seq, e)
    tree.began = false
  }

  #failure(name: OperationName, body: object, seq: number, result: number): Error {
    const paths = ['from', 'path', 'newPath']
      .map((field) => (body as Record<string, unknown>)[field])
      .filter((path) => Buffer.isBuffer(path))
    const shown = paths.map((path) => `'${escapeName(path)}'`).join(' ')
    const place = this.#place(seq)
    const refused = refusalReason(refusedAs(result))
    if (refused)
      return new MirrorError('EMIRROR_REFUSED', `${place}: ${name} ${shown}: refused: ${refused}`, {
        seq,
      })
    const cause = systemError(result, name, paths.at(-1))
    if (!divergences.has(result)) return cause
    const message = `${place}: ${name} ${shown}: the mirror differs: ${cause.code}`
    return new MirrorError('EMIRROR_DIVERGED', message, { seq, cause })
  }

  #place(seq: number): string {
    return `message ${seq}, byte ${this.#offset}`
  }
}

/** Errors that say that the tree is not what the stream takes it for. */
const divergences: ReadonlySet<number> = new Set(
  [errno.ENOENT, errno.EEXIST, errno.ENOTEMPTY, errno.EISDIR, errno.ENOTDIR, errno.ENODATA].map(
    (n) => -n,
  ),
)

// Those errno errors that no honest stream leads to, wherever they come from.
function refusedAs(result: number): number {
  if (result === -errno.ELOOP) return refusal.SYMLINK
  if (result === -errno.EXDEV) return refusal.MOUNTED
  if (result === -errno.EINVAL) return refusal.INVALID
  return result
}

// It has a number, and else no meaning here: like a tick.
function unknownMessage(bytes: Buffer): Message {
  return { name: 'tick', seq: seqOf(bytes), epoch: epochOf(bytes), flags: flagsOf(bytes), body: {} }
}
