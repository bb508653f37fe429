// Why a journal does not start, or not as asked.

export type JournalErrorCode =
  | 'ESTORE' // the store cannot be opened, or is none
  | 'EMOUNTPOINT' // there is no such mount point
  | 'EINUSE' // the store or the mount point belongs to another journal
  | 'EINSIDE' // a part of the journal lies inside another
  | 'EMOUNTED' // something is mounted inside the store

export class JournalError extends Error {
  override readonly name = 'JournalError'
  readonly code: JournalErrorCode

  constructor(code: JournalErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
