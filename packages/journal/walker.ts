// One assertion: states what is at a path, and below it, between the operations of the stream, a
// bounded piece at a time. Whatever happens to names meanwhile, nothing is left out.

import { errno, S_IFDIR } from '#posix'
import { assertForm, type Body, type OperationName } from '#wire'
import { blockSize } from './content-slots.js'
import { DirectoryStatements } from './directory-statements.js'
import { dataHereMax, FileStatements, WAITS } from './file-statements.js'
import type { InodeKey } from './node.js'
import type { JournalContext } from './journal-context.js'
import { LinkGroups } from './link-groups.js'
import { LookAhead } from './look-ahead.js'
import { Pending } from './pending.js'
import { follow, nameFor } from './walk-follow.js'
import { Place } from './walk-place.js'

/** What is asked for. */
export interface AssertRequest {
  readonly id: number
  readonly path: Buffer
  /** Whether all below it is meant, too. */
  readonly isDeep: boolean
  /** See assertForm. */
  readonly form: number
  /** Of one file the content from `offset` on, `length` bytes or (0) all of it. */
  readonly offset: number
  readonly length: number
}

/** The message with which it begins. */
export const begins = ({ isDeep, ...rest }: AssertRequest): Body<'assert-begin'> => ({
  ...rest,
  depth: isDeep ? 1 : 0,
})

export interface WalkCounts {
  directories: number
  files: number
  /** Of files, stated as data or by their hash. */
  bytes: number
  /** Pieces of files that had changed by the time they were read: they were read again. */
  reread: number
}

/** What the parts of a walk work with. */
export interface Walk {
  readonly context: JournalContext
  readonly request: AssertRequest
  readonly counts: WalkCounts
  readonly pending: Pending
  readonly links: LinkGroups
  readonly place: Place
  readonly ahead: LookAhead
  /** Nothing waits for other threads: content is read, and hashed, in this one. */
  readonly isAtOnce: boolean
  /** Whether what was stated of a path holds. */
  readonly isRight: (path: Buffer) => boolean
}

type Next = NonNullable<ReturnType<Pending['next']>>

/**
 * How a walk stands after a step: 'waits' for what other threads read, goes on 'later', when the
 * system has again what it lacks.
 */
export type WalkState = 'goes on' | 'waits' | 'later' | 'ended'

/** What a step has done: something, or nothing yet (see WalkState). */
const LATER = 2
const lacking: readonly number[] = [-errno.EMFILE, -errno.ENFILE, -errno.ENOMEM]

export class Walker {
  readonly request: AssertRequest
  readonly counts: WalkCounts = { directories: 0, files: 0, bytes: 0, reread: 0 }
  readonly #walk: Walk
  readonly #files: FileStatements
  readonly #directories: DirectoryStatements
  /** Why it could not state all: Linux's number of the first error; 0: it could. */
  errno = 0

  /** `isAtOnce`: it never 'waits'; its steps take as long as reading takes. */
  constructor(context: JournalContext, request: AssertRequest, isAtOnce = false) {
    this.request = request
    const { tree, contents } = context
    const { path } = request
    const place = new Place(tree)
    const sizeMax = this.isData ? dataHereMax : blockSize
    const pending = new Pending(path, (one) => place.typeAt(one))
    this.#walk = {
      context,
      request,
      counts: this.counts,
      pending,
      place,
      isAtOnce,
      links: new LinkGroups((one): InodeKey | undefined => place.inodeAt(one)),
      ahead: new LookAhead(contents, { rootFd: tree.rootFd, sizeMax, wantsData: this.isData }),
      isRight: (one) => !pending.covers(one),
    }
    this.#files = new FileStatements(this.#walk)
    this.#directories = new DirectoryStatements(this.#walk)
    context.emitter.emit('assert-begin', begins(request))
  }

  /** Whether content itself is stated. */
  get isData(): boolean {
    return this.request.form === assertForm.DATA
  }

  /** States pieces until `isOver` says so, or all is stated, which is said then. */
  step(isOver: () => boolean): WalkState {
    const { pending, ahead, isAtOnce } = this.#walk
    do {
      const next = pending.next()
      if (!next) return this.#end()
      const done = this.#state(next)
      if (done === WAITS) return 'waits'
      if (done === LATER) return 'later'
      if (!isAtOnce) ahead.fill()
    } while (!isOver())
    return 'goes on'
  }

  /** An operation that has just been emitted. */
  follow<K extends OperationName>(name: K, body: Body<K>): void {
    if (name === 'rmdir') this.#walk.place.leave()
    follow(this.#walk, name, body)
  }

  /** Whether names of that inode are stated, or begun. */
  knows(key: InodeKey): boolean {
    return this.#walk.links.has(key)
  }

  /** See walk-follow. */
  nameFor(key: InodeKey, path: Buffer): Buffer {
    return nameFor(this.#walk, key, path)
  }

  /** Whether what is said of `path` has no other name stated again. */
  takes(path: Buffer): boolean {
    const { pending, isRight } = this.#walk
    return isRight(path) || pending.isBegun(path)
  }

  /** It is not gone on with. */
  abandon(error: number): void {
    this.errno = error
    this.#end()
  }

  #end(): 'ended' {
    this.#files.close()
    this.#directories.close()
    this.#walk.ahead.close()
    this.#walk.place.leave()
    const { id } = this.request
    this.#walk.context.emitter.emit('assert-end', { id, errno: this.errno })
    return 'ended'
  }

  // WAITS, LATER, or else something was done.
  #state(next: Next): number {
    const { path } = next
    const e = this.#stateWhatIs(next)
    if (e >= 0) return e
    const { context, pending, isAtOnce } = this.#walk
    if (!isAtOnce && lacking.includes(e)) {
      context.onUnstated(path, -e, true)
      return LATER
    }
    pending.done(path)
    // Behind the mount somebody was quicker.
    if (e === -errno.ENOENT || e === -errno.ENOTDIR || e === -errno.ELOOP) this.#absent(path)
    else {
      this.errno ||= -e
      context.onUnstated(path, -e, false)
    }
    return 0
  }

  #absent(path: Buffer): void {
    const { id } = this.request
    if (path.length > 0) this.#walk.context.emitter.emit('assert-absent', { id, path })
  }

  #stateWhatIs({ path, progress, listing }: Next): number {
    const { place, context } = this.#walk
    const e = place.enter(path)
    if (e < 0) return e
    // It has come to where patterns exclude it.
    if (context.tree.isOutside(path, place.stat.type)) return -errno.ENOENT
    const node = context.tree.nodes.find(place.stat)
    // What that says may be said of another name, and have it stated again.
    if (node) context.times.flush(node)
    return place.stat.type === S_IFDIR
      ? this.#directories.state(path, listing)
      : this.#files.state(path, progress)
  }
}
