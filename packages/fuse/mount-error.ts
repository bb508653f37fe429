// Why a file system could not be mounted or unmounted.

/** A mount, an unmount or its options failed. `code` is Node's for the errno, or EOPTION. */
export class MountError extends Error {
  readonly code: string

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'MountError'
    this.code = code
  }
}

/** A mount option that is unknown, malformed, or refused for a reason that the message gives. */
export class MountOptionError extends MountError {
  readonly option: string

  constructor(option: string, why: string) {
    super('EOPTION', `mount option '${option}': ${why}`)
    this.name = 'MountOptionError'
    this.option = option
  }
}
