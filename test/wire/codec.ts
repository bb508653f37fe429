// Each message byte by byte, and what is refused. The vectors were made by a program that knows
// PROTOCOL.md alone.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { codecOfType, codecs, decodeMessage, exampleMessage, fromJson, header } from '#wire'
import { messageTable, sealChecksum, seqOf, toJson, typeOf, WireError } from '#wire'
import type { Codec, MessageName, NumberField, Row } from '#wire'
import { messageOf } from '../support/stream-writer.js'

const names = Object.keys(messageTable) as MessageName[]
const bodyAt = header.size

interface Vector {
  readonly name: MessageName
  readonly json: string
  readonly bytes: Buffer
}

const vectors: Vector[] = readFileSync(
  join(import.meta.dirname, '../../../test/wire/message-vectors.txt'),
  'utf8',
)
  .trim()
  .split('\n\n')
  .map((text) => {
    const [name = '', json = '', ...lines] = text.split('\n')
    const hex = lines.map((line) => /^(?:[0-9a-f]{2} )+/.exec(line)?.[0])
    return {
      name: name.slice(2) as MessageName,
      json,
      bytes: Buffer.from(hex.join('').replaceAll(' ', ''), 'hex'),
    }
  })

const codeOf = (message: Buffer): string => {
  try {
    decodeMessage(message)
    return 'taken'
  } catch (error) {
    if (error instanceof WireError) return error.code
    throw error
  }
}

void t.test('there is a vector for each message', async (t) => {
  t.strictSame(
    vectors.map(({ name }) => name),
    names,
  )
})

for (const { name, json, bytes } of vectors)
  void t.test(`${name}: its bytes, both ways`, async (t) => {
    t.equal(toJson(bytes), json)
    t.equal(fromJson(json).toString('hex'), bytes.toString('hex'))
    t.equal(exampleMessage(name).toString('hex'), bytes.toString('hex'))
    t.equal(codecOfType(typeOf(bytes))?.name, name)
    t.ok(codecs[name].fixedSize <= bytes.length - bodyAt)
  })

void t.test('cut anywhere it is no message', async (t) => {
  for (const { name, bytes } of vectors)
    for (let size = 0; size < bytes.length; size++)
      if (codeOf(Buffer.from(bytes.subarray(0, size))) !== 'EWIRE_SIZE') t.fail(`${name} ${size}`)
})

/** The message with a body of `size` bytes only, well framed and with a right checksum. */
function withBodyOf(message: Buffer, size: number): Buffer {
  const end = bodyAt + size
  const padded = Buffer.alloc((end + 15) & -16)
  message.copy(padded, 0, 0, end)
  padded.writeUInt32LE(padded.length, header.offsets.size)
  const flags = padded.readUInt16LE(header.offsets.flags) & 0x0fff
  padded.writeUInt16LE(flags | ((padded.length - end) << 12), header.offsets.flags)
  sealChecksum(padded)
  return padded
}

void t.test('a body of any other size is refused', async (t) => {
  for (const { name, bytes } of vectors) {
    const size = bytes.length - bodyAt - (bytes.readUInt16LE(header.offsets.flags) >>> 12)
    t.ok(withBodyOf(bytes, size).equals(bytes))
    for (let other = 0; other < size; other++)
      if (codeOf(withBodyOf(bytes, other)) !== 'EWIRE_BODY') t.fail(`${name} ${other}`)
    const longer = Buffer.concat([bytes.subarray(0, bodyAt + size), Buffer.alloc(40, 1)])
    for (let other = size + 1; other < size + 40; other++)
      if (codeOf(withBodyOf(longer, other)) !== 'EWIRE_BODY') t.fail(`${name} ${other}`)
  }
})

void t.test('each flipped bit is found', async (t) => {
  for (const { name, bytes } of vectors)
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Buffer.from(bytes)
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      const code = codeOf(flipped)
      if (code !== (bit < 32 ? 'EWIRE_SIZE' : 'EWIRE_CRC')) t.fail(`${name} bit ${bit}: ${code}`)
    }
})

