// A fixed layout, declared once: from it come its size, its offsets, and straight-line code that
// reads and writes it.

import assert from 'node:assert'
import type { Scalar } from './types.js'

export type Fields = Readonly<Record<string, Scalar<number> | Scalar<bigint>>>

/** The values of a layout's fields, by name. */
export type Values<F extends Fields> = {
  [K in keyof F]: F[K] extends Scalar<infer T> ? T : never
}

export interface Struct<F extends Fields> {
  readonly name: string
  readonly fields: F
  /** Bytes. */
  readonly size: number
  /** Bytes from the start, by field. */
  readonly offsets: { readonly [K in keyof F]: number }
  /** Reads one at byte `at`; the caller has checked that `size` bytes are there. */
  decode(buffer: Buffer, at?: number): Values<F>
  /** Writes one at byte `at`. Fields that are left out are written as zero. */
  encode(buffer: Buffer, at: number, values: Partial<Values<F>>): void
}

/** Declares a layout and asserts that it has the size that its source (a kernel header) says. */
export function struct<const F extends Fields>(name: string, fields: F, size: number): Struct<F> {
  const offsets: Record<string, number> = {}
  let at = 0
  for (const [field, type] of Object.entries(fields)) {
    assert(at % type.size === 0, `${name}.${field} lies at ${at}, not aligned to ${type.size}`)
    offsets[field] = at
    at += type.size
  }
  assert.equal(at, size, `struct ${name} has ${at} bytes, its source says ${size}`)
  return {
    name,
    fields,
    size,
    offsets: offsets as Struct<F>['offsets'],
    decode: decoder<F>(fields, offsets),
    encode: encoder<F>(fields, offsets),
  }
}

function decoder<F extends Fields>(fields: F, offsets: Record<string, number>) {
  const parts = Object.entries(fields).map(([k, t]) => `${k}: ${t.read(`at + ${offsets[k]}`)}`)
  return compile(`(b, at = 0) => ({ ${parts.join(', ')} })`) as Struct<F>['decode']
}

function encoder<F extends Fields>(fields: F, offsets: Record<string, number>) {
  const parts = Object.entries(fields).map(([k, t]) =>
    t.write(`at + ${offsets[k]}`, `v.${k} ?? ${typeof t.zero === 'bigint' ? '0n' : '0'}`),
  )
  return compile(`(b, at, v) => { ${parts.join('; ')} }`) as Struct<F>['encode']
}

// The text comes from declarations in this source tree alone, never from data.
// oxlint-disable-next-line typescript/no-implied-eval
const compile = (source: string): unknown => new Function(`'use strict'; return ${source}`)()
