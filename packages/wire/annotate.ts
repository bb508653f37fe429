// A message byte by byte, and what each of them is.

import { bodyLayout } from './body-layout.js'
import { decodeMessage } from './codec.js'
import { header, paddingOf, timeOf } from './header.js'
import { flag, messageTable, type Row } from './message-table.js'
import { bitsText, numberText } from './number-text.js'
import { timeText } from './moment-text.js'
import { quoted } from './to-text.js'

const bytesInLine = 8
const hexWidth = 3 * bytesInLine - 1

/** Lines of offset and bytes, both in hexadecimal, and meaning. `message` is of a known type. */
export function annotate(message: Buffer): string[] {
  const { name, seq, epoch, flags, body } = decodeMessage(message)!
  const { numbers, bytes } = bodyLayout((messageTable[name] as Row).fields)
  const values = body as Record<string, number | Buffer>
  const padding = paddingOf(message)
  const lines: string[] = []
  let at = 0
  const tell = (size: number, what: string) => {
    const end = at + size
    for (let meaning = what; at < end; meaning = '') {
      const next = Math.min(end, at + bytesInLine)
      lines.push(line(at, message.subarray(at, next), meaning))
      at = next
    }
  }
  const headerTexts: Readonly<Record<string, string>> = {
    size: `size: ${message.length}`,
    type: `type: ${name}`,
    flags: `flags: ${bitsText(flags, flag)}; ${padding} bytes of padding`,
    seq: `seq: ${seq}`,
    timeLo: `time: ${timeText(timeOf(message))}`,
    timeHi: '',
    epoch: `epoch: ${epoch}`,
    crc: 'crc',
  }
  for (const [key, { size }] of Object.entries(header.fields)) tell(size, headerTexts[key]!)
  for (const { name: key, field } of numbers)
    tell(field.type.size, `${key}: ${numberText(field, values[key] as number)}`)
  for (const { name: key } of bytes) tell(4, `size of ${key}: ${(values[key] as Buffer).length}`)
  for (const { name: key } of bytes)
    tell((values[key] as Buffer).length, `${key}: ${quoted(values[key] as Buffer)}`)
  tell(padding, 'padding')
  return lines
}

function line(at: number, bytes: Buffer, meaning: string): string {
  const hex = bytes.toString('hex').replace(/..(?!$)/g, '$& ')
  return `${at.toString(16).padStart(4, '0')}  ${hex.padEnd(hexWidth)}  ${meaning}`.trimEnd()
}
