// Messages come whole out of pieces of any size.

import t from 'tap'
import { Framer, limits, WireError } from '#wire'
import { randomMessage } from '../support/random-message.js'
import { seeded } from '../support/seed.js'
import { messageOf, StreamWriter } from '../support/stream-writer.js'

function pieces(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const ends = [...cuts, bytes.length]
  return ends.map((end, i) => Buffer.from(bytes.subarray(i ? ends[i - 1] : 0, end)))
}

/** Copies of the messages that come out. */
function framed(all: readonly Buffer[]): { messages: Buffer[]; framer: Framer } {
  const framer = new Framer()
  const messages: Buffer[] = []
  for (const piece of all) {
    framer.push(piece)
    for (let next = framer.next(); next; next = framer.next()) messages.push(Buffer.from(next))
  }
  return { messages, framer }
}

const sample = new StreamWriter()
  .add('mkdir', { path: 'a' })
  .add('write', { path: 'b', data: 'x'.repeat(100) })
  .add('tick')
  .bye()

void t.test('cut at each place, and at each two', async (t) => {
  const { bytes, messages } = sample
  for (let a = 0; a <= bytes.length; a++)
    for (let b = a; b <= bytes.length; b += 7) {
      const found = framed(pieces(bytes, [a, b]))
      if (found.messages.length !== messages.length || !Buffer.concat(found.messages).equals(bytes))
        t.fail(`cut at ${a} and ${b}`)
      if (found.framer.offset !== bytes.length || found.framer.pending !== 0)
        t.fail(`cut at ${a} and ${b}: counts`)
    }
})

void t.test('byte by byte, with what is pending', async (t) => {
  const { bytes, messages } = sample
  const framer = new Framer()
  let whole = 0
  let count = 0
  for (let at = 0; at < bytes.length; at++) {
    framer.push(bytes.subarray(at, at + 1))
    const next = framer.next()
    if (next) {
      whole += next.length
      count++
    }
    if (framer.pending !== at + 1 - whole) t.fail(`${framer.pending} bytes pending at ${at}`)
    if (framer.offset !== whole) t.fail(`offset ${framer.offset} at ${at}`)
  }
  t.equal(count, messages.length)
})

void t.test('random messages in random pieces', async (t) => {
  const rng = seeded(t)
  for (let run = 0; run < 50; run++) {
    const messages = Array.from({ length: 40 }, () => randomMessage(rng))
    if (run % 10 === 0)
      messages.push(messageOf('write', { path: 'f', data: Buffer.alloc(1 << 20) }, { seq: 2 }))
    const bytes = Buffer.concat(messages)
    const cuts = Array.from({ length: rng.next(200) }, () => rng.next(bytes.length)).sort(
      (a, b) => a - b,
    )
    const found = framed(pieces(bytes, cuts))
    t.equal(found.messages.length, messages.length)
    t.ok(found.messages.every((message, i) => message.equals(messages[i]!)))
  }
})

void t.test('a size that no message has is an error at its place, and stays one', async (t) => {
  const { bytes } = sample
  for (const size of [0, 1, 16, 31, 33, 40, limits.messageSizeMax + 16, 0x80000000, 0xffffffff]) {
    const bad = Buffer.alloc(8)
    bad.writeUInt32LE(size)
    for (const cut of [0, 2, 4, 8]) {
      const framer = new Framer()
      framer.push(Buffer.concat([bytes, bad.subarray(0, cut)]))
      const all = () => {
        while (framer.next());
      }
      if (cut < 4) {
        all()
        framer.push(bad.subarray(cut))
      }
      const expected = { code: 'EWIRE_SIZE', offset: bytes.length }
      t.throws(all, expected, `${size}`)
      t.throws(all, expected, `${size} again`)
    }
  }
  t.ok(new WireError('EWIRE_SIZE', '') instanceof Error)
})

void t.test('a large size alone takes no memory', async (t) => {
  const before = process.memoryUsage().arrayBuffers
  const framers = Array.from({ length: 100 }, () => {
    const framer = new Framer()
    const start = Buffer.alloc(20)
    start.writeUInt32LE(limits.messageSizeMax)
    framer.push(start)
    framer.next()
    framer.push(Buffer.alloc(1))
    framer.next()
    return framer
  })
  const after = process.memoryUsage().arrayBuffers
  t.ok(after - before < 100 * (128 << 10), `${after - before} bytes for ${framers.length}`)
})

void t.test('who pushes before all is taken is wrong', async (t) => {
  const framer = new Framer()
  framer.push(Buffer.concat([sample.bytes, sample.bytes]))
  framer.next()
  t.throws(() => framer.push(sample.bytes), { name: 'AssertionError' })
})
