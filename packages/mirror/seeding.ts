// A mirror into which another program copies what it can, before the source states what there is.
// Until then it is locked, and marked as incomplete; its state must be there afterwards.

import { close, fstat, pread, readDirectory, Stat } from '#posix'
import { markIncomplete } from './incomplete-mark.js'
import { MirrorError } from './mirror-error.js'
import { openMirror, type OpenMirror, type OpenMirrorOptions } from './open-mirror.js'
import { checkSource } from './other-source.js'
import { checkRoot, openRoot } from './open-root.js'
import { openPrivateDirectory } from './private-file.js'
import { stateName, type StateDirectory } from './state-directory.js'

export interface Seeding {
  /** For `mirror`, once the copying is over. */
  readonly opened: OpenMirror
  /** Who has it keeps every other mirror out of the directory. */
  readonly lockFd: number
  /** The copying is over. Throws MirrorError EMIRROR_SEED where the state is not what it was. */
  check(): void
}

/** Opens the mirror of `source` as `mirror` does, or begins one. Throws as that does. */
export function beginSeeding(options: OpenMirrorOptions, source: Buffer): Seeding {
  const opened = openMirror(options)
  try {
    const { state } = opened
    if (!options.force) checkSource(state.position.record, source)
    markIncomplete(state)
    const before = describe(state)
    return { opened, lockFd: state.lockFd, check: () => check(opened, options.directory, before) }
  } catch (error) {
    opened.close()
    throw error
  }
}

function check({ root, shown, state }: OpenMirror, directory: string, before: string): void {
  const stat = new Stat()
  checkRoot(root, shown, stat)
  const again = openRoot(directory, false)
  const isSame = isSameInode(again, root)
  close(again)
  if (!isSame) throw fault(shown, 'the command has put another directory there')
  const found = openPrivateDirectory(root, stateName, false, state.shown)
  const isThere = found !== undefined && isSameInode(found, state.fd)
  if (found !== undefined) close(found)
  if (isThere && describe(state) === before) return
  const cure = 'add --exclude=/.tfs to its rsync, and start it again'
  if (found === undefined)
    throw fault(state.shown, `the command has removed it: ${cure} (with --force)`)
  throw fault(state.shown, `the command has changed it: ${cure}`)
}

const fault = (shown: string, why: string) => new MirrorError('EMIRROR_SEED', `${shown}: ${why}`)

function isSameInode(a: number, b: number): boolean {
  const [one, other] = [new Stat(), new Stat()]
  return fstat(a, one.buffer) === 0 && fstat(b, other.buffer) === 0 && one.isSame(other)
}

// What is in it, and the position as it is on disk: another mirror's would be taken for it.
function describe({ fd, position }: StateDirectory): string {
  const names = [...readDirectory(fd)].map(({ name }) => name.toString('latin1'))
  const stat = new Stat()
  const bytes = Buffer.alloc(16 << 10)
  const length = Math.max(0, pread(position.fd, bytes, 0, bytes.length, 0))
  const links = fstat(position.fd, stat.buffer) === 0 ? stat.nlink : 0
  return `${links} ${names.toSorted().join('/')} ${bytes.toString('base64', 0, length)}`
}
