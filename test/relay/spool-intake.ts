// What a spool takes of a stream that comes: once, in order, in whatever pieces; gaps by name; a
// disk that is full for a while.

import t, { type Test } from 'tap'
import { clearFaults, errno, injectFault } from '#posix'
import { SpoolIntake } from '#relay'
import { decodeMessage, flag, Framer, Numbering, sealChecksum, type Message } from '#wire'
import { openWriter, readSpool, spoolOf } from '../support/spool-files.js'
import { history } from '../support/spool-files.js'
import { messageOf, StreamWriter } from '../support/stream-writer.js'

interface Taken {
  readonly intake: SpoolIntake
  readonly said: string[]
  readonly bytes: Buffer
  readonly end: string
}

/** Feeds `input` to a spool that holds `before`, in pieces of `size` bytes. */
function take(
  t: Test,
  before: readonly Buffer[],
  input: readonly Buffer[],
  size = 1 << 20,
  path = spoolOf(t, before),
): Taken {
  const writer = openWriter(path)
  const said: string[] = []
  const intake = new SpoolIntake(writer, (what, why) => said.push(`${what}: ${why}`))
  const bytes = Buffer.concat(input)
  for (let at = 0; at < bytes.length;) {
    const done = bytes.copy(intake.room(), 0, at, at + size)
    intake.filled(done)
    at += done
  }
  let end = 'good'
  try {
    intake.finish()
  } catch (error) {
    end = (error as Error).message
  }
  writer.close()
  return { intake, said, bytes: readSpool(path), end }
}

function messagesIn(bytes: Buffer): Message[] {
  const framer = new Framer()
  const numbering = new Numbering()
  framer.push(bytes)
  const messages: Message[] = []
  for (let m = framer.next(); m; m = framer.next()) {
    const message = decodeMessage(m)!
    numbering.check(message)
    messages.push(message)
  }
  return messages
}

const whole = history(30).bye()
const cut = (to: number, from = 0) => whole.messages.slice(from, to)

void t.test('whatever the pieces are', async (t) => {
  for (const size of [1, 31, 500, 4096, 1 << 20]) {
    const { bytes, end, said, intake } = take(t, [], whole.messages, size)
    t.ok(bytes.equals(whole.bytes))
    t.strictSame([end, said], ['good', []])
    t.equal(intake.counts.messages, whole.messages.length)
  }
})

void t.test('what is sent again is dropped, at any overlap', async (t) => {
  for (let have = 1; have <= whole.messages.length; have += 3)
    for (const from of [0, have >> 1, have]) {
      const { bytes, end, said, intake } = take(t, cut(have), cut(99, from), 777)
      if (!bytes.equals(whole.bytes)) t.fail(`${have} ${from}`)
      if (said.length > 0) t.fail(said.join())
      if (from < whole.messages.length && end !== 'good') t.fail(end)
      t.equal(intake.counts.duplicates, have - from)
    }
})

void t.test('what is missing is named by a gap', async (t) => {
  const { bytes, said, intake } = take(t, cut(5), [whole.messages[0]!, ...cut(99, 12)])
  const messages = messagesIn(bytes)
  t.match(messages[5], { name: 'gap', seq: 12, body: { from: 6, to: 12 } })
  t.match(messages[6], { name: 'write', seq: 13 })
  t.match(said, [/messages 6 to 12 of epoch 7 are missing/])
  t.equal(intake.counts.missing, 7)
  const gap = messageOf('gap', { from: 3, to: 9 }, { seq: 9 })
  const partly = messagesIn(take(t, cut(5), [whole.messages[0]!, gap, ...cut(99, 9)]).bytes)
  t.match(partly[5], { name: 'gap', body: { from: 6, to: 9 } }, 'what of a gap is missing')
  t.equal(messagesIn(take(t, cut(12), [whole.messages[0]!, gap, ...cut(99, 9)]).bytes).length, 32)
})

void t.test('a stream that was joined begins with any number', async (t) => {
  const joined = [whole.messages[0]!, ...cut(99, 12)]
  const { bytes, said } = take(t, [], joined)
  t.ok(bytes.equals(Buffer.concat(joined)))
  t.strictSame(said, [])
  t.ok(take(t, cut(1), joined).bytes.equals(Buffer.concat(joined)), 'also by an other process')
})

void t.test('epochs: the next, one that is older, one that was not ended', async (t) => {
  const next = new StreamWriter(8, { epoch: 7, seq: whole.seq }).add('tick').bye()
  const both = Buffer.concat([whole.bytes, next.bytes])
  t.ok(take(t, whole.messages, next.messages).bytes.equals(both))
  const again = take(
    t,
    [...whole.messages, ...next.messages],
    [...whole.messages, ...next.messages],
  )
  t.ok(again.bytes.equals(both))
  t.equal(again.end, 'good')
  const more = new StreamWriter(8, { epoch: 7, seq: whole.seq }).add('tick').add('tick').bye()
  const both2 = [...whole.messages, ...more.messages]
  t.ok(take(t, both2.slice(0, -2), both2).bytes.equals(Buffer.concat(both2)))

  const other = new StreamWriter(9).bye()
  const unknown = take(t, cut(20), other.messages)
  t.ok(unknown.bytes.equals(Buffer.concat([...cut(20), ...other.messages])))
  t.match(unknown.said, [/epoch 7 goes on to 9 without a bye/])
})

