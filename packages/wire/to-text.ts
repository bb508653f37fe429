// A message as a line of text for people.

import { escapeName } from '#schema'
import { decodeAny, type AnyMessage, type Message } from './codec.js'
import { isBinary, type NumberField } from './fields.js'
import { timeOf } from './header.js'
import { bitsText, numberText } from './number-text.js'
import { flag, messageTable, type Row } from './message-table.js'
import { momentText, timeText } from './moment-text.js'

/**
 * One whole message as one printable line without its line break: seq, time in UTC, name, what it
 * is about, then its other fields. Names are quoted and escaped as in C; of data its size and
 * beginning are shown. `decoded` is what `decodeAny` gives; without it throws WireError where these
 * bytes are no message.
 */
export function toText(message: Buffer, decoded = decodeAny(message)): string {
  const { name, seq, epoch, flags } = decoded
  const words = name === 'unknown' ? [dataText(decoded.body)] : bodyWords(decoded)
  if (name === 'unknown' || name === 'hello') words.unshift(`epoch=${epoch}`)
  if (name === 'unknown' || flags !== messageTable[name].flags)
    words.push(`header.flags=${bitsText(flags, flag)}`)
  const type = typeText(decoded).padEnd(typeWidth)
  const start = [String(seq).padStart(seqWidth), timeText(timeOf(message)), type]
  return `${start.join('  ')}  ${words.join(' ')}`.trimEnd()
}

/** A message's name, or its type where that is not known. */
export const typeText = (message: AnyMessage): string =>
  message.name === 'unknown' ? `type 0x${message.type.toString(16).padStart(4, '0')}` : message.name

const seqWidth = 8
const typeWidth = Math.max(...Object.keys(messageTable).map((name) => name.length))
const previewMax = 32

function bodyWords({ name, body }: Message): string[] {
  const values = body as Record<string, number | Buffer>
  const fields = Object.entries((messageTable[name] as Row).fields)
  const first: string[] = []
  const rest: string[] = []
  fields.forEach(([key, field], i) => {
    const value = values[key]!
    if (typeof value !== 'number') {
      const begins = leading[key]
      if (begins !== undefined) first.push(`${begins}${quoted(value)}`)
      else rest.push(isBinary(field) ? dataText(value) : `${key}=${quoted(value)}`)
    } else if (field.kind === 'number' && isTold(field, value, values.which)) {
      const nsec = values[fields[i + 1]?.[0] ?? ''] as number
      if (field.shown === 'seconds')
        rest.push(`${key.slice(0, -'Sec'.length)}=${momentText(value, nsec)}`)
      else rest.push(`${key}=${numberText(field, value)}`)
    }
  })
  return [...first, ...rest]
}

/** The fields that come first, and what they begin with there. */
const leading: Readonly<Record<string, string>> = { path: '', newPath: '-> ', target: '-> ' }

// Not what is always the same, what does not count, what its seconds tell, no bits.
const isTold = (field: NumberField, value: number, which: number | Buffer | undefined): boolean =>
  field.min !== field.max &&
  field.shown !== 'nanoseconds' &&
  !(field.bits && value === 0) &&
  (field.whichBit === undefined || (Number(which) & field.whichBit) !== 0)

function dataText(data: Buffer): string {
  if (data.length === 0) return '0 bytes'
  const more = data.length > previewMax ? '...' : ''
  return `${data.length} bytes ${quoted(data.subarray(0, previewMax))}${more}`
}

/** A name or the like between double quotes. */
export const quoted = (bytes: Buffer): string => `"${escapeName(bytes).replaceAll('"', '\\"')}"`
