// A message as a line of JSON (NDJSON), from which `fromJson` makes the identical bytes. A line is
// ASCII, whatever the names in it are.

import { isUtf8 } from 'node:buffer'
import { decodeAny } from './codec.js'
import { isBinary, type Field } from './fields.js'
import { timeOf } from './header.js'
import { messageTable, type Row } from './message-table.js'

/**
 * One whole message as one line without its line break. Paths, names and texts are strings where
 * they are UTF-8, else `{"hex": ...}`; data is `{"base64": ...}`; flags are there where they are
 * not those of the type. A message that is not known here has a number for a type, its flags, and
 * its body as `{"base64": ...}`. `decoded` is what `decodeAny` gives; without it throws WireError
 * where these bytes are no message.
 */
export function toJson(message: Buffer, decoded = decodeAny(message)): string {
  const { name, seq, epoch, flags } = decoded
  const place = `"seq":${seq},"epoch":${epoch},"time":"${time(message)}"`
  if (name === 'unknown')
    return `{"type":${decoded.type},${place},"flags":${flags},"body":${base64(decoded.body)}}`
  const row: Row = messageTable[name]
  const own = flags === row.flags ? '' : `,"flags":${flags}`
  const values = decoded.body as Record<string, number | Buffer>
  const fields = Object.entries(row.fields).map(
    ([key, field]) => `"${key}":${fieldText(field, values[key]!)}`,
  )
  return `{"type":"${name}",${place}${own},"body":{${fields.join(',')}}}`
}

const billion = 1_000_000_000n

/** The header's time as `seconds.nanoseconds`, nine digits behind the point. */
function time(message: Buffer): string {
  const nanoseconds = timeOf(message)
  return `${nanoseconds / billion}.${String(nanoseconds % billion).padStart(9, '0')}`
}

function fieldText(field: Field, value: number | Buffer): string {
  if (typeof value === 'number') return String(value)
  if (isBinary(field)) return base64(value)
  return isUtf8(value) ? asciiString(value.toString()) : `{"hex":"${value.toString('hex')}"}`
}

const base64 = (bytes: Buffer) => `{"base64":"${bytes.toString('base64')}"}`

const asciiString = (text: string) =>
  JSON.stringify(text).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
