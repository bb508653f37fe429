// Numbers of messages as people read them.

import { allBits, type NumberField } from './fields.js'

/** By the field's kind: names of bits, an octal mode, or a decimal number. */
export function numberText(field: NumberField, value: number): string {
  if (field.bits) return bitsText(value, field.bits)
  return field.shown === 'octal' ? `0${value.toString(8).padStart(3, '0')}` : String(value)
}

/** The names of the bits, and a number for those without. */
export function bitsText(value: number, bits: Readonly<Record<string, number>>): string {
  const names = Object.keys(bits).filter((name) => value & bits[name]!)
  const others = value & ~allBits(bits)
  return [...names, ...(others ? [`0x${others.toString(16)}`] : [])].join('|') || '0'
}
