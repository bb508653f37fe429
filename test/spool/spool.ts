// A spool written, torn, damaged and read.

import {
  appendFileSync,
  readdirSync,
  readFileSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { clearFaults, errno, injectFault } from '#posix'
import { SpoolReader, SpoolWriter } from '#spool'
import { StreamWriter } from '../support/stream-writer.js'
import { tempDirectory } from '../support/temp-directory.js'

const history = (messages = 40, epoch = 7) => {
  const stream = new StreamWriter(epoch)
  for (let i = 0; i < messages; i++)
    stream.add('write', { path: `f${i % 3}`, offset: i * 100, data: 'x'.repeat(100 + i) })
  return stream
}

function written(t: Test, stream: StreamWriter, segmentSize = 2000) {
  const path = join(tempDirectory(t).path, 'spool')
  const writer = new SpoolWriter({ path, segmentSize, sync: 'none' })
  for (const message of stream.messages) t.equal(writer.append(message, message.length), 0)
  t.equal(writer.close(), 0)
  return { path, names: segmentNames(path) }
}

const segmentNames = (path: string) =>
  readdirSync(path)
    .filter((name) => name.endsWith('.tfs'))
    .sort()
const reopened = (path: string) => new SpoolWriter({ path, segmentSize: 2000, sync: 'none' })

function all(reader: SpoolReader): Buffer {
  const blocks: Buffer[] = []
  for (let block = reader.next(); block; block = reader.next()) blocks.push(Buffer.from(block))
  return Buffer.concat(blocks)
}

function readAll(path: string): Buffer {
  const reader = new SpoolReader(path)
  try {
    return all(reader)
  } finally {
    reader.close()
  }
}

void t.test('segments in the order of their names are the stream', async (t) => {
  const stream = history()
  const { path, names } = written(t, stream)
  t.ok(names.length > 3)
  t.strictSame(Buffer.concat(names.map((name) => readFileSync(join(path, name)))), stream.bytes)
  t.strictSame(readAll(path), stream.bytes)
})

void t.test('reading goes on from any position', async (t) => {
  const stream = history()
  const { path } = written(t, stream)
  const reader = new SpoolReader(path)
  stream.messages.forEach((_, i) => {
    reader.seek({ epoch: 7, seq: i })
    t.strictSame(all(reader), Buffer.concat(stream.messages.slice(i)), `after ${i}`)
  })
  for (const position of [
    { epoch: 8, seq: 1 },
    { epoch: 7, seq: stream.seq + 1 },
  ])
    t.throws(() => reader.seek(position), { code: 'ESPOOL_MISSING' })
  reader.close()
})

void t.test('a reader follows a writer, over the ends of segments and epochs', async (t) => {
  const path = join(tempDirectory(t).path, 'spool')
  const writer = reopened(path)
  const reader = new SpoolReader(path)
  t.equal(reader.next(), undefined)
  const seen: Buffer[] = []
  const messages = [...history().bye().messages, ...history(40, 9).messages]
  for (const message of messages) {
    t.equal(writer.append(message, message.length), 0)
    seen.push(all(reader))
  }
  t.strictSame(Buffer.concat(seen), Buffer.concat(messages))
  reader.close()
  writer.close()
})

void t.test('a second writer is refused', async (t) => {
  const { path } = written(t, history())
  const writer = reopened(path)
  t.throws(() => reopened(path), { code: 'ESPOOL_LOCKED' })
  writer.close()
  reopened(path).close()
})

void t.test('the position is known again on opening', async (t) => {
  const stream = history()
  const { path } = written(t, stream)
  const writer = reopened(path)
  t.match(writer.position, { epoch: 7, seq: stream.seq })
  t.notOk(writer.ended)
  stream.bye()
  const bye = stream.messages.at(-1)!
  t.equal(writer.append(bye, bye.length), 0)
  writer.close()
  const again = reopened(path)
  t.ok(again.ended)
  t.equal(again.torn, undefined)
  again.close()
  t.strictSame(readAll(path), stream.bytes)
})

void t.test('a torn end is cut at every length, and writing goes on behind it', async (t) => {
  const stream = history(3)
  const whole = stream.bytes.length
  const last = stream.messages.at(-1)!
  for (let cut = whole - last.length + 1; cut < whole; cut++) {
    const { path, names } = written(t, stream, 1 << 20)
    truncateSync(join(path, names[0]!), cut)
    const writer = reopened(path)
    t.ok(writer.torn)
    t.equal(writer.position.seq, stream.seq - 1)
    writer.append(last, last.length)
    writer.close()
    t.strictSame(readAll(path), stream.bytes)
  }
})

void t.test('rubbish behind the end is cut, too', async (t) => {
  const stream = history(3)
  for (const rubbish of [
    Buffer.alloc(4096),
    Buffer.alloc(77, 0xff),
    Buffer.from('\x40\0\0\0rest'),
  ]) {
    const { path, names } = written(t, stream, 1 << 20)
    appendFileSync(join(path, names[0]!), rubbish)
    const writer = reopened(path)
    t.ok(writer.torn)
    writer.close()
    t.strictSame(readAll(path), stream.bytes)
  }
})

void t.test('damage in the middle of the last segment is named and nothing is cut', async (t) => {
  const stream = history(6)
  const end = stream.bytes.length - stream.messages.at(-1)!.length
  for (let at = 0; at < end; at += 7) {
    const { path, names } = written(t, stream, 1 << 20)
    const file = join(path, names[0]!)
    const bytes = readFileSync(file)
    bytes[at]! ^= 0x10
    writeFileSync(file, bytes)
    t.throws(() => reopened(path), { code: 'ESPOOL_DAMAGED' }, `byte ${at}`)
    t.strictSame(readFileSync(file), bytes)
  }
})

void t.test('a segment that is missing in the middle is named', async (t) => {
  const { path, names } = written(t, history())
  unlinkSync(join(path, names[1]!))
  t.throws(() => reopened(path), { code: 'ESPOOL_MISSING', message: /2 to 2/ })
  t.throws(() => readAll(path), { code: 'ESPOOL_MISSING' })
})

void t.test('what cannot be written leaves nothing, and may be tried again', async (t) => {
  t.teardown(clearFaults)
  const stream = history()
  const path = join(tempDirectory(t).path, 'spool')
  const writer = new SpoolWriter({ path, segmentSize: 2000, sync: 'always' })
  let refused = 0
  stream.messages.forEach((message, i) => {
    const call = (['pwrite', 'fdatasync', 'openat', 'fsync'] as const)[i % 4]!
    injectFault({ call, nth: 1, errno: errno.ENOSPC })
    const first = writer.append(message, message.length)
    clearFaults()
    if (first < 0) refused++
    t.ok(first === 0 || first === -errno.ENOSPC)
    if (first < 0) t.equal(writer.append(message, message.length), 0)
  })
  t.ok(refused > 15)
  writer.close()
  t.strictSame(readAll(path), stream.bytes)
})
