// What a spool keeps: by size, by age, for its readers, and not beyond the limit.

import * as fs from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { check, flock, LOCK_EX } from '#posix'
import { decodeMessage, Framer, Numbering } from '#wire'
import { listReaders, RegisteredReader, retainedName, Spool, trim, type Keep } from '#spool'
import { afterTime, SpoolReader, verifySpool, type Segment } from '#spool'
import { appendAll, drain, filesOf, history, openWriter, spoolOf } from '../support/spool-files.js'
import { StreamWriter } from '../support/stream-writer.js'

t.setTimeout(120_000)

/** The files of a spool as `cat *.tfs` gives them, checked; the last number. */
function catted(path: string): number {
  const framer = new Framer()
  const numbering = new Numbering()
  for (const name of filesOf(path)) {
    framer.push(fs.readFileSync(join(path, name)))
    for (let m = framer.next(); m; m = framer.next()) numbering.check(decodeMessage(m)!)
  }
  return numbering.seq
}

const sizeOf = (path: string) =>
  filesOf(path).reduce((sum, name) => sum + fs.statSync(join(path, name)).size, 0)

function trimmed(path: string, keep: Keep, options = {}) {
  const spool = new Spool(path)
  try {
    return trim(spool, keep, options)
  } finally {
    spool.close()
  }
}

void t.test('by size: no less than that is kept, and it stays a stream', async (t) => {
  const stream = history(100)
  for (const bytes of [0, 1, 3000, 7000, 1 << 30]) {
    const path = spoolOf(t, stream.messages)
    const before = filesOf(path)
    const would = trimmed(path, { keep: { bytes } }, { dryRun: true })
    t.strictSame(filesOf(path), before)
    t.strictSame(trimmed(path, { keep: { bytes } }), would)
    const left = filesOf(path).filter((name) => name !== retainedName)
    t.equal(left.length, before.length - would.segments.length)
    t.equal(filesOf(path, '.idx').length, left.length - 1)
    t.ok(sizeOf(path) >= Math.min(bytes, stream.bytes.length))
    t.ok(sizeOf(path) < bytes + 4200)
    t.equal(fs.existsSync(join(path, retainedName)), would.segments.length > 0)
    t.equal(catted(path), stream.seq)
    trimmed(path, { keep: { bytes } })
    t.equal(catted(path), stream.seq, 'twice')
  }
})

void t.test('by age, as the messages have it', async (t) => {
  const stream = new StreamWriter()
  for (let i = 0; i < 100; i++) {
    stream.sec += 60
    stream.add('write', { path: 'f', data: 'x'.repeat(200) })
  }
  const path = spoolOf(t, stream.messages)
  const nowMs = stream.sec * 1000
  trimmed(path, { keep: { ageMs: 30 * 60_000 } }, { nowMs })
  const spool = new Spool(path)
  const [oldest, next] = spool.segments()
  spool.close()
  t.ok(oldest!.seq <= stream.seq - 30 && next!.seq > stream.seq - 30)
  t.equal(catted(path), stream.seq)
})

void t.test('the hello of an epoch that is trimmed goes with it', async (t) => {
  const path = spoolOf(t, [...history(50).bye().messages, ...history(50, 8).bye().messages])
  trimmed(path, { keep: { bytes: 12_000 } })
  t.ok(fs.existsSync(join(path, retainedName)))
  t.equal(catted(path), 52)
  const spool = new Spool(path)
  const first = spool.segments().findIndex(({ epoch }) => epoch === 8)
  const bytes = spool
    .segments()
    .slice(first)
    .reduce((sum, { name }) => sum + fs.statSync(join(path, name)).size, 0)
  trim(spool, { keep: { bytes } })
  spool.close()
  t.notOk(fs.existsSync(join(path, retainedName)))
  t.equal(catted(path), 52)
})

void t.test('a trim that was killed is brought to its end', async (t) => {
  const messages = [...history(50).bye().messages, ...history(50, 8).bye().messages]
  const path = spoolOf(t, messages)
  trimmed(path, { keep: { bytes: 13_000 } })
  const early = filesOf(path).filter((name) => name !== retainedName)
  const kept = early.map((name) => fs.readFileSync(join(path, name)))
  trimmed(path, { keep: { bytes: 3000 } })
  // Killed before it removed anything: with the hello of the epoch in which it was to begin.
  early.forEach((name, i) => fs.writeFileSync(join(path, name), kept[i]!))
  openWriter(path).close()
  t.equal(catted(path), 52)
})

