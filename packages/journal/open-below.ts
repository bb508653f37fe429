// Opens what lies below a directory, component by component: a path may be longer than PATH_MAX.

import { close, O_DIRECTORY, O_NOFOLLOW, O_PATH, openat } from '#posix'

const slash = 0x2f

/** A descriptor, opened with `flags` and never through a symlink, or -errno. */
export function openBelow(root: number, path: Buffer, flags: number): number {
  let dirfd = root
  for (let at = 0; ;) {
    const end = path.indexOf(slash, at)
    const name = path.subarray(at, end < 0 ? undefined : end)
    const fd = openat(dirfd, name, (end < 0 ? flags : O_PATH | O_DIRECTORY) | O_NOFOLLOW)
    if (dirfd !== root) close(dirfd)
    if (end < 0 || fd < 0) return fd
    dirfd = fd
    at = end + 1
  }
}
