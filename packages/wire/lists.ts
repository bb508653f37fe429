// Lists within a message: the names of a directory, the extended attributes of something. Both are
// in the strict order of the names' bytes, so that no name is there twice.

import { nameSizeMax, xattrValueSizeMax } from './limits.js'
import { nameFault } from './path.js'

/** An entry of a directory. */
export interface Name {
  /** st_mode's bits of the type: S_IFREG, S_IFDIR ... */
  readonly type: number
  readonly name: Buffer
}

export interface Xattr {
  readonly name: Buffer
  readonly value: Buffer
}

const typeShift = 12
/** FIFO, character device, directory, block device, file, symbolic link, socket. */
const types: ReadonlySet<number> = new Set([1, 2, 4, 6, 8, 10, 12])
const nameHead = 2
const xattrHead = 5

/** Bytes that `entry` takes in the list. */
export const nameEntrySize = (name: Buffer): number => nameHead + name.length
export const xattrEntrySize = ({ name, value }: Xattr): number =>
  xattrHead + name.length + value.length

/** Each entry: u8 type (st_mode >> 12), u8 length, the name. `names` are in order. */
export function encodeNames(names: readonly Name[]): Buffer {
  const out = Buffer.alloc(names.reduce((sum, { name }) => sum + nameEntrySize(name), 0))
  let at = 0
  for (const { type, name } of names) {
    out[at] = type >> typeShift
    out[at + 1] = name.length
    out.set(name, at + nameHead)
    at += nameEntrySize(name)
  }
  return out
}

/** The names, as views of `list`, which has no fault. */
export function decodeNames(list: Buffer): Name[] {
  const names: Name[] = []
  for (let at = 0; at < list.length;) {
    const end = at + nameHead + list[at + 1]!
    names.push({ type: list[at]! << typeShift, name: list.subarray(at + nameHead, end) })
    at = end
  }
  return names
}

/** Each entry: u8 length of the name, u32 length of the value, name, value. In order. */
export function encodeXattrs(xattrs: readonly Xattr[]): Buffer {
  const out = Buffer.alloc(xattrs.reduce((sum, xattr) => sum + xattrEntrySize(xattr), 0))
  let at = 0
  for (const xattr of xattrs) {
    const { name, value } = xattr
    out[at] = name.length
    out.writeUInt32LE(value.length, at + 1)
    out.set(name, at + xattrHead)
    out.set(value, at + xattrHead + name.length)
    at += xattrEntrySize(xattr)
  }
  return out
}

/** The attributes, as views of `list`, which has no fault. */
export function decodeXattrs(list: Buffer): Xattr[] {
  const xattrs: Xattr[] = []
  for (let at = 0; at < list.length;) {
    const valueAt = at + xattrHead + list[at]!
    const end = valueAt + list.readUInt32LE(at + 1)
    xattrs.push({
      name: list.subarray(at + xattrHead, valueAt),
      value: list.subarray(valueAt, end),
    })
    at = end
  }
  return xattrs
}

/** Why these bytes are no list of names, or undefined. */
export function namesFault(list: Buffer): string | undefined {
  let last: Buffer | undefined
  for (let at = 0; at < list.length;) {
    const end = at + nameHead + (list[at + 1] ?? list.length)
    if (end > list.length) return 'a list of names that breaks off'
    if (!types.has(list[at]!)) return `a type ${list[at]} in a list of names`
    const name = list.subarray(at + nameHead, end)
    const fault = (name.length === 0 && 'an empty name') || nameFault(name) || order(last, name)
    if (fault) return fault
    last = name
    at = end
  }
  return undefined
}

/** Why these bytes are no list of extended attributes, or undefined. */
export function xattrsFault(list: Buffer): string | undefined {
  let last: Buffer | undefined
  for (let at = 0; at < list.length;) {
    if (at + xattrHead > list.length) return 'a list of attributes that breaks off'
    const valueAt = at + xattrHead + list[at]!
    const size = list.readUInt32LE(at + 1)
    if (valueAt + size > list.length) return 'a list of attributes that breaks off'
    const name = list.subarray(at + xattrHead, valueAt)
    if (name.length === 0 || name.length > nameSizeMax) return 'an attribute without a name'
    if (name.includes(0)) return 'a NUL in the name of an attribute'
    if (size > xattrValueSizeMax) return `an attribute of ${size} bytes`
    const fault = order(last, name)
    if (fault) return fault
    last = name
    at = valueAt + size
  }
  return undefined
}

const order = (last: Buffer | undefined, name: Buffer) =>
  last && Buffer.compare(last, name) >= 0 ? 'names that are not in their order' : undefined
