// Looking into a spool while others trim it: between two looks a segment may go.

import { SpoolError } from './spool-error.js'

/** Somebody who removes segments all the time would have to win each time. */
const attemptsMax = 100

export const isTrimmed = (error: unknown): boolean =>
  error instanceof SpoolError && error.code === 'ESPOOL_TRIMMED'

/** Does `look`, and does it anew where that found a segment which was gone a moment later. */
export function lookAgain<T>(look: () => T): T {
  for (let attempt = 1; ; attempt++)
    try {
      return look()
    } catch (error) {
      if (!isTrimmed(error) || attempt === attemptsMax) throw error
    }
}
