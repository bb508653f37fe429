// Standard output, handled once: a reader that goes away, a full disk, a terminal that is no place
// for a stream, and an end that is really an end.

import { Writable } from 'node:stream'
import { isatty } from 'node:tty'
import { UsageError } from './usage-error.js'

const waitingBytesMax = 1 << 20

/**
 * Standard output as the last of pumped streams. Unlike process.stdout it finishes, once all has
 * been written; its errors name it.
 */
export function openOutput(): Writable {
  const { stdout } = process
  // The write's own callback has the error; without a listener it would be thrown as well.
  if (stdout.listenerCount('error') === 0) stdout.on('error', () => undefined)
  return new Writable({
    highWaterMark: waitingBytesMax,
    write: (chunk: Buffer, _encoding, done) => {
      stdout.write(chunk, (error) =>
        done(error ? Object.assign(error, { path: outputName }) : null),
      )
    },
  })
}

/** The same for a stream's bytes, which are nothing for a terminal: throws UsageError there. */
export function openStreamOutput(): Writable {
  if (isatty(1))
    throw new UsageError('the stream is not for a terminal: add > FILE, or | and a program')
  return openOutput()
}

/** Writes `text` to standard output; settles when it has been written. */
export const printText = (text: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const output = openOutput()
    output.on('error', reject)
    output.end(text, resolve)
  })

const outputName = 'standard output'

/** The error of a reader that went away. */
export const outputGone = (): Error =>
  Object.assign(new Error('nobody reads it any more'), { code: 'EPIPE', path: outputName })

/** Whether `error` says that the reader of standard output went away. */
export const isOutputGone = (error: unknown): boolean =>
  error instanceof Error &&
  'code' in error &&
  error.code === 'EPIPE' &&
  'path' in error &&
  error.path === outputName
