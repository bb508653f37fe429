// A stream of writes of all sizes, each message of which is known by its number alone.

import { messageOf, StreamWriter } from './stream-writer.js'

const hello = new StreamWriter().messages[0]!

export const numberedMessage = (seq: number): Buffer =>
  seq === 1
    ? hello
    : messageOf(
        'write',
        { path: 'f', offset: seq, data: Buffer.alloc((seq * 7919) % 1500, seq) },
        { seq },
      )
