// PROTOCOL.md: the protocol in words and tables, from what the programs go by.

import { filled, markdownTable } from '#schema'
import { annotate } from './annotate.js'
import { bodyLayout } from './body-layout.js'
import { codecs, type Codec } from './codec.js'
import { exampleBodies } from './example-bodies.js'
import type { BytesField, NumberField } from './fields.js'
import { seal } from './header.js'
import { messageSizeMax, offsetMax } from './limits.js'
import { flag, isRequest, messageTable, type MessageName, type Row } from './message-table.js'
import { bitsText } from './number-text.js'
import { rules } from './spec-rules.js'
import { toJson } from './to-json.js'

const names = Object.keys(messageTable) as MessageName[]
const time = { sec: 1_700_000_000, nsec: 123_456_789 }
const epoch = 0x01020304

/** PROTOCOL.md, as Markdown. */
export const spec = (): string =>
  [rules, '', messagesIntroduction, ...names.map(section)].join('\n')

/** The example of a message that PROTOCOL.md shows. */
export function exampleMessage(name: MessageName): Buffer {
  const out = Buffer.alloc(messageSizeMax)
  const row: Row = messageTable[name]
  const size = (codecs[name] as Codec).encode(out, exampleBodies[name])
  const isNumbered = !(row.flags & flag.HOP) && !isRequest(row.type)
  const ordinal = name === 'hello' ? 1 : name === 'gap' ? exampleBodies.gap.to : 7
  seal(out, size, isNumbered ? ordinal : 0, time, isRequest(row.type) ? 0 : epoch)
  return Buffer.from(out.subarray(0, size))
}

const messagesIntroduction = filled(`
## 11. The messages

Each has its type, its flags, its fields with the numbers first, and an example: offset and
bytes in hexadecimal, and the line of JSON that \`tfs-dump --json\` prints for it and from which
\`tfs-dump --assemble\` makes the same bytes. In JSON a path, name or text that is not UTF-8 is
\`{"hex": "..."}\`, data is \`{"base64": "..."}\`; flags are there where they are not those of
the type; a message of an unknown type has its number for a type, its flags, and its body in
base64.
`)

function section(name: MessageName): string {
  const row: Row = messageTable[name]
  const message = exampleMessage(name)
  return [
    `### ${name}\n`,
    filled(`Type ${hexType(row.type)}, flags ${bitsText(row.flags, flag)}. ${row.doc}`),
    '',
    ...fieldTable(row),
    '```text',
    ...annotate(message),
    '```\n',
    '```json',
    toJson(message),
    '```\n',
  ].join('\n')
}

function fieldTable(row: Row): string[] {
  const { numbers, bytes, fixedEnd } = bodyLayout(row.fields)
  if (fixedEnd === bodyLayout({}).fixedEnd) return []
  const rows = [
    ...numbers.map(({ name, field, at }) => [`${at}`, field.type.name, name, ...about(field)]),
    ...bytes.map(({ name, at }) => [`${at}`, 'u32', `size of ${name}`, '', '']),
    ...bytes.map(({ name, field }, i) => [
      i === 0 ? `${fixedEnd}` : 'then',
      'bytes',
      name,
      bytesRange(field),
      field.doc,
    ]),
  ]
  return [`${markdownTable(['offset', 'type', 'field', 'range', 'meaning'], rows)}\n`]
}

function about({ min, max, bits, shown, doc, whichBit }: NumberField): [string, string] {
  const when = whichBit === undefined ? '' : ` (where which has ${whichBit})`
  const names = bits ? `: ${Object.entries(bits).map(bitText).join(', ')}` : ''
  const range = min === max ? `${min}` : `${limit(min, shown)} to ${limit(max, shown)}`
  return [range, `${doc}${names}${when}`]
}

const bitText = ([name, bit]: [string, number]) => `${bit} ${name}`

function limit(value: number, shown: NumberField['shown']): string {
  if (shown === 'octal' && value > 0) return `0${value.toString(8)}`
  return Math.abs(value) === offsetMax ? `${value < 0 ? '-' : ''}(2^53-1)` : `${value}`
}

const bytesRange = ({ kind, min, max }: BytesField) => `${kind}, ${min} to ${max} bytes`
const hexType = (type: number) => `0x${type.toString(16).padStart(4, '0')}`
