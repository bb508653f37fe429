// The user's end of a replay, where the source is a spool: which message a mark is.

import type { Until } from '#mirror'
import { afterMark, Spool, SpoolError } from '#spool'
import { isDirectory } from './source.js'

/**
 * The newest mark of that name becomes the message that it is. Anything else stays what it is, as
 * does a mark that is not there where it may yet come. Throws SpoolError.
 */
export function resolveUntil(
  until: Until | undefined,
  source: string,
  follow: boolean,
): Until | undefined {
  if (until?.kind !== 'mark' || !isDirectory(source)) return until
  const spool = new Spool(source)
  try {
    const { segment, seq } = afterMark(spool, until.name)
    return { kind: 'position', epoch: segment.epoch, seq, name: until.name.toString() }
  } catch (error) {
    if (follow && error instanceof SpoolError && error.code === 'ESPOOL_UNKNOWN') return until
    throw error
  } finally {
    spool.close()
  }
}
