// How a mirror keeps owners, noted in .tfs/fake-super where it is in attributes: one that is kept
// one way and then the other would have lost what is in the first.

import { check, close, unlinkat } from '#posix'
import { MirrorError } from './mirror-error.js'
import type { Ids } from './owners.js'
import { openPrivateFile, openPrivateFileIfThere } from './private-file.js'
import type { StateDirectory } from './state-directory.js'

const name = 'fake-super'

/**
 * Notes it for a mirror that is new, or with `force`. Throws MirrorError EMIRROR_ADOPT where the
 * mirror is of the other kind, and as `openPrivateFile` does.
 */
export function markIds({ fd, shown, position }: StateDirectory, ids: Ids, force: boolean): void {
  const path = `${shown}/${name}`
  const found = openPrivateFileIfThere(fd, name, path)
  if (found !== undefined) close(found)
  const wasFake = found !== undefined
  const isFake = ids.kind === 'xattr'
  if (wasFake === isFake) return
  if (position.record.epoch !== 0 && !force)
    throw new MirrorError(
      'EMIRROR_ADOPT',
      `${path}: this mirror is ${wasFake ? '' : 'not '}kept with --ids xattr, ` +
        'and without --force is not kept otherwise',
    )
  if (isFake) close(openPrivateFile(fd, name, path))
  else check(unlinkat(fd, Buffer.from(name)), 'unlink', path)
}
