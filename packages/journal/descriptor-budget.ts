// How the process's descriptors are shared out, so that none of the parts can take what another
// needs: a caller who asks for more than there are is told so, and the mount goes on.

const directoriesMax = 4096
/** For the program's runtime, its threads, the device, and what is opened for a moment. */
const reserve = 100
const least = 16

export interface DescriptorBudget {
  /** The store's directories that are kept open. */
  readonly directories: number
  /** What callers still have in use though its name is gone. */
  readonly removed: number
  /** Files and directories that callers have open. */
  readonly files: number
}

/** `limit` is RLIMIT_NOFILE's. */
export function descriptorBudget(limit: number): DescriptorBudget {
  const directories = Math.max(least, Math.min(directoriesMax, Math.floor(limit / 4)))
  const removed = Math.max(least, Math.floor(limit / 8))
  return { directories, removed, files: Math.max(least, limit - directories - removed - reserve) }
}
