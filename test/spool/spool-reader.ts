// A spool read: from any place, by time and mark, while it grows, when it was trimmed, with and
// without its indexes.

import * as fs from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { codecs, decodeMessage, Framer, Numbering, type Message } from '#wire'
import { afterMark, afterPosition, afterTime, Spool, SpoolReader, trim, watchSpool } from '#spool'
import { appendAll, drain, filesOf, history } from '../support/spool-files.js'
import { openWriter, readSpool, spoolOf } from '../support/spool-files.js'
import { messageOf, StreamWriter } from '../support/stream-writer.js'
import { tempDirectory } from '../support/temp-directory.js'

t.setTimeout(120_000)

const from = (stream: StreamWriter, index: number) => Buffer.concat(stream.messages.slice(index))

function messagesIn(bytes: Buffer): Message[] {
  const framer = new Framer()
  framer.push(bytes)
  const messages: Message[] = []
  for (let m = framer.next(); m; m = framer.next()) messages.push(decodeMessage(m)!)
  return messages
}

void t.test('behind any position', async (t) => {
  const stream = history()
  const path = spoolOf(t, stream.messages)
  stream.messages.forEach((_, seq) => {
    const bytes = readSpool(path, (spool) => afterPosition(spool, { epoch: 7, seq }))
    t.strictSame(bytes, from(stream, seq), `after ${seq}`)
  })
  const spool = new Spool(path)
  const last = { epoch: 7, seq: stream.seq }
  t.equal(drain(new SpoolReader(spool, afterPosition(spool, last))).length, 0)
  t.throws(() => afterPosition(spool, { epoch: 7, seq: stream.seq + 1 }), { code: 'ESPOOL_AHEAD' })
  t.throws(() => afterPosition(spool, { epoch: 8, seq: 1 }), { code: 'ESPOOL_UNKNOWN' })
  spool.close()
})

void t.test('by time: what is later, no message earlier than those before it', async (t) => {
  const stream = new StreamWriter()
  // A clock that is set back for a while, longer than a segment lasts.
  const times = Array.from({ length: 120 }, (_, i) => 2000 + i - (i > 40 && i < 80 ? 500 : 0))
  for (const sec of times) {
    stream.sec = sec
    stream.add('write', { path: 'f', data: 'x'.repeat(90) })
  }
  stream.messages[0] = messageOf(
    'hello',
    { magic: 0x31534654, version: 1, source: 'test' },
    { seq: 1, sec: 1999 },
  )
  const path = spoolOf(t, stream.messages)
  t.ok(filesOf(path).length > 5)
  for (let at = 1995; at < 2125; at++) {
    let latest = 0
    const behind = [1999, ...times].findIndex((sec) => (latest = Math.max(latest, sec)) > at)
    const expected = behind < 0 ? Buffer.alloc(0) : from(stream, behind)
    const time = BigInt(at) * 1_000_000_000n
    if (!readSpool(path, (spool) => afterTime(spool, time)).equals(expected)) t.fail(`${at}`)
  }
  t.equal(new Spool(spoolOf(t, [])).segments().length, 0)
})

void t.test('a thousand marks, each found, the newest of a name', async (t) => {
  const stream = new StreamWriter()
  const indexes = new Map<string, number>()
  for (let i = 0; i < 1000; i++) {
    stream.add('write', { path: 'f', offset: i, data: 'x'.repeat(300 + (i % 50)) })
    const name = `mark ${i % 990} é`
    stream.add('mark', { name })
    indexes.set(name, stream.messages.length)
  }
  const path = spoolOf(t, stream.messages, 20_000)
  t.ok(filesOf(path).length > 10)
  const spool = new Spool(path)
  for (const [name, index] of indexes) {
    const reader = new SpoolReader(spool, afterMark(spool, Buffer.from(name)))
    t.equal(reader.position.seq, index)
    const expected = stream.messages[index]
    const block = reader.next()
    if (expected && !block?.subarray(0, expected.length).equals(expected)) t.fail(name)
    reader.close()
  }
  t.throws(() => afterMark(spool, Buffer.from('none')), { code: 'ESPOOL_UNKNOWN' })
  spool.close()
})

