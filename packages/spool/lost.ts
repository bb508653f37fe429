// What a reader gets in the place of messages that a spool does not have any more.

import { errno, realTime } from '#posix'
import { codecs, seal, type Body, type Codec, type MessageName, type Position } from '#wire'
import type { Segment } from './spool-directory.js'

const now = { sec: 0, nsec: 0 }

/** A gap that says that the messages `from` to `to` are missing. */
export const gapMessage = (epoch: number, from: number, to: number): Buffer =>
  made('gap', { from, to }, { epoch, seq: to })

/**
 * What comes between the message at `position` and the oldest segment that is left. Of an epoch
 * that is gone nobody knows how it ended: that is an abort with ENODATA; then `hello` begins the
 * next one.
 */
export function lostMessages(
  position: Position,
  oldest: Pick<Segment, 'epoch' | 'seq'>,
  hello: Buffer | undefined,
): Buffer {
  const { epoch, seq } = oldest
  if (position.epoch === epoch) return gapMessage(epoch, position.seq + 1, seq - 1)
  const reason = `the spool does not have what follows message ${position.seq} any more`
  const end = made(
    'abort',
    { errno: errno.ENODATA, reason: Buffer.from(reason) },
    { epoch: position.epoch, seq: position.seq + 1 },
  )
  const begin = seq > 1 && hello ? [hello, ...(seq > 2 ? [gapMessage(epoch, 2, seq - 1)] : [])] : []
  return Buffer.concat([end, ...begin])
}

function made<K extends MessageName>(name: K, body: Body<K>, { epoch, seq }: Position): Buffer {
  const out = Buffer.alloc(1024)
  const size = (codecs[name] as Codec<K>).encode(out, body)
  seal(out, size, seq, realTime(now), epoch)
  return Buffer.from(out.subarray(0, size))
}
