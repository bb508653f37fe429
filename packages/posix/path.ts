// Names on their way into the kernel: copied into kept buffers that end in NUL.

import { errno } from './errno.js'
import { addressOf } from './libc.js'

/** PATH_MAX, the NUL included (limits.h). */
export const PATH_MAX = 4096

export const AT_FDCWD = -100
export const AT_SYMLINK_NOFOLLOW = 0x100
export const AT_REMOVEDIR = 0x200
export const AT_SYMLINK_FOLLOW = 0x400
export const AT_EMPTY_PATH = 0x1000

/** The empty name: with AT_EMPTY_PATH, the descriptor itself. */
export const noName: Buffer = Buffer.alloc(0)

const first = Buffer.allocUnsafeSlow(PATH_MAX)
const second = Buffer.allocUnsafeSlow(PATH_MAX)

/** Addresses of what `setPath1` and `setPath2` stored. */
export const path1 = addressOf(first)
export const path2 = addressOf(second)

/** Stores `name` for the call that follows. 0, -EINVAL for a NUL within, -ENAMETOOLONG. */
export const setPath1 = (name: Uint8Array): number => put(first, name)
export const setPath2 = (name: Uint8Array): number => put(second, name)

function put(into: Buffer, name: Uint8Array): number {
  const length = name.length
  if (length >= PATH_MAX) return -errno.ENAMETOOLONG
  if (length > 32) {
    if (name.indexOf(0) >= 0) return -errno.EINVAL
    into.set(name)
  } else {
    // Most names: cheaper than two calls into the engine.
    for (let i = 0; i < length; i++) {
      const byte = name[i] as number
      if (byte === 0) return -errno.EINVAL
      into[i] = byte
    }
  }
  into[length] = 0
  return 0
}

const prefix = '/proc/self/fd/'
const proc = Buffer.alloc(prefix.length + 12 + 256)
proc.write(prefix, 'latin1')

/** Address of what `setProcPath` stored. */
export const procPath = addressOf(proc)

/**
 * Stores `/proc/self/fd/FD`, or `/proc/self/fd/FD/NAME`: the way to a descriptor opened with O_PATH
 * for calls that take paths only. `name` is one component, so that only its last step can be a
 * link.
 */
export function setProcPath(fd: number, name?: Uint8Array): number {
  if (!Number.isInteger(fd) || fd < 0 || fd > 0x7fffffff) return -errno.EBADF
  let digits = 1
  for (let rest = fd; rest >= 10; rest = Math.floor(rest / 10)) digits++
  let at = prefix.length + digits
  for (let rest = fd, i = at - 1; i >= prefix.length; i--, rest = Math.floor(rest / 10)) {
    proc[i] = 0x30 + (rest % 10)
  }
  if (name !== undefined) {
    if (name.length === 0) return -errno.ENOENT
    if (name.length > 255) return -errno.ENAMETOOLONG
    proc[at++] = 0x2f
    for (let i = 0; i < name.length; i++) {
      const byte = name[i] as number
      if (byte === 0 || byte === 0x2f) return -errno.EINVAL
      proc[at++] = byte
    }
  }
  proc[at] = 0
  return 0
}
