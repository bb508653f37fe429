// What is wrong with a spool.

export type SpoolErrorCode =
  | 'ESPOOL_STATE' // a file that is not what it should be: somebody else's, a link, a foreign name
  | 'ESPOOL_DAMAGED' // messages in the middle are not what was written
  | 'ESPOOL_MISSING' // messages that are asked for are not there (any more)
  | 'ESPOOL_LOCKED' // another process writes it

export class SpoolError extends Error {
  override readonly name = 'SpoolError'
  readonly code: SpoolErrorCode

  constructor(code: SpoolErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
