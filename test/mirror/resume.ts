// Where a mirror goes on: positions, epochs, what is missing, what is an old or foreign stream.

import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import t from 'tap'
import type { MirrorStatus } from '#mirror'
import { errno } from '#posix'
import { mirrorPosition } from '../support/mirror-position.js'
import { messageOf, StreamWriter } from '../support/stream-writer.js'
import { replay } from '../support/replay.js'
import { tempDirectory } from '../support/temp-directory.js'

const hello = { magic: 0x31534654, version: 1 }

/** hello, then creations of `first` to `last`, by whose numbers the files are called. */
function files(first: number, last: number, epoch = 7, previous = { epoch: 0, seq: 0 }) {
  const writer = new StreamWriter(epoch, previous)
  writer.seq = first - 1
  for (let seq = first; seq <= last; seq++) writer.add('create', { path: `${epoch}-${seq}` })
  return writer
}
const countOf = (root: string) => readdirSync(root).length - 1

void t.test('what was applied is skipped, what is new is applied', async (t) => {
  const root = join(tempDirectory(t).path, 'mirror')
  const cut = await replay(files(2, 10).bytes, root)
  t.match(cut.error, { code: 'EWIRE_TRUNCATED', message: /message 10/ })
  const again = await replay(files(2, 20).bye().bytes, root)
  t.equal(again.error, undefined)
  t.equal(again.result?.counts.skipped, 10)
  t.equal(again.result?.counts.applied.get('create'), 10)
  t.equal(countOf(root), 19)
  const whole = await replay(files(2, 20).bye().bytes, root)
  t.match(whole, { error: undefined, result: { counts: { skipped: 21 } } })
})

void t.test('a mirror joins a stream in the middle once, and misses nothing later', async (t) => {
  const root = join(tempDirectory(t).path, 'mirror')
  t.match((await replay(files(50, 60).bytes, root)).error, { code: 'EWIRE_TRUNCATED' })
  t.equal(countOf(root), 11)
  const behind = await replay(files(70, 80).bytes, root)
  t.match(behind.error, {
    code: 'EMIRROR_POSITION',
    message: /messages 61 to 69 of epoch 7 are missing.*--force/,
  })
  t.equal(countOf(root), 11, 'nothing was applied')
  t.match((await replay(files(55, 62).bytes, root)).result?.counts.skipped, undefined)
  t.equal(countOf(root), 13)
  const forced = await replay(files(70, 80).bytes, root, { force: true })
  t.match(forced.said.join(), /messages 63 to 69/)
  t.equal(countOf(root), 24)
})

void t.test('a hello alone is no position', async (t) => {
  const root = join(tempDirectory(t).path, 'mirror')
  const only = new StreamWriter(7)
  t.match((await replay(only.bytes, root)).error, { code: 'EWIRE_TRUNCATED' })
  t.match((await replay(files(50, 51).bytes, root)).error, { code: 'EWIRE_TRUNCATED' })
  t.equal(countOf(root), 2)
})

void t.test('epochs that follow each other, in one stream and in several', async (t) => {
  const root = join(tempDirectory(t).path, 'mirror')
  const first = files(2, 5, 7).bye()
  const second = files(2, 5, 8, { epoch: 7, seq: first.seq }).bye()
  const third = files(2, 5, 9, { epoch: 8, seq: second.seq }).bye()
  t.equal((await replay([first.bytes, second.bytes], root)).error, undefined)
  t.equal((await replay(third.bytes, root)).error, undefined)
  t.equal(countOf(root), 12)
  const again = await replay([first.bytes, second.bytes, third.bytes], root)
  t.equal(again.error, undefined, 'it begins in the past')
  t.match(again.result?.counts, { skipped: 18, applied: new Map() })
  t.equal(countOf(root), 12)
})

void t.test(
  'epochs that were applied are passed over, and what follows them is applied',
  async (t) => {
    const root = join(tempDirectory(t).path, 'mirror')
    const epochs: StreamWriter[] = []
    let previous = { epoch: 0, seq: 0 }
    for (let epoch = 1; epoch <= 40; epoch++) {
      // Each other one ends as a journal does that is killed; the next one knows where.
      const stream = files(2, 2 + (epoch % 5), epoch, previous)
      if (epoch % 2) stream.bye()
      epochs.push(stream)
      previous = { epoch, seq: stream.seq }
    }
    const upTo = (n: number) => epochs.slice(0, n).map(({ bytes }) => bytes)
    let applied = 0
    for (const n of [1, 3, 5, 21, 31]) {
      const { error, result } = await replay(upTo(n), root)
      t.equal(error, undefined)
      for (const count of result!.counts.applied.values()) applied += count
      const messages = epochs.slice(0, n).reduce((sum, { seq }) => sum + seq, 0)
      t.equal(applied, messages, 'each message once')
    }
    const last = await replay(upTo(40), root)
    t.match(last.error, { code: 'EWIRE_TRUNCATED' })
    const far = await replay([...upTo(40), files(2, 2, 41, previous).bye().bytes], root)
    t.match(far.error, { code: 'EMIRROR_POSITION' }, 'so far back it does not remember')
    const near = [...upTo(40).slice(10), files(2, 2, 41, previous).bye().bytes]
    t.match(await replay(near, root), { error: undefined })
    const fork = files(2, 9, 39, { epoch: 38, seq: epochs[37]!.seq })
    const forked = await replay(fork.bye().bytes, root)
    t.match(forked.error, { code: 'EMIRROR_POSITION', message: /of epoch 39 it had applied/ })
  },
)

