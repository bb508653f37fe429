// flock(2): a lock that frees itself when its holder dies.

import { errno } from './errno.js'
import { injected } from './faults.js'
import { native, result } from './libc.js'

export const LOCK_SH = 1
export const LOCK_EX = 2
export const LOCK_NB = 4
export const LOCK_UN = 8

const nativeFlock = native('flock', 'int', ['int', 'int'])

/** flock(2). 0, -EWOULDBLOCK (-EAGAIN) where another holds it and LOCK_NB is set, or -errno. */
export function flock(fd: number, operation: number): number {
  const e = injected('flock')
  if (e) return e
  let done: number
  do done = result(nativeFlock(fd, operation))
  while (done === -errno.EINTR)
  return done
}
