// The directory that a mirror lives in: opened once, never through a symlink in its last component,
// and never looked up again.

import { AT_FDCWD, check, errno, fstat, mkdirat, O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from '#posix'
import { openat, escapeName, type Stat } from '#posix'
import { MirrorError } from './mirror-error.js'

/**
 * Opens `path`, which is made where only its last component is missing and `make` says so. Throws
 * MirrorError EMIRROR_ROOT where it is a symlink or no directory, and errno errors.
 */
export function openRoot(path: string, make: boolean): number {
  // With a slash behind it the kernel would follow a symlink.
  const bytes = Buffer.from(path.replace(/(?<=.)\/+$/, ''))
  const made = make ? mkdirat(AT_FDCWD, bytes, 0o777) : -errno.EEXIST
  if (made < 0 && made !== -errno.EEXIST) check(made, 'mkdir', bytes)
  const fd = openat(AT_FDCWD, bytes, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
  if (fd === -errno.ENOTDIR || fd === -errno.ELOOP) {
    const reason = 'not a directory (a symbolic link to one is not followed: name the directory)'
    throw new MirrorError('EMIRROR_ROOT', `${escapeName(path)}: ${reason}`)
  }
  return check(fd, 'open', bytes)
}

/** Throws MirrorError EMIRROR_ROOT where the directory has been removed. */
export function checkRoot(root: number, shown: string, stat: Stat): void {
  check(fstat(root, stat.buffer), 'stat', shown)
  if (stat.nlink === 0) throw new MirrorError('EMIRROR_ROOT', `${shown}: was removed`)
}
