// The file in .tfs whose being there says that the mirror is not whole: what its source states is
// still to be taken, by whichever run.

import { check, close, fsync, unlinkat } from '#posix'
import { openPrivateFile, openPrivateFileIfThere } from './private-file.js'

const markName = 'incomplete'

interface State {
  readonly fd: number
  /** Its path for people. */
  readonly shown: string
}

export function isIncomplete({ fd, shown }: State): boolean {
  const found = openPrivateFileIfThere(fd, markName, `${shown}/${markName}`)
  if (found !== undefined) close(found)
  return found !== undefined
}

/** Survives a power cut once it returns, as does `clearIncomplete`. Throws errno errors. */
export function markIncomplete({ fd, shown }: State): void {
  const mark = openPrivateFile(fd, markName, `${shown}/${markName}`)
  check(fsync(mark), 'fsync', shown)
  close(mark)
  check(fsync(fd), 'fsync', shown)
}

export function clearIncomplete({ fd, shown }: State): void {
  check(unlinkat(fd, Buffer.from(markName)), 'unlink', `${shown}/${markName}`)
  check(fsync(fd), 'fsync', shown)
}
