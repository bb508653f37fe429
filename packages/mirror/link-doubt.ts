// Whether names may belong to one file though they do not here: only a statement of all that the
// mirror has can tell, and that takes its time.

import { escapeName } from '#posix'

/** All is stated again no sooner than after so many times what that took. */
const pause = 10
/** Why all is still in doubt where a mirror is exact otherwise. */
export const newLinks = 'files with several names came in meanwhile'
const unseen =
  'has several names; what is written through one that is left out, and that this mirror did not ' +
  'see made, is found by --verify (said of the first such file only)'

export class LinkDoubt {
  isThere = false
  #isSaid = false
  #sinceMs = -Infinity
  #tookMs = 0

  /** Whether all is to be stated now; it is as if there were no doubt then. */
  begins(): boolean {
    const now = performance.now()
    if (!this.isThere || now - this.#sinceMs < this.#tookMs * pause) return false
    this.isThere = false
    this.#sinceMs = now
    return true
  }

  ends(): void {
    this.#tookMs = performance.now() - this.#sinceMs
  }

  /** The file at `path` may have names that the mirror does not know. */
  warn(path: Buffer, say: (line: string) => void): void {
    if (!this.#isSaid) say(`'${escapeName(path)}' ${unseen}`)
    this.#isSaid = true
  }
}
