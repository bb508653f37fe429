// Streams replayed by the library, in this process, into directories of a test's own.

import { Readable } from 'node:stream'
import { mirror, type MirrorOptions, type MirrorResult } from '#mirror'

export interface Outcome {
  readonly result: MirrorResult | undefined
  /** What ended it, if it did not end by itself. */
  readonly error: (Error & { code?: string; seq?: number }) | undefined
  /** What was said to people. */
  readonly said: string[]
}

/** Replays `stream`, whole or in pieces, into `directory`. */
export async function replay(
  stream: Buffer | readonly Buffer[],
  directory: string,
  options: Partial<MirrorOptions> = {},
): Promise<Outcome> {
  const said: string[] = []
  const pieces = Buffer.isBuffer(stream) ? [stream] : stream
  let result: MirrorResult | undefined
  let error: Outcome['error']
  try {
    result = await mirror({
      directory,
      source: Readable.from(pieces),
      force: false,
      ids: { kind: 'numeric' },
      untrusted: false,
      maxFileSize: Number.MAX_SAFE_INTEGER,
      sync: 'none',
      onDivergence: 'repair',
      rules: [],
      say: (line) => void said.push(line),
      ...options,
    })
  } catch (thrown) {
    error = thrown as Error
  }
  return { result, error, said }
}
