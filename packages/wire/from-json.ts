// The bytes of a message from the line of JSON that `toJson` makes, or that a person or a program
// writes in its form. What it yields is always a message that a reader takes.

import { codecs, decodeMessage, type Codec } from './codec.js'
import type { BytesField } from './fields.js'
import { aligned, seal, writeHead, type Stamp } from './header.js'
import { messageSizeMax, messageSizeMin, offsetMax } from './limits.js'
import { messageTable, type Body, type MessageName, type Row } from './message-table.js'
import { WireError } from './wire-error.js'

type Json = Readonly<Record<string, unknown>>

const keys = ['type', 'seq', 'epoch', 'time', 'flags', 'body']
const u16Max = 0xffff
const u32Max = 0xffffffff
const u64Max = (1n << 64n) - 1n
/** Bits 12-15 of the header's field hold the padding. */
const flagsMax = 0x0fff

/** The message that the line describes. Throws WireError: EWIRE_JSON says what is wrong in it. */
export function fromJson(line: string): Buffer {
  const given = object(parsed(line), 'the line')
  onlyKeys(given, keys, 'a message')
  const { type, seq, epoch, time, flags, body } = given
  const message = typeof type === 'string' ? known(type, flags, body) : opaque(type, flags, body)
  const number = integer(seq, 'seq', 0, offsetMax)
  seal(message, message.length, number, stamp(time), integer(epoch, 'epoch', 0, u32Max))
  decodeMessage(message)
  return message
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch (cause) {
    throw bad(`not JSON: ${shown(line)}`, cause)
  }
}

function known(type: string, flags: unknown, body: unknown): Buffer {
  if (!Object.hasOwn(messageTable, type)) throw bad(`type: there is no ${shown(type)}`)
  const name = type as MessageName
  const row: Row = messageTable[name]
  const given = object(body, 'body')
  onlyKeys(given, Object.keys(row.fields), name)
  const values: Record<string, number | Buffer> = {}
  const { fixedSize, encode } = codecs[name] as Codec
  let size = messageSizeMin + fixedSize
  for (const [key, field] of Object.entries(row.fields)) {
    const value =
      field.kind === 'number'
        ? integer(given[key], key, field.min, field.max)
        : checked(given[key], key, field)
    if (typeof value !== 'number') size += value.length
    values[key] = value
  }
  const message = Buffer.alloc(aligned(size))
  encode(message, values as Body)
  if (flags === undefined) return message
  const own = integer(flags, 'flags', 0, flagsMax)
  writeHead(message, message.length, row.type, own, message.length - size)
  return message
}

// A type of a later version, or one in private use.
function opaque(type: unknown, flags: unknown, body: unknown): Buffer {
  const number = integer(type, 'type', 0, u16Max)
  const content = bytes(body, 'body')
  const end = messageSizeMin + content.length
  const size = aligned(end)
  if (size > messageSizeMax) throw bad(`body: ${content.length} bytes are too many for a message`)
  const message = Buffer.alloc(size)
  message.set(content, messageSizeMin)
  writeHead(message, size, number, integer(flags, 'flags', 0, flagsMax), size - end)
  return message
}

function checked(value: unknown, key: string, field: BytesField): Buffer {
  const content = bytes(value, key)
  const { min, max } = field
  if (content.length < min || content.length > max)
    throw bad(`${key}: ${content.length} bytes, it can have ${min} to ${max}`)
  const fault = field.fault(content)
  if (fault) throw bad(`${key}: ${fault}`)
  return content
}

/** Of `"text"`, `{"hex": …}` or `{"base64": …}`. */
function bytes(value: unknown, key: string): Buffer {
  if (typeof value === 'string') {
    if (/\p{Surrogate}/u.test(value)) throw bad(`${key}: half a surrogate pair is no text; use hex`)
    return Buffer.from(value)
  }
  const given = object(value, key)
  const [encoding, ...others] = Object.keys(given)
  const text = encoding === undefined ? undefined : given[encoding]
  if ((encoding === 'hex' || encoding === 'base64') && typeof text === 'string' && !others.length) {
    const content = Buffer.from(text, encoding)
    // Buffer.from takes what it understands and drops the rest.
    if (content.toString(encoding) !== (encoding === 'hex' ? text.toLowerCase() : text))
      throw bad(`${key}: ${shown(text)} is not ${encoding}`)
    return content
  }
  throw bad(`${key}: wanted a string, {"hex": "..."} or {"base64": "..."}, not ${shown(value)}`)
}

function integer(value: unknown, key: string, min: number, max: number): number {
  if (!Number.isSafeInteger(value))
    throw bad(`${key}: wanted an integer, not ${value === undefined ? 'nothing' : shown(value)}`)
  const number = value as number
  if (number < min || number > max)
    throw bad(`${key}: ${number} is out of range, it is from ${min} to ${max}`)
  return number
}

function stamp(time: unknown): Stamp {
  const [, sec = '', nsec = ''] =
    typeof time === 'string' ? (/^(\d{1,11})\.(\d{9})$/.exec(time) ?? []) : []
  if (sec === '' || BigInt(sec) * 1_000_000_000n + BigInt(nsec) > u64Max)
    throw bad(
      `time: wanted "seconds.nanoseconds" with nine digits behind the point, not ${shown(time)}`,
    )
  return { sec: Number(sec), nsec: Number(nsec) }
}

function object(value: unknown, key: string): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw bad(`${key}: wanted an object, not ${value === undefined ? 'nothing' : shown(value)}`)
  return value as Json
}

function onlyKeys(given: Json, allowed: readonly string[], what: string): void {
  for (const key of Object.keys(given))
    if (!allowed.includes(key)) throw bad(`${shown(key)} is no field of ${what}`)
}

const bad = (reason: string, cause?: unknown) =>
  new WireError('EWIRE_JSON', reason, cause === undefined ? {} : { cause })

const shownMax = 40

/** The beginning of what is wrong, as ASCII. */
function shown(value: unknown): string {
  const text = (typeof value === 'string' ? value : JSON.stringify(value)) ?? String(value)
  const start = text.length > shownMax ? `${text.slice(0, shownMax)}...` : text
  const quoted = typeof value === 'string' ? JSON.stringify(start) : start
  return quoted.replace(/[^ -~]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
