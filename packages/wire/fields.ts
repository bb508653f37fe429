// The kinds of field that messages are made of: how wide, in what range, how written as JSON.

import { i64, u32, u64, type Scalar } from '#schema'
import * as limits from './limits.js'
import { namesFault, xattrsFault } from './lists.js'
import { nameFault, pathFault } from './path.js'

/** A number at a fixed place of the body. */
export interface NumberField {
  readonly kind: 'number'
  readonly type: Scalar<number>
  /** The range that a decoder accepts, both ends included. */
  readonly min: number
  readonly max: number
  /** How people read it; nanoseconds belong to the seconds before them. */
  readonly shown: 'decimal' | 'octal' | 'seconds' | 'nanoseconds'
  /** The bits that it is made of, by name; no other may be set. */
  readonly bits?: Readonly<Record<string, number>>
  /** It counts only where the row's field `which` has this bit. */
  readonly whichBit?: number
  readonly doc: string
}

/** Bytes of variable length: their u32 length stands among the numbers, they follow the numbers. */
export interface BytesField {
  readonly kind: 'path' | 'name' | 'text' | 'data' | 'names' | 'xattrs'
  readonly min: number
  readonly max: number
  /** Why the bytes are not acceptable, or undefined. Range of the length is checked before. */
  readonly fault: (bytes: Buffer) => string | undefined
  readonly doc: string
}

/** Whether a field's bytes are no text. */
export const isBinary = ({ kind }: Field): boolean =>
  kind === 'data' || kind === 'names' || kind === 'xattrs'

export type Field = NumberField | BytesField

const numberField = (
  type: Scalar<number>,
  min: number,
  max: number,
  doc: string,
  shown: NumberField['shown'] = 'decimal',
): NumberField => ({ kind: 'number', type, min, max, doc, shown })

export const count = (doc: string, max = 0xffffffff): NumberField => numberField(u32, 0, max, doc)
export const offset = (doc: string): NumberField => numberField(i64, 0, limits.offsetMax, doc)
export const seqNumber = (doc: string): NumberField => numberField(u64, 0, limits.offsetMax, doc)
/** A number that is always the same. */
export const constant = (value: number, doc: string): NumberField =>
  numberField(u32, value, value, doc)
export const bits = (doc: string, names: Readonly<Record<string, number>>): NumberField => ({
  ...numberField(u32, 0, allBits(names), doc),
  bits: names,
})
/** All bits that have a name. */
export const allBits = (names: Readonly<Record<string, number>>): number =>
  Object.values(names).reduce((all, bit) => all | bit, 0)
/** Permission bits, set-id and sticky bits as in st_mode. */
export const permissions = (doc: string): NumberField => numberField(u32, 0, 0o7777, doc, 'octal')
/** The same with the type, as in st_mode. */
export const mode = (doc: string): NumberField => numberField(u32, 0, 0o177777, doc, 'octal')
/** 2^32-1 would mean "no change" to chown(2), so it is no owner. */
export const owner = (doc: string): NumberField => numberField(u32, 0, 0xfffffffe, doc)
export const seconds = (doc: string): NumberField =>
  numberField(i64, -limits.offsetMax, limits.offsetMax, doc, 'seconds')
export const nanoseconds = (doc: string): NumberField =>
  numberField(u32, 0, 999_999_999, doc, 'nanoseconds')
/** The field counts only where the row's field `which` has this bit. */
export const where = (whichBit: number, field: NumberField): NumberField => ({ ...field, whichBit })

const noFault = () => undefined
const nulFault = (bytes: Buffer) => (bytes.includes(0) ? 'a NUL' : undefined)

const labelFault = (bytes: Buffer) => (bytes.includes(0x0a) ? 'a line break' : nulFault(bytes))

export const path = (doc: string): BytesField => ({
  kind: 'path',
  min: 0,
  max: limits.pathSizeMax,
  fault: pathFault,
  doc,
})
/** A path of something that has a name, so not of the root. */
export const entry = (doc: string): BytesField => ({ ...path(doc), min: 1 })
export const target = (doc: string): BytesField => ({
  kind: 'name',
  min: 1,
  max: limits.targetSizeMax,
  fault: nulFault,
  doc,
})
/** The same, where most have none. */
export const targetOrNone = (doc: string): BytesField => ({ ...target(doc), min: 0 })
export const xattrName = (doc: string): BytesField => ({
  kind: 'name',
  min: 1,
  max: limits.nameSizeMax,
  fault: nulFault,
  doc,
})
/** A name that people give, on one line. */
export const label = (doc: string): BytesField => ({
  kind: 'name',
  min: 1,
  max: limits.nameSizeMax,
  fault: labelFault,
  doc,
})
/** The same, which may be the name of a file. */
export const markName = (doc: string): BytesField => ({
  ...label(doc),
  fault: (bytes) => (bytes.includes(0x2f) ? 'a /' : labelFault(bytes)),
})
export const text = (doc: string): BytesField => ({
  kind: 'text',
  min: 0,
  max: limits.textSizeMax,
  fault: noFault,
  doc,
})
export const data = (max: number, doc: string): BytesField => ({
  kind: 'data',
  min: 0,
  max,
  fault: noFault,
  doc,
})
/** A name in a directory, or empty. */
export const bound = (doc: string): BytesField => ({
  kind: 'name',
  min: 0,
  max: limits.nameSizeMax,
  fault: (bytes) => (bytes.length ? nameFault(bytes) : undefined),
  doc,
})
/** See `lists.ts`. */
export const names = (doc: string): BytesField => ({
  ...data(limits.dataSizeMax, doc),
  kind: 'names',
  fault: namesFault,
})
export const xattrs = (doc: string): BytesField => ({
  ...data(limits.dataSizeMax, doc),
  kind: 'xattrs',
  fault: xattrsFault,
})
