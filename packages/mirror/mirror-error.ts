// What ends a replay, other than the stream itself (WireError) and the target (an errno error).

import type { SystemError } from '#posix'

export type MirrorCode =
  | 'EMIRROR_REFUSED' // a message that would leave the root, or that no journal writes
  | 'EMIRROR_DIVERGED' // a message does not fit the mirror, and was not to be repaired
  | 'EMIRROR_POSITION' // the stream does not go on where the mirror is
  | 'EMIRROR_SOURCE' // a mirror of another source is not made one of this
  | 'EMIRROR_PAST' // the mirror is behind the end that the user has set
  | 'EMIRROR_ABORT' // the source gave up
  | 'EMIRROR_ADOPT' // a directory that is not empty and no mirror
  | 'EMIRROR_COMPARE' // a directory that is no mirror, or no whole one, cannot be compared
  | 'EMIRROR_BUSY' // another mirror is at work there
  | 'EMIRROR_STATE' // the state in .tfs cannot be trusted
  | 'EMIRROR_ROOT' // the root is no directory of its own, or went away
  | 'EMIRROR_INCOMPLETE' // a bootstrap has not come to its end, and cannot go on here
  | 'EMIRROR_UNSTATED' // the source could not state what was to be compared
  | 'EMIRROR_SEED' // the command that was to copy what it could has not
  | 'EMIRROR_OUTPUT' // the reader of the forwarded stream is gone

/** Where a replay stopped and why. What it was about to do has had no effect. */
export class MirrorError extends Error {
  override readonly name = 'MirrorError'
  readonly code: MirrorCode
  /** The message at fault, where there is one. */
  readonly seq: number | undefined

  constructor(code: MirrorCode, message: string, { seq, cause }: MirrorErrorDetail = {}) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.seq = seq
  }
}

/**
 * The target failed (no space, an I/O error): `code` is the errno's name, `cause` the errno error.
 */
export class TargetError extends Error {
  override readonly name = 'TargetError'
  readonly code: string
  /** The message that is to be tried again. */
  readonly seq: number

  constructor(message: string, seq: number, cause: SystemError) {
    super(message, { cause })
    this.code = cause.code
    this.seq = seq
  }
}

interface MirrorErrorDetail {
  seq?: number
  cause?: unknown
}
