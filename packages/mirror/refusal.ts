// Why a message is refused before it has any effect, as numbers below every -errno, so that the
// operations can give one back without allocating.

/** Negative results beside -errno. None is ever repaired. */
export const refusal = {
  SYMLINK: -10001,
  NOT_A_DIRECTORY: -10002,
  MOUNTED: -10003,
  NOT_REGULAR: -10004,
  RESERVED: -10005,
  RANGE: -10006,
  MODE: -10007,
  FLAGS: -10008,
  NAME_CLASH: -10009,
  INTO_ITSELF: -10010,
  NOT_EMPTY: -10011,
  INVALID: -10012,
} as const

/** All of them are at most this, all of -errno above it. */
export const refusalMax = -10000

const reasons: ReadonlyMap<number, string> = new Map([
  [refusal.SYMLINK, 'a component of the path is a symbolic link here'],
  [refusal.NOT_A_DIRECTORY, 'a component of the path is not a directory here'],
  [refusal.MOUNTED, 'the path leads across a mount point'],
  [refusal.NOT_REGULAR, 'it is not a regular file here'],
  [refusal.RESERVED, 'the name .tfs at the root is reserved for the state of the mirror'],
  [refusal.RANGE, 'offset and length reach beyond what a file can have'],
  [refusal.MODE, 'a mode that this operation cannot have'],
  [refusal.FLAGS, 'flags that this operation cannot have'],
  [refusal.NAME_CLASH, 'this file system takes its name and that of another file for the same'],
  [refusal.INTO_ITSELF, 'a directory cannot be moved into itself'],
  [refusal.NOT_EMPTY, 'the directory that it would replace is not empty'],
  [refusal.INVALID, 'the system calls it invalid (EINVAL)'],
])

/** Why, for people; undefined where `result` is no refusal. */
export const refusalReason = (result: number): string | undefined => reasons.get(result)
