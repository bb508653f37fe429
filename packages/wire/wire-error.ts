// What is wrong with a stream. The codes are stable: programs and tests tell cases apart by them.

export type WireCode =
  | 'EWIRE_SIZE' // a size that no message has
  | 'EWIRE_CRC' // the checksum does not fit the bytes
  | 'EWIRE_PADDING' // padding that is not zeros
  | 'EWIRE_BODY' // the lengths inside a body do not add up
  | 'EWIRE_FIELD' // a value outside its range, a path that is none
  | 'EWIRE_TYPE' // a REQUIRED message of a type or with flags that this version does not know
  | 'EWIRE_VERSION' // a hello of another protocol, version or feature set
  | 'EWIRE_EPOCH' // a message of another run than the hello before it
  | 'EWIRE_GAP' // messages are missing
  | 'EWIRE_ORDER' // a number that was already there
  | 'EWIRE_REFUSED' // the relay does not give what was asked for
  | 'EWIRE_TRUNCATED' // the end came without a bye
  | 'EWIRE_JSON' // a line of JSON that describes no message

interface Place {
  readonly offset?: number
  readonly seq?: number
}

/** An error of the stream itself: where (byte offset, and seq where it is known) and why. */
export class WireError extends Error {
  override readonly name = 'WireError'
  readonly code: WireCode
  /** Bytes before the message at fault, from where this reader began. */
  offset: number | undefined
  /** The message at fault, where its header could be trusted. */
  seq: number | undefined
  readonly reason: string

  constructor(code: WireCode, reason: string, where: Place & { cause?: unknown } = {}) {
    super(reason, 'cause' in where ? { cause: where.cause } : {})
    this.code = code
    this.reason = reason
    this.at(where)
  }

  /** Adds what a caller further out knows of the place. */
  at(where: Place): this {
    this.offset ??= where.offset
    this.seq ??= where.seq
    const place = [
      this.seq === undefined ? [] : [`message ${this.seq}`],
      this.offset === undefined ? [] : [`byte ${this.offset}`],
    ].flat()
    this.message = place.length ? `${place.join(', ')}: ${this.reason}` : this.reason
    return this
  }
}
