// A spool has one writer: who has its lock.

import { check, close, errno, flock, LOCK_EX, LOCK_NB, O_CREAT, O_RDWR, systemError } from '#posix'
import { openFile } from './spool-directory.js'
import { SpoolError } from './spool-error.js'

const lockName = 'lock'

/** A descriptor that holds the lock. Throws SystemError, and SpoolError ESPOOL_LOCKED. */
export function takeLock(directory: number, path: string): number {
  const fd = openFile(directory, lockName, O_RDWR | O_CREAT)
  if (fd === undefined) throw systemError(errno.ENOENT, 'open', lockName)
  const locked = flock(fd, LOCK_EX | LOCK_NB)
  if (locked === 0) return fd
  close(fd)
  if (locked !== -errno.EAGAIN) check(locked, 'flock', `${path}/${lockName}`)
  throw new SpoolError('ESPOOL_LOCKED', `the spool '${path}' is written by another process`)
}
