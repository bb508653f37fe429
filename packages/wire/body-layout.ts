// Where the parts of a body lie: its numbers in the row's order, packed; then a u32 length for each
// of its byte fields; then their bytes, in the row's order too.

import type { BytesField, Field, NumberField } from './fields.js'
import { messageSizeMin } from './limits.js'

export interface BodyLayout {
  /** `at`: bytes from the message's start. */
  readonly numbers: readonly { readonly name: string; readonly field: NumberField; at: number }[]
  /** `at` is where the length lies. */
  readonly bytes: readonly { readonly name: string; readonly field: BytesField; at: number }[]
  /** Where the first byte field's bytes begin. */
  readonly fixedEnd: number
}

const isNumber = (entry: [string, Field]): entry is [string, NumberField] =>
  entry[1].kind === 'number'
const isBytes = (entry: [string, Field]): entry is [string, BytesField] => !isNumber(entry)

export function bodyLayout(fields: Readonly<Record<string, Field>>): BodyLayout {
  let end = messageSizeMin
  const place = (size: number) => (end += size) - size
  const entries = Object.entries(fields)
  const numbers = entries
    .filter(isNumber)
    .map(([name, field]) => ({ name, field, at: place(field.type.size) }))
  const bytes = entries.filter(isBytes).map(([name, field]) => ({ name, field, at: place(4) }))
  return { numbers, bytes, fixedEnd: end }
}
