// Files and directories that hold a program's own state: nobody else's, and never reached through a
// link that somebody planted.

import { check, close, fstat, geteuid, O_CREAT, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } from '#posix'
import { mkdirat, openat, openat2, O_RDONLY, O_RDWR, S_IFREG, Stat, errno } from '#posix'
import { beneath } from './directories.js'
import { MirrorError } from './mirror-error.js'

const stat = new Stat()

/**
 * Opens a directory of state, made with mode 0700 where it is missing and `make` says so. Undefined
 * where it is missing otherwise. Throws MirrorError EMIRROR_STATE where others could have a hand in
 * it, and errno errors. `shown` is its path for people.
 */
export function openPrivateDirectory(
  parent: number,
  name: string,
  make: boolean,
  shown: string,
): number | undefined {
  const bytes = Buffer.from(name)
  const made = make ? mkdirat(parent, bytes, 0o700) : -errno.EEXIST
  if (made < 0 && made !== -errno.EEXIST) check(made, 'mkdir', shown)
  const fd = openat2(parent, bytes, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, beneath)
  if (fd === -errno.ENOENT && !make) return undefined
  if (fd === -errno.ELOOP || fd === -errno.ENOTDIR)
    throw new MirrorError('EMIRROR_STATE', `${shown}: not a directory`)
  check(fd, 'open', shown)
  check(fstat(fd, stat.buffer), 'stat', shown)
  const fault =
    ownerFault(stat) ?? (stat.mode & 0o077 ? 'is open to others (chmod 700)' : undefined)
  if (!fault) return fd
  close(fd)
  throw new MirrorError('EMIRROR_STATE', `${shown}: ${fault}`)
}

/**
 * Opens a file of state for reading and writing, made with mode 0600 where it is missing; `flags`
 * are added. Throws as `openPrivateDirectory` does.
 */
export function openPrivateFile(
  directory: number,
  name: string,
  shown: string,
  flags = O_RDWR | O_CREAT,
): number {
  const bytes = Buffer.from(name)
  const fd = openat(directory, bytes, flags | O_NOFOLLOW | O_NONBLOCK, 0o600)
  if (fd === -errno.ELOOP) throw new MirrorError('EMIRROR_STATE', `${shown}: a symbolic link`)
  check(fd, 'open', shown)
  check(fstat(fd, stat.buffer), 'stat', shown)
  const fault =
    ownerFault(stat) ??
    (stat.type !== S_IFREG ? 'not a regular file' : undefined) ??
    (stat.nlink > 1 ? 'has other names (hard links)' : undefined)
  if (!fault) return fd
  close(fd)
  throw new MirrorError('EMIRROR_STATE', `${shown}: ${fault}`)
}

/** The same for one that may be missing: undefined then. */
export function openPrivateFileIfThere(
  directory: number,
  name: string,
  shown: string,
  flags = O_RDWR,
): number | undefined {
  try {
    return openPrivateFile(directory, name, shown, flags)
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return undefined
    throw error
  }
}

function ownerFault({ uid }: Stat): string | undefined {
  const self = geteuid()
  return uid === self ? undefined : `belongs to user ${uid}, not to ${self}`
}
