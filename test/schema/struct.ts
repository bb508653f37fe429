// Layouts: their sizes, their offsets, and each scalar at the ends of its range, byte by byte.

import t from 'tap'
import { big64, i32, i64, struct, u16, u32, u64, u8 } from '#schema'
import { random } from '../support/random.js'

const sample = struct(
  'sample',
  { a: u8, b: u8, c: u16, d: u32, e: u64, f: i64, g: big64, h: i32, i: u32 },
  40,
)

void t.test('annotated bytes, both ways', async (t) => {
  const hex = [
    '01', // a
    'ff', // b
    '3412', // c
    'efbeadde', // d
    'ffffffffffff1f00', // e: 2^53-1
    '010000000000e0ff', // f: -(2^53-1)
    '8877665544332211', // g
    'feffffff', // h: -2
    '00000080', // i
  ].join('')
  const values = {
    a: 1,
    b: 255,
    c: 0x1234,
    d: 0xdeadbeef,
    e: Number.MAX_SAFE_INTEGER,
    f: Number.MIN_SAFE_INTEGER,
    g: 0x1122334455667788n,
    h: -2,
    i: 0x80000000,
  }
  const buffer = Buffer.alloc(48, 0xaa)
  sample.encode(buffer, 4, values)
  t.equal(buffer.toString('hex'), `aaaaaaaa${hex}aaaaaaaa`, 'and nothing around it')
  t.strictSame(sample.decode(buffer, 4), values)
  t.strictSame(sample.offsets, { a: 0, b: 1, c: 2, d: 4, e: 8, f: 16, g: 24, h: 32, i: 36 })
  t.equal(sample.size, 40)
})

void t.test('what is left out is zero', async (t) => {
  const buffer = Buffer.alloc(40, 0xaa)
  sample.encode(buffer, 0, { c: 1 })
  t.equal(buffer.toString('hex'), `00000100${'00'.repeat(36)}`)
})

void t.test('a layout that is not as its source says does not load', async (t) => {
  t.throws(() => struct('x', { a: u32 }, 8), /struct x has 4 bytes, its source says 8/)
  t.throws(() => struct('x', { a: u8, b: u32 }, 5), /x\.b lies at 1, not aligned to 4/)
  t.throws(() => struct('x', { a: u32, b: u64 }, 12), /x\.b lies at 4, not aligned to 8/)
})

void t.test('64-bit numbers: each power of two and its neighbours', async (t) => {
  const both = struct('both', { u: u64, i: i64 }, 16)
  const buffer = Buffer.alloc(16)
  for (let power = 0; power <= 53; power++)
    for (const near of [-1, 0, 1]) {
      const value = 2 ** power + near
      if (!Number.isSafeInteger(value)) continue
      for (const i of [value, -value]) {
        both.encode(buffer, 0, { u: value, i })
        if (buffer.readBigUInt64LE(0) !== BigInt(value)) t.fail(`u64 ${value}`)
        if (buffer.readBigInt64LE(8) !== BigInt(i)) t.fail(`i64 ${i}`)
        t.strictSame(both.decode(buffer), { u: value, i: i === 0 ? 0 : i })
      }
    }
})

void t.test('64-bit numbers that no double holds are never taken for safe ones', async (t) => {
  const both = struct('both', { u: u64, i: i64 }, 16)
  const buffer = Buffer.alloc(16)
  for (const bits of [1n << 53n, (1n << 53n) + 1n, 1n << 62n, (1n << 63n) - 1n, 1n << 63n]) {
    for (const value of [bits, -bits]) {
      buffer.writeBigUInt64LE(BigInt.asUintN(64, value), 0)
      buffer.writeBigUInt64LE(BigInt.asUintN(64, value), 8)
      const { u, i } = both.decode(buffer)
      t.notOk(Number.isSafeInteger(u), `u64 ${value}`)
      t.notOk(Number.isSafeInteger(i), `i64 ${value}`)
    }
  }
})

void t.test('random values come back as they were', async (t) => {
  const seed = 20_261_121
  const rng = random(seed)
  const buffer = Buffer.alloc(40)
  for (let n = 0; n < 20_000; n++) {
    for (let at = 0; at < 40; at++) buffer[at] = rng.next(256)
    // Within what a double holds.
    for (const at of [8, 16]) {
      const negative = at === 16 && rng.next(2)
      buffer[at + 6] = (buffer[at + 6]! & 0x1f) | (negative ? 0xe0 : 0)
      buffer[at + 7] = negative ? 0xff : 0
      if (negative && buffer.readBigInt64LE(at) === -(1n << 53n)) buffer[at] = 1
    }
    const again = Buffer.alloc(40)
    sample.encode(again, 0, sample.decode(buffer))
    if (!again.equals(buffer)) t.fail(`${buffer.toString('hex')}, seed ${seed}`)
  }
})
