// Messages at random, made from the rows of the table: valid ones, and damaged ones.

import {
  codecs,
  encodeNames,
  encodeXattrs,
  header,
  limits,
  messageTable,
  seal,
  sealChecksum,
} from '#wire'
import type { Body, BytesField, Codec, Field, MessageName, NumberField, Row } from '#wire'
import type { Random } from './random.js'

const names = Object.keys(messageTable) as MessageName[]
const at = header.offsets

/** A valid message of any type, with values all over their ranges, often at the ends of them. */
export function randomMessage(rng: Random, name: MessageName = pick(rng, names)): Buffer {
  const row: Row = messageTable[name]
  const values: Record<string, number | Buffer> = {}
  for (const [key, field] of Object.entries(row.fields)) values[key] = randomValue(rng, field)
  const { encode, fixedSize } = codecs[name] as Codec
  const bytes = Object.values(values).reduce<number>((n, v) => n + (v as Buffer).length || n, 0)
  const out = Buffer.allocUnsafe(limits.messageSizeMin + fixedSize + bytes + limits.messageAlign)
  const message = out.subarray(0, encode(out, values as Body))
  if (rng.next(8) === 0) setFlags(message, rng.next(16))
  const time = { sec: rng.next(18_446_744_073), nsec: rng.next(1e9) }
  seal(message, message.length, randomInteger(rng, 0, limits.offsetMax), time, rng.next(2 ** 32))
  return message
}

/** Keeps the bits that count the padding. */
function setFlags(message: Buffer, flags: number): void {
  message.writeUInt16LE((message.readUInt16LE(at.flags) & 0xf000) | flags, at.flags)
}

function randomValue(rng: Random, field: Field): number | Buffer {
  return field.kind === 'number' ? randomNumber(rng, field) : randomBytes(rng, field)
}

/** Any value of a field. */
export function randomNumber(rng: Random, { min, max, bits }: NumberField): number {
  if (!bits) return randomInteger(rng, min, max)
  const value = Object.values(bits).reduce((all, bit) => (rng.next(2) ? all | bit : all), 0)
  return Math.min(value, max)
}

/** From `min` to `max`, near one of them, near a power of two, or anywhere. */
export function randomInteger(rng: Random, min: number, max: number): number {
  const power = 2 ** rng.next(54) * (rng.next(2) && min < 0 ? -1 : 1)
  const candidates = [
    min + rng.next(3),
    max - rng.next(3),
    power + rng.next(3) - 1,
    min + Math.floor((max - min) * (rng.next(2 ** 32) / 2 ** 32)),
    rng.next(1000),
  ]
  return Math.min(max, Math.max(min, pick(rng, candidates)))
}

function randomBytes(rng: Random, { kind, min, max, fault }: BytesField): Buffer {
  if (kind === 'names')
    return encodeNames(randomList(rng).map((name) => ({ name, type: pick(rng, types) })))
  if (kind === 'xattrs')
    return encodeXattrs(
      randomList(rng).map((name) => ({ name, value: content(rng, rng.next(99)) })),
    )
  if (kind === 'path') return rng.next(10) < min * 10 || rng.next(10) ? randomPath(rng, max) : none
  const isLarge = rng.next(50) === 0
  const size = isLarge ? randomInteger(rng, min, max) : Math.min(max, min + rng.next(100))
  const bytes = content(rng, size)
  if (kind === 'name') bytes.forEach((byte, i) => (bytes[i] = byte || 1))
  // Names that people give have neither.
  if (kind === 'name' && fault(bytes))
    bytes.forEach((byte, i) => (bytes[i] = byte === 0x0a || byte === 0x2f ? 1 : byte))
  return bytes
}

const none = Buffer.alloc(0)

const types = [0o010000, 0o020000, 0o040000, 0o060000, 0o100000, 0o120000, 0o140000]

/** Names in their order, none of them twice. */
function randomList(rng: Random): Buffer[] {
  const names = Array.from({ length: rng.next(rng.next(20) ? 5 : 2000) }, () => randomName(rng))
  names.sort((a, b) => Buffer.compare(a, b))
  return names.filter((name, i) => i === 0 || !name.equals(names[i - 1]!))
}

