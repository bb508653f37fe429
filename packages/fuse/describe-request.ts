// Requests as a line of text, from their rows: for tracing.

import { errnoName, escapeName } from '#posix'
import type { Request } from './handler.js'
import { opcodes, type OpcodeName, type Row } from './opcodes.js'

const uninteresting = /^(?:padding|unused|dummy|reserved|lock_owner_)/u

/** `FUSE_MKDIR 8: node 1, uid 0, gid 0, pid 42, mode 0755, umask 022, name 'x'` */
export function describeRequest(
  name: OpcodeName,
  { unique, nodeid, uid, gid, pid }: Readonly<Request>,
  arg: Readonly<Record<string, unknown>>,
): string {
  const row: Row = opcodes[name]
  const fields = [`node ${nodeid}`, `uid ${uid}`, `gid ${gid}`, `pid ${pid}`]
  for (const field of Object.keys(row.in?.fields ?? {})) {
    if (!uninteresting.test(field)) fields.push(`${field} ${number(field, arg[field] as number)}`)
  }
  for (const key of row.names ?? []) fields.push(`${key} '${escapeName(arg[key] as Buffer)}'`)
  if (row.data) fields.push(`${(arg['data'] as Buffer).length} bytes`)
  return `${name} ${unique}: ${fields.join(', ')}`
}

/** `8: ENOENT`, `8: 128 bytes` */
export const describeReply = (unique: number, error: number, length: number): string =>
  `${unique}: ${error === 0 ? `${length} bytes` : errnoName(error)}`

const number = (field: string, value: number): string => {
  if (/mode$|umask$/u.test(field)) return `0${value.toString(8)}`
  return /flags$|^valid$|mask$/u.test(field) ? `0x${value.toString(16)}` : String(value)
}
