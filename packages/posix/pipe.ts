// Pipes: making one, and how much one holds.

import { injected } from './faults.js'
import { addressOf, native, result } from './libc.js'
import { F_GETPIPE_SZ, F_SETPIPE_SZ, fcntl, O_CLOEXEC } from './open.js'

const nativePipe2 = native('pipe2', 'int', ['int64', 'int'])
const pair = new Int32Array(2)
const pairAddress = addressOf(new Uint8Array(pair.buffer))

/** pipe2(2): 0, the reading and the writing end in `out`, or -errno. `flags`: 0 or O_NONBLOCK. */
export function pipe2(out: [number, number], flags = 0): number {
  const e = injected('pipe2') || result(nativePipe2(pairAddress, flags | O_CLOEXEC))
  if (e < 0) return e
  out[0] = pair[0] as number
  out[1] = pair[1] as number
  return 0
}

/** Bytes that the pipe of `fd` can hold, or -errno (-EBADF: not a pipe). */
export const pipeSize = (fd: number): number => fcntl(fd, F_GETPIPE_SZ)

/** Asks for room for `size` bytes: what it then has, or -errno (-EPERM: over the user's limit). */
export const setPipeSize = (fd: number, size: number): number => fcntl(fd, F_SETPIPE_SZ, size)
