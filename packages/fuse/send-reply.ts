// Sends one reply to the device. Also for threads other than the session's (see HANDED_OFF).

import assert from 'node:assert'
import { write } from '#posix'
import { Reply } from './reply.js'

/** Below this the kernel takes no error: it would leave the caller waiting (fuse_dev_do_write). */
export const errorMin = -511

let empty: Reply | undefined

/**
 * Answers request `unique` on the device `fd`: with `error` (negative), or with 0 and what is in
 * `reply`, if anything. Returns 0, or what write(2) says: -ENOENT (the connection was aborted, so
 * nobody waits), -EINVAL (the reply does not fit the request, whose caller got EIO).
 */
export function sendReply(fd: number, unique: number, error: number, reply?: Reply): number {
  assert(error <= 0 && error >= errorMin, `error ${error}`)
  const from = reply ?? (empty ??= new Reply(0))
  const size = from.finish(unique, error)
  const sent = write(fd, from.buffer, 0, size)
  if (sent < 0) return sent
  assert.equal(sent, size, 'the device takes whole replies')
  return 0
}