// A source that was killed goes on where its own spool ends: its last message need be no bye.
void t.test('the end of an epoch that did not come is missing, whatever it was', async (t) => {
  const next = new StreamWriter(8, { epoch: 7, seq: whole.seq }).add('tick').bye()
  for (const have of [20, whole.seq - 1]) {
    const { bytes, said, intake } = take(t, cut(have), next.messages)
    const messages = messagesIn(bytes)
    t.match(messages[have], { name: 'gap', body: { from: have + 1, to: whole.seq } })
    t.match(messages[have + 1], { name: 'hello', epoch: 8 })
    t.match(said, [/of epoch 7 are missing: a gap says so/])
    t.equal(intake.counts.missing, whole.seq - have)
  }
  const follower = new StreamWriter(8, { epoch: 7, seq: 20 }).bye()
  const proven = take(t, cut(20), follower.messages)
  t.strictSame(proven.said, [], 'nothing is')
  t.equal(messagesIn(proven.bytes).length, 20 + 2)
  const skipping = new StreamWriter(9, { epoch: 8, seq: 3 }).bye()
  t.match(take(t, whole.messages, skipping.messages).said, [/epoch 9 follows message 3 of epoch 8/])
})

void t.test('what is refused, after what is good', async (t) => {
  const flipped = Buffer.from(whole.messages[6]!)
  flipped[40]! ^= 1
  const tick = (seq: number, epoch = 7) => messageOf('tick', {}, { seq, epoch })
  const hop = messageOf('subscribed', { epoch: 7, seq: 6 }, { seq: 0 })
  const late = new StreamWriter(8, { epoch: 7, seq: whole.seq }).bye().messages
  const cases: readonly (readonly [string, Buffer[], Buffer[], number, RegExp])[] = [
    ['a flipped bit', [], [...cut(6), flipped, ...cut(9, 7)], 6, /byte \d+: the checksum/],
    ['no message', [], [...cut(6), Buffer.alloc(64)], 6, /cannot have 0 bytes/],
    ['no hello', [], cut(9, 3), 0, /no hello/],
    ['another epoch', cut(6), [tick(7, 9)], 6, /of epoch 9, of which there was no hello/],
    ['more of an old epoch', [...whole.messages, ...late], [tick(99)], 34, /which had ended/],
    ['more after the end', whole.messages, [tick(33)], 32, /after the end/],
    ['a request', cut(6), [messageOf('want-mark', { name: 'm' }, { seq: 7 })], 6, /a request/],
    ['an answer', cut(6), [hop], 6, /0x8/],
    ['a gap that is none', cut(6), [messageOf('gap', { from: 9, to: 7 }, { seq: 7 })], 6, /none/],
    ['an end without a bye', [], cut(6), 6, /ends here without a bye/],
    ['half a message', [], [...cut(6), whole.messages[6]!.subarray(0, 50)], 6, /50 bytes into/],
  ]
  for (const [name, before, input, count, reason] of cases) {
    const { bytes, end } = take(t, before, input)
    t.match(end, reason, name)
    t.equal(messagesIn(bytes).length, count, name)
  }
  const skipped = tick(0)
  skipped.writeUInt16LE(flag.HOP, 6)
  sealChecksum(skipped)
  t.ok(take(t, [], [...cut(6), skipped, ...cut(99, 6)]).bytes.equals(whole.bytes), 'HOP is cut out')
})

void t.test('a disk that is full for a while', async (t) => {
  t.teardown(clearFaults)
  const next = new StreamWriter(8, { epoch: 7, seq: whole.seq }).add('tick').bye()
  for (const call of ['pwrite', 'openat', 'fdatasync'] as const)
    for (let nth = 1; nth < 12; nth++) {
      const path = spoolOf(t, cut(5))
      const writer = openWriter(path, 2000, 'always')
      const intake = new SpoolIntake(writer, () => undefined)
      const input = Buffer.concat([...cut(3), ...cut(20, 10), ...next.messages])
      injectFault({ call, nth, errno: errno.ENOSPC, times: 3 })
      let refusals = 0
      for (let at = 0; at < input.length;) {
        const done = input.copy(intake.room(), 0, at, at + 1500)
        intake.filled(done)
        at += done
        while (intake.failure < 0) {
          refusals++
          intake.retry()
        }
      }
      clearFaults()
      t.equal(intake.retry(), true)
      intake.finish()
      writer.close()
      const messages = messagesIn(readSpool(path))
      const seqs = messages.map((m) => `${m.name} ${m.seq}`)
      t.strictSame(seqs.slice(5, 7), ['gap 10', 'write 11'], `${call} ${nth}, ${refusals}`)
      t.strictSame(seqs.slice(-4), ['gap 32', 'hello 1', 'tick 2', 'bye 3'])
      t.equal(messages.length, 5 + 1 + 10 + 1 + 3)
    }
})
