// Paths in messages: relative to the root, raw bytes, '/' between components; the root is empty.

import { nameSizeMax, pathSizeMax } from './limits.js'

const slash = 0x2f
const dot = 0x2e

/** Why these bytes are not a path of the protocol, or undefined where they are one. */
export function pathFault(path: Buffer): string | undefined {
  const size = path.length
  if (size === 0) return undefined
  if (size > pathSizeMax) return `a path of ${size} bytes (the limit is ${pathSizeMax})`
  let start = 0
  for (let i = 0; i <= size; i++) {
    const byte = i < size ? path[i] : slash
    if (byte === 0) return 'a NUL in a path'
    if (byte !== slash) continue
    const fault = componentFault(path, start, i)
    if (fault) return fault
    start = i + 1
  }
  return undefined
}

/** Why these bytes are not one component of a path, or undefined where they are. */
export const nameFault = (name: Buffer): string | undefined =>
  name.includes(slash) ? 'a / in a name' : pathFault(name)

function componentFault(path: Buffer, start: number, end: number): string | undefined {
  const size = end - start
  if (size === 0) return 'an empty component in a path'
  if (size > nameSizeMax) return `a name of ${size} bytes in a path (the limit is ${nameSizeMax})`
  if (path[start] !== dot || size > 2) return undefined
  if (size === 1) return "a component '.' in a path"
  return path[start + 1] === dot ? "a component '..' in a path" : undefined
}
