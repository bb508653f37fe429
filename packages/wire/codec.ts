// Encoder and decoder of each message, generated from its row as straight-line code.

import { u32 } from '#schema'
import { bodyLayout, type BodyLayout } from './body-layout.js'
import { allBits } from './fields.js'
import {
  aligned,
  bodyOf,
  checkMessage,
  epochOf,
  flagsOf,
  newer,
  paddingOf,
  seqOf,
  typeOf,
  writeHead,
} from './header.js'
import { checkVersion } from './hello-version.js'
import { messageSizeMin } from './limits.js'
import { flag, messageTable, type Body, type MessageName, type Row } from './message-table.js'
import { WireError } from './wire-error.js'

export interface Codec<K extends MessageName = MessageName> {
  readonly name: K
  readonly row: Row
  /** Bytes of the numbers and lengths that begin the body. */
  readonly fixedSize: number
  /**
   * Writes header (but for what `seal` adds) and body to the start of `out` and returns the
   * message's size. `out` has room for it: messageSizeMax is always enough.
   */
  readonly encode: (out: Buffer, body: Body<K>) => number
  /** Reads a body; Buffers are views of `message`. Throws WireError. */
  readonly decode: (message: Buffer) => Body<K>
}

/** A decoded message. */
export type Message = {
  [K in MessageName]: {
    readonly name: K
    readonly seq: number
    readonly epoch: number
    readonly flags: number
    readonly body: Body<K>
  }
}[MessageName]

/** What may be skipped, since this version does not know it. It counts in the numbering. */
export interface UnknownMessage {
  readonly name: 'unknown'
  readonly type: number
  readonly seq: number
  readonly epoch: number
  readonly flags: number
  readonly body: Buffer
}

function codecOf<K extends MessageName>(name: K): Codec<K> {
  const row: Row = messageTable[name]
  const layout = bodyLayout(row.fields)
  const encode = encoder(row, layout) as Codec<K>['encode']
  const decode = decoder(layout) as Codec<K>['decode']
  return { name, row, fixedSize: layout.fixedEnd - messageSizeMin, encode, decode }
}

function encoder(row: Row, { numbers, bytes, fixedEnd }: BodyLayout) {
  const code = [
    ...numbers.map(({ name, field, at }) => field.type.write(`${at}`, `v.${name}`)),
    ...bytes.map(({ name, at }) => u32.write(`${at}`, `v.${name}.length`)),
    `let end = ${fixedEnd}`,
    ...bytes.map(({ name }) => `b.set(v.${name}, end); end += v.${name}.length`),
    `const size = aligned(end)`,
    `writeHead(b, size, ${row.type}, ${row.flags}, size - end)`,
    'return size',
  ]
  return compile('(b, v)', code, { aligned, writeHead })
}

function decoder({ numbers, bytes, fixedEnd }: BodyLayout) {
  const code = [`const end = b.length - paddingOf(b)`, `if (end < ${fixedEnd}) fail.short(b)`]
  for (const { name, field, at } of numbers) {
    const { type, min, max, bits } = field
    const unknown = bits ? ` || ${name} & ${~allBits(bits)}` : ''
    code.push(
      `const ${name} = ${type.read(`${at}`)}`,
      `if (!(${name} >= ${min} && ${name} <= ${max})${unknown}) fail.range(b, '${name}', ${name})`,
    )
  }
  code.push(...bytes.map(({ name, at }) => `const ${name}Size = ${u32.read(`${at}`)}`))
  const sum = [`${fixedEnd}`, ...bytes.map(({ name }) => `${name}Size`)].join(' + ')
  code.push(`if (${sum} !== end) fail.lengths(b)`)
  let from = `${fixedEnd}`
  for (const { name, field } of bytes) {
    const outside = `${name}Size < ${field.min} || ${name}Size > ${field.max}`
    code.push(
      `if (${outside}) fail.range(b, '${name}', ${name}Size + ' bytes')`,
      `const ${name} = b.subarray(${from}, ${from} + ${name}Size)`,
      `{ const why = faults.${name}(${name}); if (why) fail.value(b, '${name}', why) }`,
    )
    from += ` + ${name}Size`
  }
  code.push(`return { ${[...numbers, ...bytes].map(({ name }) => name).join(', ')} }`)
  const faults = Object.fromEntries(bytes.map(({ name, field }) => [name, field.fault]))
  return compile('(b)', code, { fail, faults, paddingOf })
}

const fail = {
  short(message: Buffer): never {
    const reason = `a body of ${message.length - messageSizeMin} bytes is too short for its type`
    throw new WireError('EWIRE_BODY', reason, { seq: seqOf(message) })
  },
  lengths(message: Buffer): never {
    const reason = 'the lengths in the body do not add up to it'
    throw new WireError('EWIRE_BODY', reason, { seq: seqOf(message) })
  },
  range(message: Buffer, field: string, value: unknown): never {
    const reason = `${field}: ${String(value)} is out of range`
    throw new WireError('EWIRE_FIELD', reason, { seq: seqOf(message) })
  },
  value(message: Buffer, field: string, why: string): never {
    throw new WireError('EWIRE_FIELD', `${field}: ${why}`, { seq: seqOf(message) })
  },
}

// The text comes from the table in this source tree alone, never from data.
function compile(parameters: string, code: string[], scope: Record<string, unknown>): unknown {
  const source = `'use strict'; return ${parameters} => {\n${code.join('\n')}\n}`
  // oxlint-disable-next-line typescript/no-implied-eval
  return new Function(...Object.keys(scope), source)(...Object.values(scope))
}

const names = Object.keys(messageTable) as MessageName[]

/** The codec of each message, by name. */
export const codecs = Object.fromEntries(names.map((name) => [name, codecOf(name)])) as {
  readonly [K in MessageName]: Codec<K>
}

const byType = new Map<number, Codec>(names.map((n) => [messageTable[n].type, codecs[n] as Codec]))

/** The codec of a header's type, or undefined where this version knows none. */
export const codecOfType = (type: number): Codec | undefined => byType.get(type)

/**
 * Checks and decodes one whole message. Undefined: of a type or with flags that this version does
 * not know, and which may be skipped. Throws WireError. Buffers in the body are views of `message`.
 */
export function decodeMessage(message: Buffer): Message | undefined {
  checkMessage(message)
  const seq = seqOf(message)
  const flags = flagsOf(message)
  const codec = byType.get(typeOf(message))
  if (!codec || flags & ~0x0f) {
    if (!(flags & flag.REQUIRED)) return undefined
    throw new WireError('EWIRE_TYPE', newer(`type 0x${typeOf(message).toString(16)}`), { seq })
  }
  if (codec.name === 'hello') checkVersion(message)
  return {
    name: codec.name,
    seq,
    epoch: epochOf(message),
    flags,
    body: codec.decode(message),
  } as Message
}

/** Any message, one that may be skipped included. */
export type AnyMessage = Message | UnknownMessage

/** The same, for who tells of a message that may be skipped as well. */
export const decodeAny = (message: Buffer): AnyMessage =>
  decodeMessage(message) ?? unknownMessage(message)

/** What is to be told of a message for which `decodeMessage` gives undefined. */
export const unknownMessage = (message: Buffer): UnknownMessage => ({
  name: 'unknown',
  type: typeOf(message),
  seq: seqOf(message),
  epoch: epochOf(message),
  flags: flagsOf(message),
  body: bodyOf(message),
})