void t.test('a reader keeps what it has not read, up to the limit', async (t) => {
  const stream = history(200)
  const path = spoolOf(t, stream.messages)
  const spool = new Spool(path)
  const reader = new RegisteredReader(spool.fd, path, 'copy')
  t.strictSame(reader.position, { epoch: 0, seq: 0 })
  t.equal(trim(spool, { keep: { bytes: 3000 } }).segments.length, 0, 'one that is new needs all')
  reader.update({ epoch: 7, seq: 60 })
  trim(spool, { keep: { bytes: 3000 } })
  const [oldest, next] = spool.segments()
  t.ok(oldest!.seq <= 61 && next!.seq > 61)
  t.strictSame(trim(spool, { keep: { bytes: 3000 } }).segments, [])
  t.strictSame(trim(spool, { keep: {} }).segments, [], 'without an amount: what readers need')
  const limited = trim(spool, { keep: { bytes: 3000 }, most: { bytes: 12_000 } })
  t.strictSame(limited.losers, ['copy'])
  t.ok(sizeOf(path) >= 12_000)
  t.ok(spool.segments()[0]!.seq > 61)
  reader.close()
  const again = new RegisteredReader(spool.fd, path, 'copy')
  t.strictSame(again.position, { epoch: 7, seq: 60 })
  again.update({ epoch: 7, seq: stream.seq })
  trim(spool, { keep: { bytes: 3000 }, most: { bytes: 12_000 } })
  t.ok(sizeOf(path) < 8000)
  again.close()
  spool.close()
})

void t.test('the list of readers', async (t) => {
  const path = spoolOf(t, history().messages)
  const spool = new Spool(path)
  t.strictSame(listReaders(spool.fd), [])
  const one = new RegisteredReader(spool.fd, path, 'one')
  const two = new RegisteredReader(spool.fd, path, 'two')
  two.update({ epoch: 0xffffffff, seq: Number.MAX_SAFE_INTEGER })
  t.throws(() => new RegisteredReader(spool.fd, path, 'one'), { code: 'ESPOOL_LOCKED' })
  t.strictSame(listReaders(spool.fd), [
    { name: 'one', position: { epoch: 0, seq: 0 } },
    { name: 'two', position: { epoch: 0xffffffff, seq: Number.MAX_SAFE_INTEGER } },
  ])
  one.close()
  two.close()
  // A file that somebody has put in the way is not written to.
  const planted = join(path, 'planted')
  fs.writeFileSync(planted, 'untouched')
  fs.linkSync(planted, join(path, 'readers/.one.new'))
  const file = join(path, 'readers/two')
  const good = fs.readFileSync(file)
  for (let at = 0; at < good.length; at++) {
    const bytes = Buffer.from(good)
    bytes[at]! ^= 0x10
    fs.writeFileSync(file, bytes)
    t.strictSame(listReaders(spool.fd)[1], { name: 'two', position: undefined })
  }
  t.throws(() => new RegisteredReader(spool.fd, path, 'two'), { code: 'ESPOOL_STATE' })
  const first = new RegisteredReader(spool.fd, path, 'one')
  first.update({ epoch: 7, seq: 1 })
  first.close()
  t.equal(fs.readFileSync(planted, 'utf8'), 'untouched')
  const writer = openWriter(path)
  appendAll(writer, history(100, 9).messages)
  writer.close()
  fs.unlinkSync(join(path, 'readers/one'))
  t.equal(trim(spool, { keep: { bytes: 0 } }).segments.length, 0, 'keeps all, since nobody knows')
  spool.close()
})

void t.test('nobody waits for another process that trims', async (t) => {
  const path = spoolOf(t, history(100).messages)
  const fd = fs.openSync(path, 'r')
  check(flock(fd, LOCK_EX), 'flock')
  t.throws(() => trimmed(path, { keep: { bytes: 0 } }), { code: 'ESPOOL_LOCKED' })
  fs.closeSync(fd)
  t.ok(trimmed(path, { keep: { bytes: 0 } }).segments.length > 1)
})

void t.test('what is trimmed between two looks is looked for anew', async (t) => {
  const stream = history(100)
  const path = spoolOf(t, stream.messages)
  /** A spool as it was, at the first look, and then as it is. */
  const late = (t: Test, trims: boolean) => {
    const spool = new Spool(path)
    t.teardown(() => spool.close())
    const look = spool.segments.bind(spool)
    let before: Segment[] | undefined = look()
    if (trims) trimmed(path, { keep: { bytes: 4000 } })
    spool.segments = (from) => {
      const segments = before ?? look(from)
      before = undefined
      return segments
    }
    return spool
  }
  const here = new Spool(path)
  t.teardown(() => here.close())
  const reader = new SpoolReader(here)
  t.teardown(() => reader.close())
  const first = Buffer.from(reader.next()!)
  const spool = late(t, true)
  here.segments = (from) => spool.segments(from)
  const rest = drain(reader)
  const framer = new Framer()
  framer.push(Buffer.concat([first, rest]))
  const numbering = new Numbering()
  for (let m = framer.next(); m; m = framer.next()) numbering.check(decodeMessage(m)!)
  t.equal(numbering.seq, stream.seq, 'a gap, and then the rest')

  appendMore(path)
  const [all, place] = [late(t, true), late(t, true)]
  t.ok(drain(new SpoolReader(all)).length > 0)
  t.equal(afterTime(place, 0n)?.offset, 0)
  appendMore(path)
  t.strictSame(verifySpool(late(t, true)).faults, [])
})

/** Another epoch behind what is there. */
function appendMore(path: string): void {
  const writer = openWriter(path)
  const { epoch, seq } = writer.position
  const stream = new StreamWriter(epoch + 1, { epoch, seq })
  for (let i = 0; i < 40; i++) stream.add('write', { path: 'f', data: 'y'.repeat(300) })
  appendAll(writer, stream.messages)
  writer.close()
}
