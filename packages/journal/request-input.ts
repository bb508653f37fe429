// Where requests come from beside a head: a pipe, socket or file that the journal was given.

import { createReadStream } from 'node:fs'
import { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { check, dup, errno, fstat, O_NONBLOCK, O_RDONLY, reopen } from '#posix'
import { S_IFIFO, S_IFREG, S_IFSOCK, Stat } from '#posix'

/** Whether `fd` may have requests: terminals and other devices have none. */
export const hasRequests = (fd: number): boolean => typeOf(fd) !== undefined

/** Reads what `fd` has; undefined where that cannot be requests. Throws SystemError. */
export function requestInput(fd: number): Readable | undefined {
  const type = typeOf(fd)
  if (type === undefined) return undefined
  if (type === S_IFREG) return createReadStream('', { fd: check(dup(fd), 'dup') })
  // That a pipe does not block belongs to the open file, which others may share.
  const opened = type === S_IFIFO ? reopen(fd, O_RDONLY | O_NONBLOCK) : dup(fd)
  const own = opened === -errno.EACCES ? dup(fd) : opened
  return new Socket({ fd: check(own, 'open', 'standard input'), readable: true, writable: false })
}

// Undefined where it has no requests.
function typeOf(fd: number): number | undefined {
  const stat = new Stat()
  if (fstat(fd, stat.buffer) < 0) return undefined
  return [S_IFIFO, S_IFSOCK, S_IFREG].includes(stat.type) ? stat.type : undefined
}
