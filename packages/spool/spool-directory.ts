// The directory of a spool: its segments in order, and the checks that it is one.

import {
  AT_FDCWD,
  check,
  close,
  errno,
  fstat,
  geteuid,
  mkdirat,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
  openat,
  readDirectory,
  S_IFREG,
  Stat,
} from '#posix'
import { parseSegmentName, segmentName, type SegmentName } from './segment-name.js'
import { SpoolError } from './spool-error.js'

export interface Segment extends SegmentName {
  readonly name: string
  /** Bytes. */
  readonly size: number
}

/** Opens a spool's directory, made with mode 0700 where it is missing and `make` says so. */
export function openDirectory(path: string, make: boolean): number {
  const bytes = Buffer.from(path)
  const made = make ? mkdirat(AT_FDCWD, bytes, 0o700) : 0
  if (made < 0 && made !== -errno.EEXIST) check(made, 'mkdir', path)
  const fd = check(openat(AT_FDCWD, bytes, O_RDONLY | O_DIRECTORY), 'open', path)
  if (!make) return fd
  const stat = new Stat()
  check(fstat(fd, stat.buffer), 'fstat', path)
  if (stat.uid === geteuid()) return fd
  close(fd)
  throw new SpoolError('ESPOOL_STATE', `the spool '${path}' belongs to user ${stat.uid}`)
}

/** The segments, in order. Throws SpoolError where one in the middle is missing. */
export function listSegments(fd: number, path: string): Segment[] {
  const segments: Segment[] = []
  for (const { name } of readDirectory(fd)) {
    const parsed = parseSegmentName(name.toString('latin1'))
    if (!parsed) continue
    const file = openSegment(fd, segmentName(parsed), O_RDONLY)
    // Trimmed since the directory was read.
    if (file === undefined) continue
    const stat = new Stat()
    check(fstat(file, stat.buffer), 'fstat', segmentName(parsed))
    close(file)
    segments.push({ ...parsed, name: segmentName(parsed), size: stat.size })
  }
  segments.sort((a, b) => a.ordinal - b.ordinal)
  segments.forEach(({ ordinal }, i) => {
    const before = segments[i - 1]
    if (before && before.ordinal + 1 !== ordinal)
      throw new SpoolError(
        'ESPOOL_MISSING',
        `the spool '${path}' lacks the segments ${before.ordinal + 1} to ${ordinal - 1}`,
      )
  })
  return segments
}

/** A descriptor of a segment; undefined where there is none. Never through a link. */
export function openSegment(fd: number, name: string, flags: number): number | undefined {
  const file = openat(fd, Buffer.from(name), flags | O_NOFOLLOW, 0o600)
  if (file === -errno.ENOENT) return undefined
  if (file === -errno.ELOOP)
    throw new SpoolError('ESPOOL_STATE', `${name}: is a symbolic link, no segment`)
  check(file, 'open', name)
  const stat = new Stat()
  check(fstat(file, stat.buffer), 'fstat', name)
  if (stat.type === S_IFREG) return file
  close(file)
  throw new SpoolError('ESPOOL_STATE', `${name}: is no regular file, so no segment`)
}
