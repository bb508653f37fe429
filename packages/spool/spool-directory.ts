// The directory of a spool: its segments in order, its files, and the checks that they are its own.

import { dirname } from 'node:path'
import {
  AT_FDCWD,
  check,
  close,
  errno,
  escapeName,
  fstat,
  fsync,
  geteuid,
  mkdirat,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  O_WRONLY,
  openat,
  readDirectory,
  S_IFREG,
  Stat,
  unlinkat,
} from '#posix'
import { parseSegmentName, segmentName, type SegmentName } from './segment-name.js'
import { SpoolError } from './spool-error.js'

export interface Segment extends SegmentName {
  readonly name: string
}

const stat = new Stat()

/**
 * Opens a spool's directory to read it. Throws SystemError, and SpoolError where it is no directory
 * of its own.
 */
export function openDirectory(path: string): number {
  const fd = openat(AT_FDCWD, Buffer.from(path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
  if (fd === -errno.ENOTDIR || fd === -errno.ELOOP)
    throw new SpoolError(
      'ESPOOL_STATE',
      `the spool '${escapeName(path)}' is no directory; where it is a link to one, name that`,
    )
  return check(fd, 'open', path)
}

/** The same to write it: made with mode 0700 where it is missing, and nobody else's. */
export function openOwnDirectory(path: string): number {
  const made = mkdirat(AT_FDCWD, Buffer.from(path), 0o700)
  if (made < 0 && made !== -errno.EEXIST) check(made, 'mkdir', path)
  if (made === 0) syncDirectory(dirname(path))
  const fd = openDirectory(path)
  check(fstat(fd, stat.buffer), 'fstat', path)
  const { uid, mode } = stat
  if (uid === geteuid() && !(mode & 0o022)) return fd
  close(fd)
  const why = uid === geteuid() ? 'can be written by others (chmod go-w)' : `belongs to user ${uid}`
  throw new SpoolError('ESPOOL_STATE', `the spool '${escapeName(path)}' ${why}`)
}

/** Makes a spool's directory where it is missing. Throws as above. */
export const makeDirectory = (path: string): void => void close(openOwnDirectory(path))

function syncDirectory(path: string): void {
  const fd = openat(AT_FDCWD, Buffer.from(path), O_RDONLY | O_DIRECTORY)
  if (fd < 0) return
  check(fsync(fd), 'fsync', path)
  close(fd)
}

/**
 * The segments, in order. Throws SpoolError where one in the middle is missing, behind number
 * `from`: what is missing before that is no concern of who reads there.
 */
export function listSegments(fd: number, path: string, from = 0): Segment[] {
  let segments = readSegments(fd)
  if (!holeIn(segments, 0)) return segments
  // While a directory is read some of its names come and go, and it has the one and lacks the
  // other. What had one behind it before it is read anew is there for good, if it was not trimmed.
  const last = segments.at(-1)!.ordinal
  segments = readSegments(fd)
  for (let at = holeIn(segments, 0); at; at = holeIn(segments, at)) {
    const [before, behind] = [segments[at - 1]!, segments[at]!]
    if (last <= before.ordinal + 1) return segments.slice(0, at)
    // The oldest ones are trimmed first.
    if (!isThere(fd, before)) segments = segments.slice(at)
    else if (before.ordinal >= from) throw missingSegments(path, before.ordinal, behind.ordinal)
    else continue
    at = 0
  }
  return segments
}

// Where, behind number `at`, the segment before is not the one before; 0: nowhere.
function holeIn(segments: readonly Segment[], at: number): number {
  for (let i = at + 1; i < segments.length; i++)
    if (segments[i - 1]!.ordinal + 1 < segments[i]!.ordinal) return i
  return 0
}

function isThere(fd: number, { name }: Segment): boolean {
  const file = openFile(fd, name, O_RDONLY)
  if (file !== undefined) close(file)
  return file !== undefined
}

/** The error where those between two segments are not there. */
export const missingSegments = (path: string, before: number, behind: number) =>
  new SpoolError(
    'ESPOOL_MISSING',
    `the spool '${escapeName(path)}' lacks the segments ${before + 1} to ${behind - 1}`,
  )

function readSegments(fd: number): Segment[] {
  const segments: Segment[] = []
  for (const { name } of readDirectory(fd)) {
    const parsed = parseSegmentName(name.toString('latin1'))
    if (parsed) segments.push({ ...parsed, name: segmentName(parsed) })
  }
  return segments.sort((a, b) => a.ordinal - b.ordinal)
}

/** What ends the names of files that are being made. */
export const draftSuffix = '.new'

/** Removes files that somebody had begun to make when he was killed. */
export function removeDrafts(fd: number): void {
  for (const { name } of readDirectory(fd))
    if (name.toString('latin1').endsWith(draftSuffix)) unlinkat(fd, name)
}

/**
 * A descriptor of a file of the spool; undefined where there is none. Never through a link. Throws
 * SystemError, and SpoolError where it is no regular file.
 */
export function openFile(directory: number, name: string, flags: number): number | undefined {
  const file = openat(directory, Buffer.from(name), flags | O_NOFOLLOW | O_NONBLOCK, 0o600)
  if (file === -errno.ENOENT) return undefined
  if (file === -errno.ELOOP) throw new SpoolError('ESPOOL_STATE', `${name}: is a symbolic link`)
  check(file, 'open', name)
  check(fstat(file, stat.buffer), 'fstat', name)
  if (stat.type === S_IFREG) return file
  close(file)
  throw new SpoolError('ESPOOL_STATE', `${name}: is no regular file`)
}

/**
 * A descriptor of a new file, to be written and renamed: one of that name that is there is removed,
 * never written to, whoever has put it there. Throws SystemError.
 */
export function makeDraft(directory: number, name: string): number {
  const gone = unlinkat(directory, Buffer.from(name))
  if (gone !== -errno.ENOENT) check(gone, 'unlink', name)
  const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW
  return check(openat(directory, Buffer.from(name), flags, 0o600), 'open', name)
}

/** Bytes of an open file. Throws SystemError. */
export function sizeOfFile(fd: number, name: string): number {
  check(fstat(fd, stat.buffer), 'fstat', name)
  return stat.size
}
