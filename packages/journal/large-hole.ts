// Holes that are stated where content is hashed.

import { errno, lseek, SEEK_DATA } from '#posix'

/** Where they begin and how long they are is a multiple of this. */
export const holeGrain = 64 << 10

/** The first one between `at` and `limit` in the file `fd`, `limit` where there is none; -errno. */
export function largeHole(fd: number, at: number, limit: number): number {
  for (let start = at - (at % holeGrain) + holeGrain; start < limit; start += holeGrain) {
    const data = lseek(fd, start, SEEK_DATA)
    // A hole to its end.
    if (data === -errno.ENXIO) return start
    if (data < 0) return data
    if (data - start >= holeGrain) return start
  }
  return limit
}
