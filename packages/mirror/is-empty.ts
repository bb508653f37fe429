// Whether a mirror holds anything but its own state.

import { readDirectory } from '#posix'

const reserved = Buffer.from('.tfs')

export function isEmpty(root: number): boolean {
  for (const { name } of readDirectory(root)) if (!name.equals(reserved)) return false
  return true
}
