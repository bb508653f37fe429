// Which part of its source a mirror keeps, noted in .tfs/only: one that went on with another part
// would be wrong there, and not know it.

import { check, close, errno, escapeName, ftruncate, fsync, pread, pwrite, unlinkat } from '#posix'
import { O_CREAT, O_RDWR } from '#posix'
import { limits } from '#wire'
import { MirrorError } from './mirror-error.js'
import { openPrivateFile, openPrivateFileIfThere } from './private-file.js'
import type { StateDirectory } from './state-directory.js'

const name = 'only'

/** The part that the mirror was begun with; undefined: all. Throws as `openPrivateFile` does. */
export function markedOnly(state: number, shown: string): Buffer | undefined {
  const path = `${shown}/${name}`
  const fd = openPrivateFileIfThere(state, name, path)
  if (fd === undefined) return undefined
  const bytes = Buffer.alloc(limits.pathSizeMax)
  const length = check(pread(fd, bytes, 0, bytes.length, 0), 'read', path)
  close(fd)
  return bytes.subarray(0, length)
}

/**
 * Throws MirrorError EMIRROR_ADOPT where a mirror that is at `epoch` was begun with another part
 * than `only`.
 */
export function checkOnly(
  { fd, shown }: Pick<StateDirectory, 'fd' | 'shown'>,
  epoch: number,
  only: Buffer | undefined,
): void {
  const marked = markedOnly(fd, shown)
  if (epoch === 0 || isSame(marked, only)) return
  const what = marked ? `'${escapeName(marked)}' alone, with --only` : 'all of its source'
  const cure = marked ? `--only '${escapeName(marked)}'` : 'no --only'
  throw new MirrorError(
    'EMIRROR_ADOPT',
    `${shown}/${name}: this mirror keeps ${what}: start it with ${cure}, ` +
      'or with --bootstrap to make it whole anew',
  )
}

/** Notes it, on disk. `mayChange`: whatever the mirror was begun with. Throws as `checkOnly`. */
export function markOnly(state: StateDirectory, only: Buffer | undefined, mayChange: boolean) {
  const { fd, shown, position } = state
  if (!mayChange) checkOnly(state, position.record.epoch, only)
  if (isSame(markedOnly(fd, shown), only)) return
  const path = `${shown}/${name}`
  if (only) {
    const file = openPrivateFile(fd, name, path, O_RDWR | O_CREAT)
    const n = check(pwrite(file, only, 0, only.length, 0), 'write', path)
    check(n < only.length ? -errno.ENOSPC : ftruncate(file, n), 'write', path)
    check(fsync(file), 'fsync', path)
    close(file)
  } else check(unlinkat(fd, Buffer.from(name)), 'unlink', path)
  check(fsync(fd), 'fsync', shown)
}

const isSame = (a: Buffer | undefined, b: Buffer | undefined) =>
  a === b || (a !== undefined && b !== undefined && a.equals(b))
