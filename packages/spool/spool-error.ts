// What is wrong with a spool, or with what is asked of it.

export type SpoolErrorCode =
  | 'ESPOOL_STATE' // a file that is not what it should be: somebody else's, a link, a foreign name
  | 'ESPOOL_DAMAGED' // messages in the middle are not what was written
  | 'ESPOOL_MISSING' // segments in the middle, or what a reader needs first, are not there
  | 'ESPOOL_TRIMMED' // messages that are asked for are not there any more
  | 'ESPOOL_UNKNOWN' // an epoch, mark or reader that the spool does not know
  | 'ESPOOL_AHEAD' // a position that the spool has not reached
  | 'ESPOOL_LOCKED' // another process writes it, or a reader of that name is there

/** Where a spool is damaged, and which messages are lost there. */
export interface Damage {
  /** The segment's name. */
  readonly file: string
  /** Byte in it. */
  readonly offset: number
  readonly epoch: number
  /** The first number that is lost. */
  readonly from: number
  /** The last one; undefined where that is not known. */
  readonly to: number | undefined
}

export class SpoolError extends Error {
  override readonly name = 'SpoolError'
  readonly code: SpoolErrorCode
  readonly damage: Damage | undefined

  constructor(code: SpoolErrorCode, message: string, options?: ErrorOptions & { damage?: Damage }) {
    super(message, options)
    this.code = code
    this.damage = options?.damage
  }
}

/** The error for a place that is damaged; `why` says how that shows. */
export function damaged(damage: Damage, why: string, cause?: unknown): SpoolError {
  const { file, offset, epoch, from, to } = damage
  const lost =
    to === undefined ? `${from} and those after it` : to > from ? `${from} to ${to}` : `${from}`
  const text = `${file}, byte ${offset}: ${why}; of epoch ${epoch} lost: ${lost}`
  return new SpoolError('ESPOOL_DAMAGED', text, { damage, cause })
}
