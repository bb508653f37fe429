// A spool damaged in any way: always found, named with its place, and what lies before it is there.

import * as fs from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Spool, SpoolError, SpoolReader, verifySpool } from '#spool'
import { filesOf, history, openWriter, spoolOf } from '../support/spool-files.js'

t.setTimeout(240_000)

const stream = history(7).bye()
const segmentSize = 400

interface Read {
  readonly bytes: Buffer
  readonly error: SpoolError | undefined
  /** Of a message at the end. */
  readonly pending: number
}

/** As far as it can be read. */
function read(path: string): Read {
  const spool = new Spool(path)
  const reader = new SpoolReader(spool)
  const blocks: Buffer[] = []
  try {
    for (let block = reader.next(); block; block = reader.next()) blocks.push(Buffer.from(block))
    return { bytes: Buffer.concat(blocks), error: undefined, pending: reader.pending() }
  } catch (error) {
    if (!(error instanceof SpoolError)) throw error
    return { bytes: Buffer.concat(blocks), error, pending: 0 }
  } finally {
    reader.close()
    spool.close()
  }
}

/** How many whole messages lie before a byte of the stream. */
function messagesBefore(offset: number): number {
  let at = 0
  return stream.messages.findIndex((message) => (at += message.length) > offset)
}

const prefix = (count: number) => Buffer.concat(stream.messages.slice(0, count))

function verified(path: string) {
  const spool = new Spool(path)
  try {
    return verifySpool(spool)
  } finally {
    spool.close()
  }
}

/** A spool whose files `change` alters one after the other, each from what it was. */
function eachChange(
  t: Test,
  change: (file: string, whole: Buffer, start: number, isLast: boolean, path: string) => void,
): void {
  const path = spoolOf(t, stream.messages, segmentSize)
  const names = filesOf(path)
  t.ok(names.length > 3)
  let start = 0
  for (const name of names) {
    const file = join(path, name)
    const whole = fs.readFileSync(file)
    change(file, whole, start, name === names.at(-1), path)
    fs.writeFileSync(file, whole)
    start += whole.length
  }
  t.strictSame(read(path), { bytes: stream.bytes, error: undefined, pending: 0 })
}

void t.test('each byte of it changed', async (t) => {
  eachChange(t, (file, whole, start, isLast, path) => {
    for (let at = 0; at < whole.length; at++) {
      const bytes = Buffer.from(whole)
      bytes[at]! ^= 1 << (at % 8)
      fs.writeFileSync(file, bytes)
      const before = messagesBefore(start + at)
      const where = `${file}, byte ${at}`
      const found = read(path)
      if (!found.bytes.equals(prefix(before))) t.fail(`${where}: not read up to there`)
      const summary = verified(path)
      const isTail = isLast && before === stream.messages.length - 1
      if (isTail) {
        if (!found.error && found.pending === 0) t.fail(`${where}: not found`)
        if (summary.faults.length === 0 && summary.pending === 0) t.fail(`${where}: not verified`)
        continue
      }
      const { damage } = found.error ?? {}
      if (damage?.from !== before + 1 || damage.to !== before + 1 || !file.endsWith(damage.file))
        t.fail(`${where}: ${found.error?.message}`)
      if (JSON.stringify(summary.faults[0]?.damage) !== JSON.stringify(damage))
        t.fail(`${where}: verify says ${summary.faults[0]?.message}`)
      if (isLast) t.throws(() => openWriter(path), { code: 'ESPOOL_DAMAGED' }, where)
    }
  })
})

void t.test('each length that a file is cut to', async (t) => {
  eachChange(t, (file, whole, start, isLast, path) => {
    for (let size = 0; size < whole.length; size++) {
      fs.writeFileSync(file, whole.subarray(0, size))
      const before = messagesBefore(start + size)
      const found = read(path)
      if (!found.bytes.equals(prefix(before))) t.fail(`${file}, ${size}: not read up to there`)
      const summary = verified(path)
      if (isLast) {
        const isWhole = prefix(before).length === start + size
        if (found.error || found.pending > 0 === isWhole) t.fail(`${file}, ${size}: not found`)
        if (summary.ended) t.fail(`${file}, ${size}: an end`)
        continue
      }
      if (found.error?.damage?.from !== before + 1) t.fail(`${file}, ${size}: not named`)
      if (summary.faults.length === 0) t.fail(`${file}, ${size}: not verified`)
    }
  })
})

void t.test('the last message of an epoch, with another behind it', async (t) => {
  const path = spoolOf(t, [...stream.messages, ...history(2, 9).messages], 1 << 20)
  const [first = ''] = filesOf(path)
  fs.truncateSync(join(path, first), stream.bytes.length - stream.messages.at(-1)!.length)
  t.match(read(path).error, { code: 'ESPOOL_DAMAGED', damage: { from: stream.seq } })
  t.match(verified(path).faults, [{ code: 'ESPOOL_DAMAGED', damage: { from: stream.seq } }])
})

void t.test('two faults, the second where nothing but the names tells', async (t) => {
  const path = spoolOf(t, history(40).messages, segmentSize)
  const names = filesOf(path)
  const [first = '', , , fourth = ''] = names.map((name) => join(path, name))
  const bytes = fs.readFileSync(first)
  bytes[100]! ^= 1
  fs.writeFileSync(first, bytes)
  fs.rmSync(fourth.replace('.tfs', '.idx'))
  // Cut between two messages.
  fs.truncateSync(fourth, fs.readFileSync(fourth).readUInt32LE(0))
  const { faults } = verified(path)
  t.match(faults[0], { damage: { file: names[0], from: 2, to: 2 } })
  t.match(faults[1], { damage: { file: names[4], offset: 0 } })
  t.equal(faults.length, 2)
})

void t.test('a segment that is missing, or in the place of another', async (t) => {
  const path = spoolOf(t, stream.messages, segmentSize)
  const [, second = '', third = ''] = filesOf(path).map((name) => join(path, name))
  fs.renameSync(second, `${second}.away`)
  t.match(read(path).error, { code: 'ESPOOL_MISSING', message: /segments 2 to 2/ })
  t.match(verified(path).faults, [{ code: 'ESPOOL_MISSING' }])
  t.throws(() => openWriter(path), { code: 'ESPOOL_MISSING' })
  fs.copyFileSync(third, second)
  t.match(read(path).error, { code: 'ESPOOL_DAMAGED', message: /byte 0: message/ })
  fs.renameSync(`${second}.away`, second)
  t.equal(read(path).error, undefined)
})

void t.test('what lies behind damage can be read from its own place', async (t) => {
  const path = spoolOf(t, stream.messages, segmentSize)
  const [first = ''] = filesOf(path)
  fs.writeFileSync(join(path, first), Buffer.alloc(100))
  const spool = new Spool(path)
  const segments = spool.segments()
  const reader = new SpoolReader(spool, {
    segment: segments[1]!,
    offset: 0,
    seq: segments[1]!.seq - 1,
  })
  const blocks: Buffer[] = []
  for (let block = reader.next(); block; block = reader.next()) blocks.push(Buffer.from(block))
  t.strictSame(Buffer.concat(blocks), Buffer.concat(stream.messages.slice(segments[1]!.seq - 1)))
  reader.close()
  spool.close()
  const writer = openWriter(path)
  t.equal(writer.position.seq, stream.seq, 'and writing goes on')
  writer.close()
})
