// Whether a file system takes two different names for the same, as those do that fold case or
// normalise.

import { AT_SYMLINK_NOFOLLOW, close, errno, O_DIRECTORY, O_RDONLY, readDirectory } from '#posix'
import { reopen, Stat, STATX_BASIC_STATS, statx } from '#posix'
import { refusal } from './refusal.js'

/**
 * 0 where `directory` (O_PATH will do) lists `name` byte for byte; a refusal where it has it only
 * as another spelling; or -errno. Reads the whole directory.
 */
export function clash(directory: number, name: Buffer): number {
  const fd = reopen(directory, O_RDONLY | O_DIRECTORY)
  if (fd < 0) return fd
  try {
    for (const entry of readDirectory(fd)) if (entry.name.equals(name)) return 0
    return refusal.NAME_CLASH
  } finally {
    close(fd)
  }
}

const stat = new Stat()

/** The same where there may be nothing of that name, which is no clash. */
export function clashIfThere(directory: number, name: Buffer): number {
  const e = statx(directory, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, stat.buffer)
  return e === -errno.ENOENT ? 0 : e < 0 ? e : clash(directory, name)
}

/** Whether names in `directory`, which holds `name`, count whatever their case. */
export function foldsCase(directory: number, name: string): boolean {
  const other = Buffer.from(name.toUpperCase())
  return statx(directory, other, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, stat.buffer) === 0
}
