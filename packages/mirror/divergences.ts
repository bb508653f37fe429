// Errors that say that the mirror is not what the stream takes it for.

import { errno } from '#posix'
import { refusal, refusalMax } from './refusal.js'

export const divergences: ReadonlySet<number> = new Set(
  [errno.ENOENT, errno.EEXIST, errno.ENOTEMPTY, errno.EISDIR, errno.ENOTDIR, errno.ENODATA].map(
    (n) => -n,
  ),
)

/**
 * Whether `e` is one, or a refusal, or that a user has no leave, which he takes elsewhere only
 * where the stream means that very path.
 */
export const isDivergence = (e: number): boolean =>
  divergences.has(e) || e <= refusalMax || e === -errno.EACCES || e === -errno.EPERM

/** What is to be stated anew where a statement of `path` has failed with `e`, if that mends it. */
export function statedAnew(path: Buffer, e: number): Buffer | undefined {
  if (e === refusal.NOT_A_DIRECTORY) return path.subarray(0, Math.max(0, path.lastIndexOf(0x2f)))
  return divergences.has(e) ? path : undefined
}
