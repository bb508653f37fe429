// Streams joined into one line, with an end to wait for.

import type { Readable, Writable } from 'node:stream'
import pump from 'pump'

/** Settles when the last stream has taken all, or one of them has failed and all are destroyed. */
export const pumped = (from: Readable, ...to: Writable[]): Promise<void> =>
  new Promise((resolve, reject) => {
    pump(from, ...to, (error) => (error ? reject(error) : resolve()))
  })
