// Reading a spool on behind a position, as far as it still has what follows.

import { SpoolError, SpoolReader, type Spool, type SpoolErrorCode } from '#spool'
import type { Position } from '#wire'

/**
 * What the spool does not have any more is a gap, and `onLost` told of it. Throws SpoolError where
 * it does not know that position, unless `lost` says that this, too, is to be taken so.
 */
export function readerAfter(
  spool: Spool,
  position: Position,
  onLost: SpoolReader['onLost'],
  lost?: readonly SpoolErrorCode[],
): SpoolReader {
  const reader = new SpoolReader(spool)
  reader.onLost = onLost
  reader.seekBehind(position, lost)
  return reader
}

/** Whether an error says that a spool cannot be read, and not that we are wrong. */
export const isFaultOfSpool = (error: unknown): error is Error =>
  error instanceof SpoolError || (error instanceof Error && 'errno' in error)