void t.test('padding is zeros', async (t) => {
  for (const { name, bytes } of vectors) {
    const padding = bytes.readUInt16LE(header.offsets.flags) >>> 12
    for (let i = 1; i <= padding; i++) {
      const bad = Buffer.from(bytes)
      bad[bad.length - i] = 1
      sealChecksum(bad)
      if (codeOf(bad) !== 'EWIRE_PADDING') t.fail(`${name} ${i}`)
    }
  }
  const tick = messageOf('tick', {}, { seq: 1 })
  tick.writeUInt16LE(1 << 12, header.offsets.flags)
  sealChecksum(tick)
  t.equal(codeOf(tick), 'EWIRE_PADDING', 'more than there is body')
})

const widths: Readonly<Record<string, number>> = { u32: 4, u64: 8, i64: 8 }

function withNumber(message: Buffer, at: number, { type }: NumberField, value: bigint): Buffer {
  const changed = Buffer.from(message)
  if (widths[type.name] === 4) changed.writeUInt32LE(Number(BigInt.asUintN(32, value)), at)
  else changed.writeBigUInt64LE(BigInt.asUintN(64, value), at)
  sealChecksum(changed)
  return changed
}

void t.test('numbers from the least to the most, and none beyond', async (t) => {
  for (const { name, bytes } of vectors) {
    let at = bodyAt
    for (const [key, field] of Object.entries((messageTable[name] as Row).fields)) {
      if (field.kind !== 'number') continue
      const bits = 8 * widths[field.type.name]!
      const [min, max] = [BigInt(field.min), BigInt(field.max)]
      const signed = field.type.name === 'i64'
      const ends = signed ? [-(1n << 63n), (1n << 63n) - 1n] : [0n, (1n << BigInt(bits)) - 1n]
      for (const value of [min, max]) {
        const message = withNumber(bytes, at, field, value)
        const { body } = decodeMessage(message)!
        t.equal((body as Record<string, unknown>)[key], Number(value), `${name}.${key} ${value}`)
      }
      for (const value of [min - 1n, max + 1n, max + 2n, ...ends]) {
        const isOutside = value < ends[0]! || value > ends[1]!
        if (isOutside || (value >= min && value <= max)) continue
        const code = codeOf(withNumber(bytes, at, field, value))
        const expected = name === 'hello' && /version|features/.test(key) ? 'VERSION' : 'FIELD'
        t.equal(code, `EWIRE_${expected}`, `${name}.${key} ${value}`)
      }
      at += bits / 8
    }
  }
})

void t.test('bits without a meaning are refused', async (t) => {
  const which = messageOf('setattr', { path: 'a' }, { seq: 2 })
  for (const [bits, code] of [
    [31, 'taken'],
    [32, 'EWIRE_FIELD'],
  ] as const) {
    which.writeUInt32LE(bits, bodyAt)
    sealChecksum(which)
    t.equal(codeOf(which), code)
  }
  for (const [mode, code] of [
    [19, 'taken'],
    [4, 'EWIRE_FIELD'],
    [8, 'EWIRE_FIELD'],
  ] as const)
    t.equal(codeOf(messageOf('fallocate', { path: 'a', mode }, { seq: 2 })), code)
  t.equal(
    codeOf(messageOf('rename', { path: 'a', newPath: 'b', flags: 3 }, { seq: 2 })),
    'EWIRE_FIELD',
  )
})

void t.test('bytes of the least and the most size, and none beyond', async (t) => {
  for (const name of names)
    for (const [key, field] of Object.entries((messageTable[name] as Row).fields)) {
      // Lists have a form of their own: see the test of lists.
      if (field.kind === 'number' || field.kind === 'names' || field.kind === 'xattrs') continue
      const of = (size: number) => {
        const path = 'x/'.repeat(20_000)
        const value = Buffer.alloc(size, field.kind === 'path' ? path : 'x')
        if (field.kind === 'path' && size > 0) value[size - 1] = 0x78
        return Buffer.from(changed(name, key, value))
      }
      for (const size of [field.min, field.max])
        t.equal(codeOf(of(size)), 'taken', `${name}.${key}`)
      if (field.min > 0) t.equal(codeOf(of(field.min - 1)), 'EWIRE_FIELD', `${name}.${key}`)
      t.equal(codeOf(of(field.max + 1)), 'EWIRE_FIELD', `${name}.${key}`)
    }
})