void t.test('a position of the first version is taken up', async (t) => {
  const root = join(tempDirectory(t).path, 'mirror')
  const first = files(2, 5, 7).bye()
  t.equal((await replay(first.bytes, root)).error, undefined)
  const path = join(root, '.tfs/position')
  const old = readFileSync(path)
  for (const at of [0, 4096]) {
    old.writeUInt32LE(1, at + 4)
    old.fill(0, at + 84, at + 88)
    old.fill(0, at + 104, at + 4096)
    old.writeUInt32LE(crc32(old.subarray(at, at + 124)), at + 124)
  }
  writeFileSync(path, old)
  const second = files(2, 5, 8, { epoch: 7, seq: first.seq }).bye()
  t.equal((await replay(second.bytes, root)).error, undefined)
  t.equal((await replay([first.bytes, second.bytes], root)).result?.counts.skipped, 12)
  t.equal(countOf(root), 8)
})

void t.test('22, 23: an old or a foreign stream', async (t) => {
  const root = join(tempDirectory(t).path, 'mirror')
  const first = files(2, 5, 7).bye()
  const second = files(2, 5, 8, { epoch: 7, seq: first.seq }).bye()
  t.equal((await replay([first.bytes, second.bytes], root)).error, undefined)
  const old = await replay(first.bytes, root)
  t.match(old.error, { code: 'EMIRROR_POSITION', message: /epoch 8; the stream ends in epoch 7/ })
  const foreign = [
    files(2, 5, 99).bye(),
    files(2, 5, 99, { epoch: 7, seq: first.seq }).bye(),
    files(2, 5, 99, { epoch: 8, seq: second.seq - 1 }).bye(),
  ]
  for (const stream of foreign) {
    const { error } = await replay(stream.bytes, root)
    t.match(error, { code: 'EMIRROR_POSITION', message: /epoch 8.*epoch 99.*--force/ })
    t.equal(countOf(root), 8, 'nothing was applied')
  }
  const lost = files(2, 5, 99, { epoch: 8, seq: second.seq + 5 })
  t.match((await replay(lost.bytes, root)).error, { message: /messages 7 to 11 of epoch 8/ })
  const late = files(50, 51, 99, { epoch: 8, seq: second.seq })
  t.match((await replay(late.bytes, root)).error, { message: /messages 2 to 49 of epoch 99/ })
  const forced = await replay(files(2, 5, 77).bye().bytes, root, { force: true })
  t.match(forced, { error: undefined, said: [/epoch 99.*epoch 77/] })
  t.equal(countOf(root), 12)
})

void t.test('--force changes nothing where the stream is the next one', async (t) => {
  const root = join(tempDirectory(t).path, 'mirror')
  const first = files(2, 5, 7).bye()
  const second = files(2, 5, 8, { epoch: 7, seq: first.seq }).bye()
  await replay(first.bytes, root)
  const faults: unknown[] = []
  const onStatus = (status: () => MirrorStatus) => setImmediate(() => faults.push(status().faults))
  const forced = await replay(second.bytes, root, { force: true, onStatus })
  t.match(forced, { error: undefined, said: [] })
  t.notMatch(faults.join(), '--force')
  const third = files(9, 9, 9, { epoch: 8, seq: second.seq }).bye()
  const late = await replay(third.bytes, root, { force: true })
  t.match(late, { error: undefined, said: [/without messages 2 to 8 of epoch 9/] })
})

void t.test('an end in an epoch that ends before it is not looked for in the next', async (t) => {
  const root = join(tempDirectory(t).path, 'mirror')
  const first = files(2, 5, 7).bye()
  const second = files(2, 9, 8, { epoch: 7, seq: first.seq }).bye()
  const until = { kind: 'position', epoch: 7, seq: 8, name: '7:8' } as const
  const missed = await replay([first.bytes, second.bytes], root, { until })
  t.match(missed.error, { code: 'EMIRROR_PAST', message: /7:8: the stream has no such message/ })
  t.equal(countOf(root), 4, 'nothing of the next one is there')
  const in8 = { ...until, epoch: 8, name: '8:8' }
  t.match(await replay([first.bytes, second.bytes], root, { until: in8 }), { error: undefined })
  t.equal(countOf(root), 4 + 7)
  const back = await replay([first.bytes, second.bytes], root, { until })
  t.match(back.error, { code: 'EMIRROR_PAST', message: /message 8 of epoch 8 already.*7:8/ })
})

