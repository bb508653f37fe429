// What can be wrong with the kernel's side of the protocol, or between it and a handler.

export type FuseErrorCode =
  | 'EFUSE_VERSION' // the kernel speaks a protocol that this package does not
  | 'EFUSE_REQUEST' // a request is malformed
  | 'EFUSE_REPLY' // a handler's reply does not fit its request

export class FuseError extends Error {
  readonly code: FuseErrorCode

  constructor(code: FuseErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'FuseError'
    this.code = code
  }
}
