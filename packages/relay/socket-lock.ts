// The lock that one server of a socket's path holds: the kernel's, on a file beside it, so that it
// is free as soon as its holder is gone however that went. The file also names the holder.

import { closeSync, constants, fstatSync, ftruncateSync, lstatSync, openSync } from 'node:fs'
import { readSync, unlinkSync, writeSync, type Stats } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { check, errno, escapeName, flock, geteuid, LOCK_EX, LOCK_NB } from '#posix'
import { SocketRefused } from './socket-refused.js'

/** The file may be replaced while it is being locked, but not for ever. */
const attemptsMax = 100
/** A holder writes its number right after it has the lock. */
const pidAttempts = 100
const pidWaitMs = 10

export class SocketLock {
  readonly #path: string
  readonly #fd: number

  private constructor(path: string, fd: number) {
    this.#path = path
    this.#fd = fd
  }

  /** Locks the socket `path`. Throws SocketRefused where another holds it, and Node's errors. */
  static async acquire(path: string): Promise<SocketLock> {
    const file = `${path}.lock`
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const fd = open(file)
      try {
        const result = flock(fd, LOCK_EX | LOCK_NB)
        if (result === -errno.EAGAIN) throw await live(path, fd)
        check(result, 'flock', file)
        // The holder before takes the file away while it still has the lock.
        if (isThere(file, fstatSync(fd))) {
          ftruncateSync(fd)
          writeSync(fd, `${process.pid}\n`, 0)
          return new SocketLock(file, fd)
        }
      } catch (error) {
        closeSync(fd)
        throw error
      }
      closeSync(fd)
    }
    throw new SocketRefused('ESOCKET_LIVE', `${escapeName(file)}: is replaced again and again`)
  }

  /** Takes the file away and lets go. */
  release(): void {
    if (isThere(this.#path, fstatSync(this.#fd))) unlinkSync(this.#path)
    closeSync(this.#fd)
  }
}

function open(file: string): number {
  const { O_RDWR, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants
  const refuse = (code: 'ESOCKET_KIND' | 'ESOCKET_OWNER', why: string, cause?: unknown) =>
    new SocketRefused(code, `${escapeName(file)}: ${why}`, { cause })
  let fd: number
  try {
    fd = openSync(file, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0o600)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ELOOP') throw refuse('ESOCKET_KIND', 'is a symbolic link, no lock file', error)
    if (code === 'EISDIR' || code === 'ENXIO')
      throw refuse('ESOCKET_KIND', 'is no lock file', error)
    throw error
  }
  const stat = fstatSync(fd)
  const fault = faultOf(stat)
  if (!fault) return fd
  closeSync(fd)
  throw refuse(stat.uid === geteuid() ? 'ESOCKET_KIND' : 'ESOCKET_OWNER', fault)
}

function faultOf(stat: Stats): string | undefined {
  if (stat.uid !== geteuid()) return `belongs to user ${stat.uid}`
  if (!stat.isFile()) return 'is no regular file, so no lock file'
  // What has another name may be anything, and is not written to. No name: it was just taken away.
  return stat.nlink > 1 ? 'has another name, so is no lock file' : undefined
}

function isThere(file: string, stat: Stats): boolean {
  const now = lstatSync(file, { throwIfNoEntry: false })
  return now?.ino === stat.ino && now.dev === stat.dev
}

async function live(path: string, fd: number): Promise<SocketRefused> {
  const text = Buffer.alloc(32)
  let pid: string | undefined
  for (let i = 0; i < pidAttempts && !pid; i++) {
    if (i > 0) await sleep(pidWaitMs)
    const size = readSync(fd, text, 0, text.length, 0)
    pid = /^(\d+)\n/.exec(text.toString('latin1', 0, size))?.[1]
  }
  const holder = pid ? `process ${pid}` : 'another process'
  return new SocketRefused('ESOCKET_LIVE', `${escapeName(path)}: is being served by ${holder}`)
}
