// The way from a directory up to the root, by what each directory is, whatever it is called.

import { close, O_DIRECTORY, O_PATH, openat } from './open.js'
import { AT_FDCWD } from './path.js'
import { fstat, Stat } from './stat.js'

const above = Buffer.from('..')

/**
 * The directory `path`, then each one that it lies in; nothing more where one cannot be opened.
 * Each Stat is good until the next.
 */
export function* ancestors(path: Uint8Array): Generator<Stat, void, void> {
  let [stat, last] = [new Stat(), new Stat()]
  let fd = openat(AT_FDCWD, path, O_PATH | O_DIRECTORY)
  try {
    for (let isFirst = true; fd >= 0 && fstat(fd, stat.buffer) === 0; isFirst = false) {
      // The root lies in itself.
      if (!isFirst && stat.isSame(last)) return
      yield stat
      ;[stat, last] = [last, stat]
      const up = openat(fd, above, O_PATH | O_DIRECTORY)
      close(fd)
      fd = up
    }
  } finally {
    if (fd >= 0) close(fd)
  }
}
