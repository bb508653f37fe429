// A socket's path that cannot be had, and is left as it is.

export type SocketRefusal =
  | 'ESOCKET_LONG' // longer than a socket's path can be
  | 'ESOCKET_LIVE' // somebody serves there
  | 'ESOCKET_KIND' // what is there is no socket, or no lock file
  | 'ESOCKET_OWNER' // what is there belongs to somebody else

/** Says which path and why. */
export class SocketRefused extends Error {
  override readonly name = 'SocketRefused'
  readonly code: SocketRefusal

  constructor(code: SocketRefusal, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
