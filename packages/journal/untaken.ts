// What a reader has not taken yet of what was written to it.

import { ioctl } from '#posix'

// <asm-generic/ioctls.h>, <linux/sockios.h>: what waits in a pipe, what a socket has not delivered.
const FIONREAD = 0x541b
const SIOCOUTQ = 0x5411
const count = Buffer.alloc(4)

/** Bytes that wait in the pipe or socket `fd`, open for writing; 0 where that is unknown. */
export function untakenOf(fd: number, kind: 'pipe' | 'socket'): number {
  const request = kind === 'pipe' ? FIONREAD : SIOCOUTQ
  return ioctl(fd, request, count) < 0 ? 0 : count.readInt32LE(0)
}
