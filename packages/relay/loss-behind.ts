// What a source that has forgotten messages behind a position says first: a gap, also behind the
// hello of the next epoch, or that nobody knows how an epoch ended.

import { errno } from '#posix'
import { decodeMessage, messageTable, typeOf, WireError, type Position } from '#wire'

/**
 * Whether what comes behind `message`, one of the first behind `position`, is still to be looked
 * at. Throws WireError where it says that messages are missing. `name`: the source.
 */
export function looksOn(message: Buffer, position: Position, name: string): boolean {
  const type = typeOf(message)
  if (type === messageTable.hello.type) return true
  if (type !== messageTable.gap.type && type !== messageTable.abort.type) return false
  const decoded = decodeMessage(message)
  if (decoded?.name === 'gap') {
    const { epoch, body } = decoded
    throw lost(`${name} has messages ${epoch}:${body.from} to ${epoch}:${body.to} no more`)
  }
  const isLost = decoded?.name === 'abort' && decoded.body.errno === errno.ENODATA
  if (!isLost) return false
  throw lost(`${name} does not have what follows ${position.epoch}:${position.seq} any more`)
}

const lost = (what: string) => new WireError('EWIRE_GAP', what)
