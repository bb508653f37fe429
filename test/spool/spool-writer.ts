// A spool written: segments, torn ends, faults of the system, one writer at a time.

import * as fs from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { clearFaults, errno, injectFault } from '#posix'
import { Spool, SpoolWriter } from '#spool'
import { filesOf, history, openWriter, readSpool, spoolOf } from '../support/spool-files.js'
import { appendAll } from '../support/spool-files.js'
import { SmallDisk } from '../support/small-disk.js'
import { StreamWriter } from '../support/stream-writer.js'
import { tempDirectory } from '../support/temp-directory.js'

t.setTimeout(120_000)

void t.test('segments in the order of their names are the stream', async (t) => {
  const stream = history()
  const path = spoolOf(t, stream.messages)
  const names = filesOf(path)
  t.ok(names.length > 3)
  t.strictSame(Buffer.concat(names.map((n) => fs.readFileSync(join(path, n)))), stream.bytes)
  t.strictSame(readSpool(path), stream.bytes)
  t.equal(filesOf(path, '.idx').length, names.length - 1, 'each finished one has an index')
  t.equal(fs.statSync(path).mode & 0o777, 0o700)
})

void t.test('many messages at once, as many as belong into a segment', async (t) => {
  const stream = history(200)
  const path = join(tempDirectory(t).path, 'spool')
  const writer = openWriter(path)
  const all = stream.bytes
  let calls = 0
  for (let at = 0; at < all.length; calls++) at += writer.append(all.subarray(at), all.length - at)
  t.equal(calls, filesOf(path).length)
  t.strictSame(writer.position, { epoch: 7, seq: stream.seq })
  writer.close()
  t.strictSame(readSpool(path), all)
  for (const name of filesOf(path)) t.ok(fs.statSync(join(path, name)).size <= 2000)
})

void t.test('a second writer is refused', async (t) => {
  const path = spoolOf(t, history().messages)
  const writer = openWriter(path)
  t.throws(() => openWriter(path), { code: 'ESPOOL_LOCKED' })
  writer.close()
  openWriter(path).close()
})

void t.test('the position is known again on opening', async (t) => {
  const stream = history()
  const path = spoolOf(t, stream.messages)
  const writer = openWriter(path)
  t.strictSame(writer.position, { epoch: 7, seq: stream.seq })
  t.notOk(writer.ended)
  appendAll(writer, stream.bye().messages.slice(-1))
  writer.close()
  const again = openWriter(path)
  t.ok(again.ended)
  t.equal(again.torn, undefined)
  appendAll(again, history(3, 9).messages)
  again.close()
  t.strictSame(readSpool(path), Buffer.concat([stream.bytes, history(3, 9).bytes]))
  const empty = openWriter(join(tempDirectory(t).path, 'new'))
  t.strictSame([empty.position, empty.ended], [{ epoch: 0, seq: 0 }, true])
  empty.close()
})

void t.test('a torn end is cut at every length, and writing goes on behind it', async (t) => {
  const stream = history(3)
  const whole = stream.bytes.length
  const last = stream.messages.at(-1)!
  for (let cut = whole - last.length + 1; cut < whole; cut++) {
    const path = spoolOf(t, stream.messages, 1 << 20)
    fs.truncateSync(join(path, filesOf(path)[0]!), cut)
    const writer = openWriter(path)
    t.ok(writer.torn)
    t.equal(writer.position.seq, stream.seq - 1)
    appendAll(writer, [last])
    writer.close()
    t.strictSame(readSpool(path), stream.bytes)
  }
})

void t.test('rubbish behind the end is cut, too, a stream of others among it', async (t) => {
  const stream = history(3)
  for (const rubbish of [
    Buffer.alloc(4096),
    Buffer.alloc(77, 0xff),
    Buffer.from('\x40\0\0\0rest'),
    Buffer.concat([Buffer.alloc(16), history(3, 9).bytes]),
    Buffer.concat([Buffer.alloc(16), stream.bytes]),
  ]) {
    const path = spoolOf(t, stream.messages, 1 << 20)
    fs.appendFileSync(join(path, filesOf(path)[0]!), rubbish)
    const writer = openWriter(path)
    t.ok(writer.torn)
    writer.close()
    t.strictSame(readSpool(path), stream.bytes)
  }
})

