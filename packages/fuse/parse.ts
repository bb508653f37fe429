// Turns opcode rows into straight-line code that decodes a request's body.

import type { Fields, Struct } from '#schema'
import { opcodes, type ArgName, type OpcodeName, type Row } from './opcodes.js'

/** The body is too short for its struct, or a name lacks its NUL. */
export const MALFORMED = Symbol('malformed')
/** A field that the row bounds is not a number below 2^53. */
export const BEYOND = Symbol('beyond')

/** Decodes bytes [at, end) of `buffer`. */
export type Parse = (
  buffer: Buffer,
  at: number,
  end: number,
) => Record<string, number | Buffer> | typeof MALFORMED | typeof BEYOND

/** The parser of a row; `layout` replaces its struct where an older kernel sends a shorter one. */
export function parserOf(name: OpcodeName, layout?: Struct<Fields>): Parse {
  const row: Row = opcodes[name]
  const sent = layout ?? row.in
  const size = sent?.size ?? 0
  const lines = [`if (end - at < ${size}) return MALFORMED`, `let p = at + ${size}`]
  for (const n of row.names ?? []) lines.push(...nameLines(n))
  const values = Object.entries(row.in?.fields ?? {}).map(([field, type]) =>
    sent !== undefined && field in sent.fields
      ? `${field}: ${type.read(`at + ${sent.offsets[field]}`)}`
      : `${field}: 0`,
  )
  values.push(...(row.names ?? []))
  if (row.data === true) values.push('data: b.subarray(p, end)')
  lines.push(`const arg = { ${values.join(', ')} }`)
  for (const field of row.bounded ?? []) {
    lines.push(`if (!Number.isSafeInteger(arg.${field})) return BEYOND`)
  }
  const source = `'use strict'; return (b, at, end) => { ${lines.join('; ')}; return arg }`
  // The text comes from the rows alone, never from data.
  // oxlint-disable-next-line typescript/no-implied-eval
  return new Function('MALFORMED', 'BEYOND', source)(MALFORMED, BEYOND) as Parse
}

const nameLines = (name: ArgName) => [
  `const ${name}At = p`,
  'while (p < end && b[p] !== 0) p++',
  'if (p >= end) return MALFORMED',
  `const ${name} = b.subarray(${name}At, p)`,
  'p++',
]
