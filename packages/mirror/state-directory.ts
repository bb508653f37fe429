// DIR/.tfs: what a mirror keeps about itself. It marks a directory as a mirror, lets one program in
// at a time, and holds the position.

import { check, close, errno, flock, fstat, ftruncate, futimens, LOCK_EX, LOCK_NB } from '#posix'
import { pread, pwrite, readDirectory, Stat, UTIME_OMIT } from '#posix'
import { MirrorError } from './mirror-error.js'
import { PositionFile } from './position-file.js'
import { openPrivateDirectory, openPrivateFile } from './private-file.js'

export const stateName = '.tfs'
const stateNameBytes = Buffer.from(stateName)

export interface StateDirectory {
  readonly fd: number
  /** Its path for people. */
  readonly shown: string
  readonly position: PositionFile
  /** Who has this, too, keeps others out. */
  readonly lockFd: number
  /** Until `close`. */
  readonly isOpen: boolean
  /** Lets go of all; the lock with it. */
  close(): void
}

/**
 * Opens the state of the mirror `root`, or begins it where the directory is empty or `force` is
 * set. Throws MirrorError EMIRROR_ADOPT, EMIRROR_BUSY, EMIRROR_STATE, and errno errors.
 */
export function openState(root: number, rootShown: string, force: boolean): StateDirectory {
  const shown = `${rootShown}/${stateName}`
  const stat = new Stat()
  check(fstat(root, stat.buffer), 'stat', rootShown)
  const found = openPrivateDirectory(root, stateName, false, shown)
  if (found === undefined && !force) refuseOthers(root, rootShown)
  const fd = found ?? (openPrivateDirectory(root, stateName, true, shown) as number)
  // A new entry in the root is none of the stream's doing.
  const { mtimeSec, mtimeNsec } = stat
  const times = { atimeSec: 0, atimeNsec: UTIME_OMIT, mtimeSec, mtimeNsec }
  if (found === undefined) check(futimens(root, times), 'utimensat', rootShown)
  const open = [fd]
  try {
    const lock = openPrivateFile(fd, 'lock', `${shown}/lock`)
    open.push(lock)
    takeLock(lock, rootShown)
    const positionFd = openPrivateFile(fd, 'position', `${shown}/position`)
    open.push(positionFd)
    check(fstat(positionFd, stat.buffer), 'stat', `${shown}/position`)
    // A run that ended before it had begun may have left it so. Otherwise the state is lost: a
    // machine that stops may leave a new file empty.
    if (stat.size === 0 && !force) refuseOthers(root, rootShown)
    const position = PositionFile.open(positionFd, `${shown}/position`)
    const close = () => {
      state.isOpen = false
      closeAll(open)
    }
    const state = { fd, shown, position, lockFd: lock, isOpen: true, close }
    return state
  } catch (error) {
    closeAll(open)
    throw error
  }
}

function closeAll(fds: readonly number[]): void {
  for (const fd of fds.toReversed()) close(fd)
}

/** Throws MirrorError EMIRROR_ADOPT where `root` holds anything but the state. */
export function refuseOthers(root: number, shown: string): void {
  for (const { name } of readDirectory(root)) {
    if (name.equals(stateNameBytes)) continue
    const reason = 'not empty and not a mirror: nothing is done to it without --force'
    throw new MirrorError('EMIRROR_ADOPT', `${shown}: ${reason}`)
  }
}

function takeLock(fd: number, rootShown: string): void {
  const e = flock(fd, LOCK_EX | LOCK_NB)
  if (e === -errno.EWOULDBLOCK) {
    const text = Buffer.alloc(32)
    const length = Math.max(0, pread(fd, text, 0, text.length, 0))
    const pid = parseInt(text.toString('latin1', 0, length), 10)
    throw new MirrorError('EMIRROR_BUSY', `${rootShown}: ${whoHas(pid)}`)
  }
  check(e, 'flock', rootShown)
  const line = Buffer.from(`${process.pid}\n`)
  check(ftruncate(fd, 0), 'ftruncate', rootShown)
  check(pwrite(fd, line, 0, line.length, 0), 'write', rootShown)
}

function whoHas(pid: number): string {
  if (!(pid > 0)) return 'another process is mirroring into it'
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as { code?: string }).code === 'ESRCH')
      return `the command that process ${pid} started (--seed) is at work in it`
  }
  return `process ${pid} is mirroring into it`
}