void t.test('an index that is missing, damaged or of something else is made anew', async (t) => {
  const stream = history(100)
  const path = spoolOf(t, stream.messages)
  const indexes = filesOf(path, '.idx')
  const files = indexes.map((name) => join(path, name))
  const good = files.map((file) => fs.readFileSync(file))
  const spoil: readonly ((file: string, i: number) => void)[] = [
    (file) => fs.unlinkSync(file),
    (file) => fs.writeFileSync(file, ''),
    (file, i) => fs.writeFileSync(file, good[i]!.subarray(0, -1)),
    (file, i) => {
      const bytes = Buffer.from(good[i]!)
      bytes[i % bytes.length]! ^= 1
      fs.writeFileSync(file, bytes)
    },
    (file, i) => fs.writeFileSync(file, good[(i + 1) % good.length]!),
  ]
  for (const ruin of spoil) {
    files.forEach(ruin)
    t.strictSame(
      readSpool(path, (spool) => afterPosition(spool, { epoch: 7, seq: 50 })),
      from(stream, 50),
    )
    readSpool(path, (spool) => afterTime(spool, 0n))
    const spool = new Spool(path)
    const segments = spool.segments()
    segments.forEach((_, at) => spool.index(segments, at))
    t.strictSame(
      files.map((file) => fs.readFileSync(file)),
      good,
    )
    spool.close()
  }
})

void t.test('the index of a large segment leads near the place', async (t) => {
  const stream = new StreamWriter()
  for (let i = 0; i < 300; i++)
    stream.add('write', { path: 'f', data: Buffer.alloc(60_000 + i) }).add('mark', { name: `${i}` })
  const path = spoolOf(t, stream.messages, 6 << 20)
  const spool = new Spool(path)
  const segments = spool.segments()
  t.ok(segments.length >= 3)
  t.equal(spool.index(segments, 0).entries.length, 5)
  for (let seq = 0; seq < stream.seq; seq += 7) {
    const reader = new SpoolReader(spool, afterPosition(spool, { epoch: 7, seq }))
    const expected = stream.messages[seq]!
    if (!reader.next()!.subarray(0, expected.length).equals(expected)) t.fail(`${seq}`)
    reader.close()
  }
  spool.close()
})

void t.test('a reader follows a writer, over the ends of segments and epochs', async (t) => {
  const path = join(tempDirectory(t).path, 'spool')
  let writer = openWriter(path)
  const spool = new Spool(path)
  const reader = new SpoolReader(spool)
  t.equal(reader.next(), undefined)
  const seen: Buffer[] = []
  const messages = [...history().bye().messages, ...history(40, 9).messages]
  messages.forEach((message, i) => {
    appendAll(writer, [message])
    seen.push(drain(reader))
    if (i % 10 === 5) {
      writer.close()
      writer = openWriter(path)
    }
  })
  // A segment that is listed at a later look only.
  const until = Date.now() + 5000
  const size = Buffer.concat(messages).length
  while (Buffer.concat(seen).length < size && Date.now() < until) seen.push(drain(reader))
  t.strictSame(Buffer.concat(seen), Buffer.concat(messages))
  t.strictSame(reader.position, { epoch: 9, seq: 41 })
  reader.close()
  spool.close()
  writer.close()
})

void t.test('a reader in an empty segment that gets another name', async (t) => {
  const stream = history(5)
  const path = spoolOf(t, stream.messages, 1 << 20)
  fs.writeFileSync(join(path, '0000000002.00000007.0000000000000007.tfs'), '')
  const spool = new Spool(path)
  const reader = new SpoolReader(spool)
  t.strictSame(drain(reader), stream.bytes)
  const next = history(5, 8)
  const writer = openWriter(path)
  appendAll(writer, next.messages)
  writer.close()
  t.strictSame(drain(reader), next.bytes)
  reader.close()
  spool.close()
})

