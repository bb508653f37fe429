// What stood in the way of an operation, and no message asks to be removed: moved out of the tree,
// not deleted, into .tfs/displaced.

import { close, escapeName, renameat2, RENAME_NOREPLACE } from '#posix'
import { openPrivateDirectory } from './private-file.js'
import { SayRarely } from './say-rarely.js'

const nameMax = 255

export class Displaced {
  readonly #state: number
  readonly #shown: string
  readonly #say: SayRarely
  #fd = -1
  #count = 0
  /** Does away with it instead, where that is known to be of no use. 0 or -errno. */
  discard: ((directory: number, name: Buffer) => number) | undefined

  constructor(state: number, stateShown: string, say: (line: string) => void) {
    this.#state = state
    this.#shown = `${stateShown}/displaced`
    this.#say = new SayRarely(say)
  }

  /**
   * Moves `name` of `directory`, whatever it is. 0 or -errno. Throws where there is no place for
   * it.
   */
  take(directory: number, name: Buffer, path: Buffer): number {
    if (this.discard) return this.discard(directory, name)
    if (this.#fd < 0)
      this.#fd = openPrivateDirectory(this.#state, 'displaced', true, this.#shown) as number
    // Its own name last: of a million only a few can be said.
    const unique = Buffer.from(`${Date.now()}-${process.pid}-${++this.#count}-`)
    const place = Buffer.concat([unique, name]).subarray(0, nameMax)
    const e = renameat2(directory, name, this.#fd, place, RENAME_NOREPLACE)
    if (e === 0)
      this.#say.say(`'${escapeName(path)}' was in the way: now ${this.#shown}/${escapeName(place)}`)
    return e
  }

  /** Says what was held back. */
  close(): void {
    this.#say.close()
    if (this.#fd >= 0) close(this.#fd)
    this.#fd = -1
  }
}
