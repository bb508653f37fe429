// Opens the store's root, so that it belongs to this journal alone.

import { existsSync, readFileSync, readlinkSync } from 'node:fs'
import { dirname } from 'node:path'
import {
  ancestors,
  AT_FDCWD,
  check,
  close,
  errno,
  flock,
  fstat,
  LOCK_EX,
  LOCK_NB,
  O_DIRECTORY,
  O_PATH,
  O_RDONLY,
  openat,
  Stat,
  systemError,
} from '#posix'
import { JournalError } from './journal-error.js'

/**
 * The descriptor of the store's root, locked against a second journal. Throws JournalError.
 * The lock is the kernel's (flock): it is free again when this process is gone, however it went.
 */
export function openRoot(store: string): number {
  const fd = openat(AT_FDCWD, Buffer.from(store), O_RDONLY | O_DIRECTORY)
  if (fd < 0) {
    const cause = systemError(fd, 'open', store)
    const why = fd === -errno.ENOENT ? 'it does not exist; make it with mkdir' : cause.message
    throw new JournalError('ESTORE', `the store '${store}' cannot be opened: ${why}`, { cause })
  }
  const locked = flock(fd, LOCK_EX | LOCK_NB)
  if (locked === 0) return fd
  const holder = locked === -errno.EAGAIN ? lockHolder(fd) : undefined
  close(fd)
  if (locked !== -errno.EAGAIN) throw systemError(locked, 'flock', store)
  const by = holder === undefined ? 'another process' : `process ${holder}`
  throw new JournalError('EINUSE', `the store '${store}' is already journalled by ${by}`)
}

// 1: FLOCK  ADVISORY  WRITE 1234 fe:00:5678 0 EOF (proc_locks(5)).
function lockHolder(fd: number): number | undefined {
  const stat = new Stat()
  check(fstat(fd, stat.buffer), 'fstat')
  for (const line of readFileSync('/proc/locks', 'latin1').split('\n')) {
    const [, kind, , , pid, place = ''] = line.trim().split(/\s+/)
    const inode = place.split(':')[2]
    if (kind === 'FLOCK' && inode === String(stat.ino)) return Number(pid)
  }
  return undefined
}

/**
 * Refuses what would feed the journal with itself: a mount point inside the store (but not the
 * store itself), and a stream written to a file inside it. Throws JournalError.
 */
export function refuseLoops(
  rootFd: number,
  store: string,
  mountpoint: string,
  outputFd: number,
): void {
  const root = new Stat()
  check(fstat(rootFd, root.buffer), 'fstat', store)
  if (isInside(mountpoint, root, true))
    throw new JournalError(
      'EINSIDE',
      `the mount point '${mountpoint}' lies inside the store '${store}'`,
    )
  const output = readlinkSync(`/proc/self/fd/${outputFd}`)
  const directory = output.slice(0, output.lastIndexOf('/')) || '/'
  if (output.startsWith('/') && !output.startsWith('/dev/') && isInside(directory, root, false))
    throw new JournalError(
      'EINSIDE',
      `the stream would be written into the store itself: '${output}'`,
    )
}

/**
 * Refuses a spool inside the store, which would be journalled in itself, or below the mount point,
 * where the mount will hide it. Throws JournalError.
 */
export function refuseSpoolInside(
  rootFd: number,
  store: string,
  mountpoint: string,
  spool: string,
): void {
  const path = existsSync(spool) ? spool : dirname(spool)
  const inside = (fd: number, what: string) => {
    const top = new Stat()
    check(fstat(fd, top.buffer), 'fstat', what)
    if (isInside(path, top, false))
      throw new JournalError('EINSIDE', `the spool '${spool}' lies inside the ${what}`)
  }
  inside(rootFd, `store '${store}'`)
  const fd = check(openat(AT_FDCWD, Buffer.from(mountpoint), O_PATH), 'open', mountpoint)
  try {
    inside(fd, `mount point '${mountpoint}'`)
  } finally {
    close(fd)
  }
}

function isInside(path: string, root: Stat, isProperly: boolean): boolean {
  let isStart = true
  for (const stat of ancestors(Buffer.from(path))) {
    if (stat.isSame(root) && !(isProperly && isStart)) return true
    isStart = false
  }
  return false
}
