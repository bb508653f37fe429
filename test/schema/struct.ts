// Layouts: every scalar at its limits, both ways, and what a declaration must not say.

import t from 'tap'
import { big64, i32, i64, struct, u16, u32, u64, u8, type Scalar } from '#schema'

const hex = (text: string) => Buffer.from(text.replace(/\s+|\|.*$/gm, ''), 'hex')

const everything = struct(
  'everything',
  { a: u8, b: u8, c: u16, d: u32, e: i32, f: u32, g: u64, h: i64, i: big64 },
  40,
)

void t.test('offsets and sizes follow from the declaration', (t) => {
  t.equal(everything.size, 40)
  t.same(everything.offsets, { a: 0, b: 1, c: 2, d: 4, e: 8, f: 12, g: 16, h: 24, i: 32 })
  t.end()
})

void t.test('annotated bytes, both ways', (t) => {
  const bytes = hex(`
    ff                      | a: u8
    01                      | b: u8
    34 12                   | c: u16
    ef be ad de             | d: u32
    fe ff ff ff             | e: i32, -2
    00 00 00 80             | f: u32, 2^31
    ff ff ff ff ff ff 1f 00 | g: u64, 2^53 - 1
    ff ff ff ff ff ff ff ff | h: i64, -1
    08 07 06 05 04 03 02 f1 | i: opaque
  `)
  const values = {
    a: 0xff,
    b: 1,
    c: 0x1234,
    d: 0xdeadbeef,
    e: -2,
    f: 2 ** 31,
    g: Number.MAX_SAFE_INTEGER,
    h: -1,
    i: 0xf102030405060708n,
  }
  t.strictSame(everything.decode(bytes), values)
  const out = Buffer.alloc(48, 0xaa)
  everything.encode(out, 4, values)
  t.equal(out.toString('hex'), `aaaaaaaa${bytes.toString('hex')}aaaaaaaa`)
  t.strictSame(everything.decode(out, 4), values)
  t.end()
})

void t.test('each scalar at its limits, as Node has it', (t) => {
  const max = Number.MAX_SAFE_INTEGER
  const cases: [string, Scalar<number>, number[], (b: Buffer, v: number) => void][] = [
    ['u8', u8, [0, 1, 127, 128, 255], (b, v) => b.writeUInt8(v)],
    ['u16', u16, [0, 1, 255, 256, 32768, 65535], (b, v) => b.writeUInt16LE(v)],
    ['u32', u32, [0, 1, 65536, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1], (b, v) => b.writeUInt32LE(v)],
    ['i32', i32, [0, 1, -1, 2 ** 31 - 1, -(2 ** 31)], (b, v) => b.writeInt32LE(v)],
    ['u64', u64, [0, 2 ** 32 - 1, 2 ** 32, max], (b, v) => b.writeBigUInt64LE(BigInt(v))],
    [
      'i64',
      i64,
      [0, -1, 1, -(2 ** 31), -(2 ** 32), 1 - 2 ** 32, -(2 ** 32) - 1, max, -max],
      (b, v) => b.writeBigInt64LE(BigInt(v)),
    ],
  ]
  for (const [name, type, values, write] of cases) {
    const layout = struct(name, { v: type }, type.size)
    for (const v of values) {
      const [wanted, out] = [Buffer.alloc(type.size), Buffer.alloc(type.size, 0xff)]
      write(wanted, v)
      layout.encode(out, 0, { v })
      t.equal(out.toString('hex'), wanted.toString('hex'), `${name} ${v}`)
      t.equal(layout.decode(wanted).v, v, `${name} ${v}`)
    }
  }
  t.end()
})

void t.test('what does not fit in a double is not a safe integer any more', (t) => {
  const layout = struct('two', { u: u64, i: i64 }, 16)
  for (const text of ['00000000000020 00', 'ffffffffffffff7f', '0000000000000080'])
    for (const value of Object.values(layout.decode(hex(`${text}${text}`))))
      t.notOk(Number.isSafeInteger(value), `${text} gives ${value}`)
  t.end()
})

void t.test('fields left out are zero', (t) => {
  const out = Buffer.alloc(40, 0xff)
  everything.encode(out, 0, {})
  t.ok(out.equals(Buffer.alloc(40)))
  t.end()
})

void t.test('a declaration that contradicts its source fails at once', (t) => {
  t.throws(() => struct('small', { a: u32 }, 8), { message: /small has 4 bytes, .* says 8/ })
  t.throws(() => struct('crooked', { a: u8, b: u32 }, 5), { message: /crooked\.b lies at 1/ })
  t.end()
})
