// Removes a tree however deep: Node's own rm goes by paths, which may be longer than PATH_MAX.

import { execFileSync } from 'node:child_process'

/** Never crosses into a mount that is still there. */
export function removeTree(dir: string): void {
  execFileSync('rm', ['-rf', '--one-file-system', '--', dir], {
    // It may have a million files.
    timeout: 1_200_000,
    stdio: 'inherit',
  })
}