void t.test('what was trimmed in front of a reader is named', async (t) => {
  const stream = history(100)
  const path = spoolOf(t, stream.messages)
  const spool = new Spool(path)
  const reader = new SpoolReader(spool, afterPosition(spool, { epoch: 7, seq: 0 }))
  const numbering = new Numbering()
  const lost: unknown[] = []
  reader.onLost = (...args) => lost.push(args)
  const begun = messagesIn(Buffer.from(reader.next()!))
  t.ok(begun.length < 20)
  trim(spool, { keep: { bytes: 5000 } })
  const [oldest] = spool.segments()
  const rest = messagesIn(drain(reader))
  t.match(rest[0], { name: 'gap', body: { from: begun.length + 1, to: oldest!.seq - 1 } })
  for (const message of [...begun, ...rest]) numbering.check(message)
  t.equal(numbering.seq, stream.seq)
  t.equal(lost.length, 1)
  t.throws(() => afterPosition(spool, { epoch: 7, seq: 3 }), { code: 'ESPOOL_TRIMMED' })
  reader.seekLost({ epoch: 7, seq: 3 })
  t.match(messagesIn(Buffer.from(reader.next()!))[0], { name: 'gap', body: { from: 4 } })

  const writer = openWriter(path)
  appendAll(writer, history(100, 9).messages)
  trim(spool, { keep: { bytes: 5000 } })
  reader.seekLost({ epoch: 7, seq: 3 })
  const again = messagesIn(drain(reader))
  t.match(again, [{ name: 'abort', epoch: 7, seq: 4 }, { name: 'hello' }, { name: 'gap' }])
  const check = new Numbering()
  check.subscribing = true
  const answer = messageOf('subscribed', { epoch: 7, seq: 3 }, { seq: 0 })
  for (const message of [decodeMessage(answer)!, ...again]) check.check(message)
  reader.close()
  spool.close()
  writer.close()
})

void t.test('a position within a gap', async (t) => {
  const stream = new StreamWriter().add('tick')
  stream.seq = 9
  stream.add('gap', { from: 3, to: 10 }).add('tick').bye()
  const path = spoolOf(t, stream.messages)
  for (let seq = 2; seq < 10; seq++) {
    const bytes = readSpool(path, (spool) => afterPosition(spool, { epoch: 7, seq }))
    const [gap, tick] = messagesIn(bytes)
    t.match(gap, { name: 'gap', seq: 10, body: { from: seq + 1, to: 10 } })
    t.equal(tick?.seq, 11)
  }
  t.ok(codecs.gap)
})

void t.test('a position before a stream was joined', async (t) => {
  const stream = new StreamWriter()
  stream.seq = 49
  stream.add('tick').bye()
  const path = spoolOf(t, stream.messages)
  const behind = (seq: number) =>
    messagesIn(readSpool(path, (spool) => afterPosition(spool, { epoch: 7, seq })))
  t.match(behind(1), [{ name: 'tick', seq: 50 }, { name: 'bye' }], 'who has the hello alone')
  t.match(behind(20), [
    { name: 'gap', seq: 49, body: { from: 21 } },
    { name: 'tick', seq: 50 },
  ])
  t.match(behind(49), [{ name: 'tick', seq: 50 }])
})

void t.test('messages of all sizes', async (t) => {
  const stream = new StreamWriter()
  for (const size of [10, 1 << 20, 1000, 300_000, 262_000, 100, 1 << 20])
    stream.add('write', { path: 'f', data: Buffer.alloc(size, size % 251) })
  const path = spoolOf(t, stream.bye().messages, 3 << 20)
  t.ok(readSpool(path).equals(stream.bytes))
})

void t.test('a watch wakes at an append, without looking all the time', async (t) => {
  const stream = history(20)
  const path = join(tempDirectory(t).path, 'spool')
  const writer = openWriter(path, 500)
  const spool = new Spool(path)
  const reader = new SpoolReader(spool)
  for (const message of stream.messages) {
    const woken = new Promise<void>((resolve) => {
      const watch = watchSpool(spool, (isTick) => {
        if (isTick) return
        watch.close()
        resolve()
      })
    })
    appendAll(writer, [message])
    await woken
    t.strictSame(drain(reader), message)
  }
  reader.close()
  spool.close()
  writer.close()
})

void t.test('a message on its way comes whole between two looks, with others behind it', (t) => {
  const { messages } = history(6)
  const path = spoolOf(t, messages.slice(0, 3))
  const [name = ''] = filesOf(path)
  const rest = Buffer.concat(messages.slice(3))
  const append = (from: number, to: number) =>
    fs.appendFileSync(join(path, name), rest.subarray(from, to))
  const spool = new Spool(path)
  const reader = new SpoolReader(spool)
  drain(reader)
  append(0, 100)
  t.equal(reader.next(), undefined)
  t.equal(reader.pending(), 100)
  append(100, rest.length)
  t.equal(reader.pending(), 0, 'that is no damage')
  t.ok(drain(reader).equals(rest))
  reader.close()
  spool.close()
  t.end()
})