void t.test('22: numbers that are missing, doubled, out of order, of another epoch', async (t) => {
  const create = (seq: number, epoch = 7) =>
    messageOf('create', { path: `${epoch}-${seq}` }, { seq, epoch })
  const start = messageOf('hello', hello, { seq: 1 })
  const cases: [number[], string, number][] = [
    [[2, 3, 5], 'EWIRE_GAP', 2],
    [[2, 3, 3], 'EWIRE_ORDER', 2],
    [[2, 3, 2], 'EWIRE_ORDER', 2],
  ]
  for (const [seqs, code, applied] of cases) {
    const root = join(tempDirectory(t).path, 'mirror')
    const stream = Buffer.concat([start, ...seqs.map((seq) => create(seq))])
    t.match((await replay(stream, root)).error, { code, seq: seqs.at(-1)! })
    t.equal(countOf(root), applied)
  }
  const root = join(tempDirectory(t).path, 'mirror')
  const spliced = Buffer.concat([start, create(2), create(3, 8)])
  t.match((await replay(spliced, root)).error, { code: 'EWIRE_EPOCH' })
  t.match((await replay(create(2), root)).error, { code: 'EWIRE_ORDER', message: /no hello/ })
})

void t.test('gap, abort, bye', async (t) => {
  const root = join(tempDirectory(t).path, 'mirror')
  const gap = files(2, 3).add('gap', { from: 4, to: 4 }).add('create', { path: 'after' })
  t.match((await replay(gap.bytes, root)).error, {
    code: 'EMIRROR_POSITION',
    message: /messages 4 to 4 of epoch 7 are missing/,
  })
  t.notOk(existsSync(join(root, 'after')))
  await replay(gap.bytes, root, { force: true })
  t.ok(existsSync(join(root, 'after')))
  const other = join(root, 'other')
  const abort = files(2, 6).add('abort', { errno: 28, reason: 'no\nspace' })
  t.match((await replay(abort.bytes, other)).error, {
    code: 'EMIRROR_ABORT',
    message: /no\\nspace/,
  })
  t.equal(countOf(other), 5, 'what came before the end is there')
  t.match((await replay(abort.bytes, other)).error, { code: 'EMIRROR_ABORT' }, 'once more')
  const lost = files(2, 6).add('abort', { errno: errno.ENODATA, reason: 'it was here' })
  const third = join(root, 'third')
  for (const times of ['once', 'twice']) {
    const { error } = await replay(lost.bytes, third)
    t.match(error, { code: 'EMIRROR_POSITION', message: /it was here/ }, times)
    t.equal(mirrorPosition(third).seq, 6, 'a message that a relay lacks is not applied')
  }
  const after = files(2, 4).bye().add('create', { path: 'after' })
  t.match((await replay(after.bytes, join(root, 'x'))).error, { code: 'EWIRE_ORDER' })
})

void t.test('33: another version of the protocol, other features', async (t) => {
  const root = join(tempDirectory(t).path, 'mirror')
  const newer = messageOf('hello', { ...hello, version: 2 }, { seq: 1 })
  t.match((await replay(newer, root)).error, {
    code: 'EWIRE_VERSION',
    message: /version 2.* knows 1/,
  })
  const features = messageOf('hello', { ...hello, features: 4 }, { seq: 1 })
  t.match((await replay(features, root)).error, { code: 'EWIRE_VERSION', message: /0x4/ })
  const magic = messageOf('hello', { ...hello, magic: 5 }, { seq: 1 })
  t.match((await replay(magic, root)).error, { code: 'EWIRE_FIELD', message: /magic/ })
})

void t.test('18: a stream that is cut at any byte', async (t) => {
  const stream = files(2, 6).bye()
  const { bytes, messages } = stream
  const directory = tempDirectory(t).path
  for (let k = 0; k < bytes.length; k++) {
    const root = join(directory, `${k}`)
    const { error } = await replay(bytes.subarray(0, k), root)
    let whole = 0
    for (let at = 0; at + (messages[whole]?.length ?? Infinity) <= k; whole++)
      at += messages[whole]!.length
    if (error?.code !== 'EWIRE_TRUNCATED' || countOf(root) !== Math.max(0, whole - 1))
      t.fail(`after ${k} bytes: ${error?.code}, ${countOf(root)} files`)
    const rest = await replay(bytes, root)
    if (rest.error || countOf(root) !== 5) t.fail(`after ${k} bytes and the rest: ${rest.error}`)
  }
  t.pass(`${bytes.length} cuts`)
})

void t.test('21: bits that fall over, all over a stream', async (t) => {
  const data = Buffer.alloc(60_000, 'data')
  const { bytes } = files(2, 3).add('write', { path: '7-2', data }).bye()
  const root = join(tempDirectory(t).path, 'mirror')
  t.equal((await replay(bytes, root)).error, undefined)
  const before = readFileSync(join(root, '7-2'))
  let found = 0
  // Every byte of headers and small bodies, and some of the data; the framing's tests flip them
  // all.
  const places = Array.from(bytes.keys()).filter((i) => i < 300 || i % 151 === 0)
  for (const i of places) {
    bytes[i]! ^= 1 << (i % 8)
    const { error } = await replay(bytes, root)
    bytes[i]! ^= 1 << (i % 8)
    if (error?.constructor.name === 'WireError') found++
  }
  t.equal(found, places.length)
  t.ok(readFileSync(join(root, '7-2')).equals(before))
})