/** The example of a message with one of its fields of bytes changed. */
function changed(name: MessageName, key: string, value: Buffer): Buffer {
  const example = exampleMessage(name)
  const { body, seq } = decodeMessage(example)!
  const out = Buffer.alloc(example.length + value.length + 16)
  const size = (codecs[name] as Codec).encode(out, { ...body, [key]: value } as never)
  const message = out.subarray(0, size)
  message.writeUInt32LE(seq, header.offsets.seq)
  sealChecksum(message)
  return message
}

void t.test('no NUL in names and targets, and paths that are paths', async (t) => {
  const nul = Buffer.from('a\0b')
  for (const [name, key] of [
    ['symlink', 'target'],
    ['setxattr', 'name'],
    ['removexattr', 'name'],
    ['create', 'path'],
    ['link', 'newPath'],
    ['copy', 'from'],
  ] as const)
    t.equal(codeOf(changed(name, key, nul)), 'EWIRE_FIELD', `${name}.${key}`)
  for (const [name, key] of [
    ['write', 'data'],
    ['setxattr', 'value'],
    ['abort', 'reason'],
  ] as const)
    t.equal(codeOf(changed(name, key, nul)), 'taken', `${name}.${key}`)
  t.equal(codeOf(changed('rename', 'newPath', Buffer.from('a/../b'))), 'EWIRE_FIELD')
})

void t.test('what only a later version can mean', async (t) => {
  const unknown = (type: number, flags: number) => {
    const message = messageOf('tick', {}, { seq: 3 })
    message.writeUInt16LE(type, header.offsets.type)
    message.writeUInt16LE(flags, header.offsets.flags)
    sealChecksum(message)
    return message
  }
  for (const [type, flags] of [
    [0x8000, 0],
    [0x20, 2],
    [4, 0x10],
    [4, 0x800],
  ] as const) {
    t.equal(decodeMessage(unknown(type, flags)), undefined)
    t.throws(() => decodeMessage(unknown(type, flags | 1)), {
      code: 'EWIRE_TYPE',
      seq: 3,
      message: /newer version/,
    })
  }
  for (const [key, value] of [
    ['version', 2],
    ['features', 1],
  ] as const) {
    const hello = { magic: 0x31534654, version: 1, features: 0, [key]: value }
    t.equal(codeOf(messageOf('hello', hello, { seq: 1 })), 'EWIRE_VERSION')
    // Even where nothing else of the body is as it is here.
    const later = withBodyOf(messageOf('hello', hello, { seq: 1 }), 12)
    t.equal(codeOf(later), 'EWIRE_VERSION')
  }
  t.equal(codeOf(messageOf('hello', { magic: 1, version: 2 }, { seq: 1 })), 'EWIRE_FIELD')
})

void t.test('seq is a safe integer', async (t) => {
  const tick = messageOf('tick', {}, { seq: Number.MAX_SAFE_INTEGER })
  t.equal(seqOf(tick), Number.MAX_SAFE_INTEGER)
  t.equal(codeOf(tick), 'taken')
  tick.writeBigUInt64LE(1n << 53n, header.offsets.seq)
  sealChecksum(tick)
  t.equal(codeOf(tick), 'EWIRE_FIELD')
})

void t.test('an error has its place in its words, once', async (t) => {
  const error = new WireError('EWIRE_FIELD', 'why', { seq: 5 })
  t.equal(error.message, 'message 5: why')
  t.equal(error.at({ offset: 0, seq: 6 }).message, 'message 5, byte 0: why')
  t.equal(error.at({ offset: 9 }).message, 'message 5, byte 0: why')
  t.equal(new WireError('EWIRE_FIELD', 'why').message, 'why')
})