void t.test('an empty segment that a crash has left takes what comes', async (t) => {
  const stream = history(5)
  const path = spoolOf(t, stream.messages, 1 << 20)
  fs.writeFileSync(join(path, '0000000002.00000007.0000000000000099.tfs'), '')
  const writer = openWriter(path)
  t.strictSame(writer.position, { epoch: 7, seq: stream.seq })
  stream.bye()
  appendAll(writer, stream.messages.slice(-1))
  writer.close()
  t.strictSame(filesOf(path), [
    '0000000001.00000007.0000000000000001.tfs',
    `0000000002.00000007.000000000000000${stream.seq}.tfs`,
  ])
  t.strictSame(readSpool(path), stream.bytes)
})

void t.test('what cannot be written leaves nothing, and may be tried again', async (t) => {
  t.teardown(clearFaults)
  const stream = history(80)
  const path = join(tempDirectory(t).path, 'spool')
  const writer = openWriter(path, 2000, 'always')
  const refused = { append: 0, commit: 0 }
  stream.messages.forEach((message, i) => {
    const call = (['pwrite', 'fdatasync', 'openat', 'fsync'] as const)[i % 4]!
    injectFault({ call, nth: 1, errno: errno.ENOSPC })
    // What was written cannot be cut off either.
    if (i % 8 === 0) injectFault({ call: 'ftruncate', nth: 1, errno: errno.EIO })
    const before = writer.position
    const first = writer.append(message, message.length)
    if (first > 0 && writer.commit() < 0) refused.commit++
    clearFaults()
    if (first < 0) {
      refused.append++
      t.equal(first, -errno.ENOSPC)
      t.equal(writer.position, before)
      t.equal(writer.append(message, message.length), message.length)
    }
    t.equal(writer.commit(), 0)
  })
  t.ok(refused.append > 20 && refused.commit > 10, JSON.stringify(refused))
  writer.close()
  t.strictSame(readSpool(path), stream.bytes)
})

void t.test('a write that is cut short by a full disk', async (t) => {
  t.teardown(clearFaults)
  const stream = history(3)
  const path = join(tempDirectory(t).path, 'spool')
  const writer = openWriter(path)
  appendAll(writer, stream.messages.slice(0, -1))
  const last = stream.messages.at(-1)!
  // As a kill after half of it: then its cutting off fails.
  const file = join(path, filesOf(path)[0]!)
  injectFault({ call: 'pwrite', nth: 1, errno: errno.ENOSPC })
  injectFault({ call: 'ftruncate', nth: 1, errno: errno.EIO, times: 2 })
  t.equal(writer.append(last, last.length), -errno.ENOSPC)
  fs.appendFileSync(file, Buffer.alloc(5000, 0x40))
  t.equal(writer.append(last, last.length), -errno.EIO, 'nothing before that is cut')
  t.equal(writer.append(last, last.length), last.length)
  clearFaults()
  writer.close()
  t.strictSame(fs.readFileSync(file), stream.bytes)
})

void t.test('what is not a directory of its own is refused', async (t) => {
  const { path: place } = tempDirectory(t)
  const at = (name: string) => join(place, name)
  fs.mkdirSync(at('open'), { mode: 0o777 })
  fs.chmodSync(at('open'), 0o777)
  fs.mkdirSync(at('real'), { mode: 0o700 })
  fs.symlinkSync('real', at('link'))
  fs.writeFileSync(at('file'), '')
  fs.mkdirSync(at('others'), { mode: 0o700 })
  fs.chownSync(at('others'), 12345, 12345)
  fs.mkdirSync(at('planted'), { mode: 0o700 })
  fs.symlinkSync('/etc/hostname', at('planted/lock'))
  for (const name of ['open', 'link', 'file', 'others', 'planted'])
    t.throws(() => openWriter(at(name)), { code: 'ESPOOL_STATE' }, name)
  const path = spoolOf(t, history(2).messages)
  const [name = ''] = filesOf(path)
  fs.renameSync(join(path, name), join(path, 'elsewhere'))
  fs.symlinkSync('elsewhere', join(path, name))
  t.throws(() => openWriter(path), { code: 'ESPOOL_STATE', message: /symbolic link/ })
})