function randomPath(rng: Random, max: number): Buffer {
  const depth = rng.next(50) === 0 ? rng.next(200) + 1 : rng.next(4) + 1
  const parts = Array.from({ length: depth }, () => randomName(rng))
  const path = Buffer.concat(parts.flatMap((part, i) => (i ? [Buffer.from('/'), part] : [part])))
  return path.length <= max ? path : (parts[0] as Buffer)
}

const oddNames = [
  '...',
  '..a',
  '.a',
  'a.',
  ' ',
  '\n',
  '\\',
  '"',
  '-rf',
  '\ufeff',
  '\ufffd',
  '\u202e',
]

function randomName(rng: Random): Buffer {
  if (rng.next(5) === 0) return Buffer.from(pick(rng, oddNames))
  const size = rng.next(20) === 0 ? limits.nameSizeMax - rng.next(2) : rng.next(12) + 1
  const name = content(rng, size)
  name.forEach((byte, i) => {
    if (byte === 0 || byte === 0x2f) name[i] = 0x61
  })
  // Of bytes at random alone these two are no names.
  return /^\.\.?$/.test(name.toString('latin1')) ? Buffer.from('x') : name
}

const texts = ['plain', 'ünï', '日本', '😀', '\u007f\u0080', '\u2028', '"\\/', '\t\r\n']

/** Letters, or UTF-8, or any bytes. */
function content(rng: Random, size: number): Buffer {
  const way = rng.next(3)
  if (way === 0) return Buffer.alloc(size, 'abcdefghij'.slice(rng.next(10)))
  if (way === 1) return utf8(Buffer.alloc(size, pick(rng, texts)))
  return Buffer.from(Array.from({ length: size }, () => rng.next(256)))
}

// What a cut has left of a character at the end becomes letters.
function utf8(bytes: Buffer): Buffer {
  for (let end = bytes.length - 1; end >= 0 && bytes[end]! >= 0x80; end--) {
    const isStart = bytes[end]! >= 0xc0
    bytes[end] = 0x61
    if (isStart) break
  }
  return bytes
}

/** A damaged copy; most have a right checksum, so that the damage is what is found. */
export function mutate(rng: Random, message: Buffer): Buffer {
  let damaged: Buffer = Buffer.from(message)
  const times = rng.next(3) + 1
  for (let i = 0; i < times; i++) damaged = pick(rng, mutations)(rng, damaged)
  if (rng.next(4) && damaged.length >= limits.messageSizeMin) {
    if (rng.next(4)) damaged.writeUInt32LE(damaged.length, at.size)
    sealChecksum(damaged)
  }
  return damaged
}

type Mutation = (rng: Random, message: Buffer) => Buffer

const extremes = [0, 1, 255, 256, 4095, 4096, 32767, 65536, 1 << 20, 2 ** 31, 2 ** 32 - 1]

const mutations: readonly Mutation[] = [
  (rng, b) => {
    if (b.length > 0) b[rng.next(b.length)]! ^= 1 << rng.next(8)
    return b
  },
  (rng, b) => {
    if (b.length > 0) b[rng.next(b.length)] = rng.next(256)
    return b
  },
  (rng, b) => {
    if (b.length >= 4) b.writeUInt32LE(pick(rng, extremes), rng.next(b.length - 3))
    return b
  },
  (rng, b) => {
    if (b.length >= 40) b.writeUInt32LE(pick(rng, extremes), 32 + rng.next(b.length - 35))
    return b
  },
  (rng, b) => {
    if (b.length >= 8) b.writeUInt16LE(messageTable[pick(rng, names)].type, at.type)
    return b
  },
  (rng, b) => {
    if (b.length >= 8) b.writeUInt16LE(rng.next(65536), rng.next(2) ? at.type : at.flags)
    return b
  },
  (rng, b) => b.subarray(0, rng.next(b.length + 1)),
  (rng, b) => b.subarray(0, b.length & -16).subarray(0, 16 * rng.next((b.length >> 4) + 1)),
  (rng, b) => Buffer.concat([b, Buffer.alloc(16 * (rng.next(3) + 1), rng.next(2))]),
  (rng, b) => {
    const from = rng.next(b.length + 1)
    return Buffer.concat([b.subarray(0, from), b.subarray(rng.next(from + 1))])
  },
]

const pick = <T>(rng: Random, values: readonly T[]): T => values[rng.next(values.length)] as T
