// The first messages of a stream replayed into a new directory, as a mirror whose source died.

import { mkdirSync } from 'node:fs'
import { Readable } from 'node:stream'
import { mirror } from '#mirror'
import { WireError } from '#wire'

/** Makes `directory` what `messages` say. Throws whatever is wrong, but for the missing end. */
export async function replayCut(messages: readonly Buffer[], directory: string): Promise<void> {
  mkdirSync(directory)
  try {
    await mirror({
      directory,
      source: Readable.from(messages, { objectMode: false }),
      force: false,
      ids: { kind: 'numeric' },
      untrusted: false,
      maxFileSize: Number.MAX_SAFE_INTEGER,
      sync: 'none',
      onDivergence: 'stop',
      rules: [],
      say: () => {},
    })
  } catch (error) {
    if (!(error instanceof WireError && error.code === 'EWIRE_TRUNCATED')) throw error
  }
}