void t.test('a segment has no more marks than its index may have', async (t) => {
  const stream = new StreamWriter()
  for (let i = 0; i < 5000; i++) stream.add('mark', { name: `${i}` })
  const path = spoolOf(t, stream.messages, 64 << 20)
  t.equal(filesOf(path).length, 2)
  const spool = new Spool(path)
  const segments = spool.segments()
  const counts = segments.map((_, at) => spool.index(segments, at).marks.length)
  t.strictSame(counts, [4096, 904])
  spool.close()
})

void t.test('what a kill has left half made is removed', async (t) => {
  const path = spoolOf(t, history().messages)
  fs.writeFileSync(join(path, '0000000001.00000007.0000000000000001.idx.77.new'), 'half')
  fs.writeFileSync(join(path, '0000000000.tfs.new'), '')
  openWriter(path).close()
  t.strictSame(filesOf(path, '.new'), [])
})

void t.test('a joined stream begins with any number', async (t) => {
  const stream = new StreamWriter()
  stream.seq = 4710
  stream.add('tick').add('tick').bye()
  const path = spoolOf(t, stream.messages, 100)
  t.strictSame(readSpool(path), stream.bytes)
  const writer = new SpoolWriter({ path, sync: 'none' })
  t.strictSame(writer.position, { epoch: 7, seq: 4713 })
  writer.close()
})

void t.test('where the next segment gets no room, the one at hand keeps what it had', async (t) => {
  if (process.getuid?.() !== 0) return void t.pass('only root can mount a small file system')
  const disk = SmallDisk.make(t, tempDirectory(t).path, 'disk', 8 << 20, 'tmpfs')
  const path = join(disk.path, 'spool')
  const writer = openWriter(path, 1 << 20)
  const stream = new StreamWriter()
  for (let i = 0; i < 80; i++) stream.add('write', { path: 'f', data: Buffer.alloc(15_000, i) })
  const { messages } = stream
  const [change, quiet] = [300 << 10, 20 << 10]
  const failed = messages.findIndex((message, i) => {
    if (i === 45) disk.fill()
    return (i > 0 && writer.reserve(change) < 0) || writer.append(message, message.length) < 0
  })
  t.equal(failed, 71, 'where its segment is as large as it is to be')
  t.equal(writer.reserve(change), -errno.ENOSPC)
  t.equal(writer.reserve(quiet), 0)
  for (const message of messages.slice(failed, failed + 10)) appendAll(writer, [message])
  t.strictSame([filesOf(path).length, filesOf(path, '.new')], [1, []])
  disk.free()
  t.equal(writer.reserve(change), 0)
  t.equal(filesOf(path).length, 2)
  writer.close()
  t.strictSame(readSpool(path), stream.bytes)
})

void t.test('room that is reserved does not begin a segment: what is written does', (t) => {
  const path = join(tempDirectory(t).path, 'spool')
  const writer = openWriter(path, 64 << 10)
  const stream = history(2000)
  for (const [i, message] of stream.messages.entries()) {
    if (i > 0) t.equal(writer.reserve(1 << 20), 0)
    appendAll(writer, [message])
  }
  const files = filesOf(path)
  const sizes = files.map((name) => fs.statSync(join(path, name)).size)
  t.ok(
    sizes.slice(0, -1).every((size) => size >= 64 << 10 && size < 68 << 10),
    sizes.join(),
  )
  t.equal(writer.reserve(1 << 20), 0)
  const large = Buffer.alloc(1 << 19)
  appendAll(writer, stream.add('write', { path: 'f', data: large }).messages.slice(-1))
  t.strictSame(filesOf(path), files, 'what has its room makes its segment larger')
  writer.close()
  t.strictSame(readSpool(path), stream.bytes)
  t.end()
})
