// A directory of a test's own below the system's temporary one, removed when the test ends.

import { closeSync, constants, mkdtempSync, openSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { removeTree } from './remove-tree.js'

export interface TempDirectory {
  readonly path: string
  /** The directory, opened for reading. */
  readonly fd: number
}

/** `t` is the tap test whose end removes it. */
export function tempDirectory(t: { teardown(end: () => void): void }): TempDirectory {
  const path = mkdtempSync(join(tmpdir(), 'tfs-test-'))
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY)
  t.teardown(() => {
    closeSync(fd)
    removeTree(path)
  })
  return { path, fd }
}
