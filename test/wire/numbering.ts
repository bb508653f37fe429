// The rules of epochs and numbers, one by one.

import t from 'tap'
import { decodeAny, flag, Numbering, sealChecksum, WireError } from '#wire'
import { messageOf, type Loose } from '../support/stream-writer.js'

const hello = (epoch = 7, seq = 1) =>
  messageOf('hello', { magic: 0x31534654, version: 1 }, { seq, epoch })
const goesOn = (previousEpoch: number, previousSeq: number, epoch = 8) =>
  messageOf(
    'hello',
    { magic: 0x31534654, version: 1, previousEpoch, previousSeq },
    { seq: 1, epoch },
  )
const tick = (seq: number, epoch = 7) => messageOf('tick', {}, { seq, epoch })
const bye = (seq: number, epoch = 7) => messageOf('bye', {}, { seq, epoch })
const abort = (seq: number, epoch = 7) => messageOf('abort', {}, { seq, epoch })
const gap = (from: number, to: number, seq = to) => messageOf('gap', { from, to }, { seq })
const flagged = (message: Buffer, flags: number): Buffer => {
  message.writeUInt16LE((message.readUInt16LE(6) & 0xf000) | flags, 6)
  sealChecksum(message)
  return message
}
const retained = (seq: number) => flagged(tick(seq), flag.RETAIN)
const hop = (seq: number, epoch = 7) => flagged(tick(seq, epoch), flag.HOP)
const mark = (seq: number) => messageOf('mark', { name: 'm' }, { seq })
const subscribed = (seq: number, epoch = 7) =>
  messageOf('subscribed', { epoch, seq }, { seq: 0, epoch })
const unknown = (seq: number): Buffer => {
  const message = tick(seq)
  message.writeUInt16LE(0x8000, 4)
  sealChecksum(message)
  return message
}

/** How many messages are taken, and the code of why no more or of why it may not end. */
function verdict(
  messages: readonly Buffer[],
  pendingBytes = 0,
  numbering = new Numbering(),
): [number, string] {
  let count = 0
  try {
    for (const message of messages) {
      numbering.check(decodeAny(message))
      count++
    }
    numbering.end(pendingBytes)
    return [count, 'good']
  } catch (error) {
    if (error instanceof WireError) return [count, error.code]
    throw error
  }
}

const rules: readonly (readonly [string, Buffer[], number, string])[] = [
  ['an epoch', [hello(), tick(2), tick(3), bye(4)], 4, 'good'],
  ['an epoch that gave up', [hello(), tick(2), abort(3)], 3, 'good'],
  ['an epoch of nothing', [hello(), bye(2)], 2, 'good'],
  ['two epochs', [hello(), bye(2), hello(8), tick(2, 8), bye(3, 8)], 5, 'good'],
  ['an epoch after one that gave up', [hello(), abort(2), hello(8), bye(2, 8)], 4, 'good'],
  ['nothing', [], 0, 'EWIRE_TRUNCATED'],
  ['no end', [hello(), tick(2)], 2, 'EWIRE_TRUNCATED'],
  ['hello alone', [hello()], 1, 'EWIRE_TRUNCATED'],
  ['no hello', [tick(2)], 0, 'EWIRE_ORDER'],
  ['no hello, number 1', [tick(1)], 0, 'EWIRE_ORDER'],
  ['a hello of epoch 0', [hello(0)], 0, 'EWIRE_FIELD'],
  ['a hello with another number', [hello(7, 2)], 0, 'EWIRE_FIELD'],
  ['a second hello', [hello(), bye(2), hello()], 2, 'EWIRE_ORDER'],
  ['a hello in the middle', [hello(), tick(2), hello()], 2, 'EWIRE_TRUNCATED'],
  ['another epoch without an end', [hello(), tick(2), hello(8)], 2, 'EWIRE_TRUNCATED'],
  ['an epoch that goes on', [hello(), tick(2), goesOn(7, 2), bye(2, 8)], 4, 'good'],
  ['one that goes on too far', [hello(), tick(2), goesOn(7, 3)], 2, 'EWIRE_TRUNCATED'],
  ['one that goes on from another', [hello(), tick(2), goesOn(6, 2)], 2, 'EWIRE_TRUNCATED'],
  ['a message of another epoch', [hello(), tick(2, 8)], 1, 'EWIRE_EPOCH'],
  ['the last epoch again', [hello(), bye(2), hello(8), tick(2, 7)], 3, 'EWIRE_EPOCH'],
  ['something after the end', [hello(), bye(2), tick(3)], 2, 'EWIRE_ORDER'],
  ['a second end', [hello(), bye(2), bye(3)], 2, 'EWIRE_ORDER'],
  ['a number left out', [hello(), tick(2), tick(4)], 2, 'EWIRE_GAP'],
  ['a number twice', [hello(), tick(2), tick(2)], 2, 'EWIRE_ORDER'],
  ['a number that goes back', [hello(), tick(2), tick(3), tick(2)], 3, 'EWIRE_ORDER'],
  ['the number of hello again', [hello(), tick(1)], 1, 'EWIRE_ORDER'],
  ['number 0 without HOP', [hello(), tick(0)], 1, 'EWIRE_ORDER'],
  ['joining late', [hello(), tick(90), tick(91), bye(92)], 4, 'good'],
  ['a gap after joining late', [hello(), tick(90), tick(92)], 2, 'EWIRE_GAP'],
  ['joining at the end', [hello(), bye(90)], 2, 'good'],
  ['retained messages', [hello(), retained(5), retained(50), tick(90), bye(91)], 5, 'good'],
  ['a gap after retained messages', [hello(), retained(5), tick(90), tick(92)], 3, 'EWIRE_GAP'],
  ['retained messages that go back', [hello(), retained(50), retained(5)], 2, 'EWIRE_ORDER'],
  ['RETAIN later on is nothing special', [hello(), tick(2), retained(9)], 2, 'EWIRE_GAP'],
  ['a gap that is told', [hello(), tick(2), gap(3, 8), tick(9), bye(10)], 5, 'good'],
  ['two gaps in a row', [hello(), gap(2, 5), gap(6, 6), bye(7)], 4, 'good'],
  ['a gap on joining', [hello(), gap(50, 60), bye(61)], 3, 'good'],
  ['a gap that begins late', [hello(), tick(2), gap(4, 8)], 2, 'EWIRE_GAP'],
  ['a gap that begins early', [hello(), tick(2), gap(2, 8)], 2, 'EWIRE_ORDER'],
  ['a gap from nowhere', [hello(), gap(0, 8)], 1, 'EWIRE_ORDER'],
  ['a gap with another number', [hello(), tick(2), gap(3, 8, 9)], 2, 'EWIRE_FIELD'],
  ['a gap backwards', [hello(), tick(2), gap(9, 8)], 2, 'EWIRE_FIELD'],
  ['a number missing after a gap', [hello(), tick(2), gap(3, 8), tick(10)], 3, 'EWIRE_GAP'],
  ['an unknown message counts', [hello(), tick(2), unknown(3), bye(4)], 4, 'good'],
  ['an unknown message is left out', [hello(), tick(2), bye(4)], 2, 'EWIRE_GAP'],
  ['an unknown message twice', [hello(), unknown(2), unknown(2)], 2, 'EWIRE_ORDER'],
  ['HOP messages do not count', [hop(0), hello(), hop(0, 9), bye(2), hop(0)], 5, 'good'],
  ['a mark counts', [hello(), mark(2), bye(3)], 3, 'good'],
  ['a request', [hello(), messageOf('want-mark', { name: 'm' }, { seq: 2 })], 1, 'EWIRE_ORDER'],
  ['a subscription', [hello(), messageOf('subscribe', {}, { seq: 0 })], 1, 'EWIRE_ORDER'],
  ['an answer to nothing', [hello(), tick(2), subscribed(2)], 2, 'EWIRE_ORDER'],
  ['a HOP message with a number', [hello(), hop(2)], 1, 'EWIRE_FIELD'],
]

for (const [name, messages, count, code] of rules)
  t.strictSame(verdict(messages), [count, code], name)

// What comes after `before` and a subscription.
const answered: readonly (readonly [string, Buffer[], Buffer[], number, string])[] = [
  ['the same position', [hello(), tick(2)], [subscribed(2), tick(3), bye(4)], 3, 'good'],
  ['a reader that begins', [], [subscribed(50), tick(51), bye(52)], 3, 'good'],
  ['what came before it', [], [hello(9), tick(2), subscribed(50), bye(51)], 4, 'good'],
  ['another position', [hello(), tick(2)], [subscribed(50), tick(51), bye(52)], 3, 'good'],
  ['a number left out', [], [subscribed(50), tick(52)], 1, 'EWIRE_GAP'],
  ['a gap', [], [subscribed(50), gap(51, 60), bye(61)], 3, 'good'],
  ['the next epoch', [], [subscribed(50), hello(8), bye(2, 8)], 3, 'good'],
  ['the next epoch, known', [hello(), bye(2)], [subscribed(2), hello(8), bye(2, 8)], 3, 'good'],
  ['more after the end', [hello(), bye(2)], [subscribed(2), tick(3)], 1, 'EWIRE_ORDER'],
  ['the next epoch too early', [], [subscribed(5), tick(6), hello(8)], 2, 'EWIRE_TRUNCATED'],
  ['another epoch', [], [subscribed(50), tick(51, 8)], 1, 'EWIRE_EPOCH'],
  ['everything', [], [subscribed(0, 0), hello(), bye(2)], 3, 'good'],
  ['a second answer', [], [subscribed(50), subscribed(50)], 1, 'EWIRE_ORDER'],
  ['no answer', [], [hello(), tick(2)], 2, 'EWIRE_TRUNCATED'],
]
for (const [name, before, messages, count, code] of answered) {
  const numbering = new Numbering()
  for (const message of before) numbering.check(decodeAny(message))
  numbering.subscribing = true
  t.strictSame(verdict(messages, 0, numbering), [count, code], `subscribed: ${name}`)
}

t.strictSame(verdict([hello(), bye(2)], 5), [2, 'EWIRE_TRUNCATED'], 'bytes after the end')

void t.test('position and words', async (t) => {
  const numbering = new Numbering()
  t.strictSame([numbering.epoch, numbering.seq, numbering.ended], [0, 0, false])
  for (const message of [hello(), tick(2), hop(0)]) numbering.check(decodeAny(message))
  t.strictSame([numbering.epoch, numbering.seq, numbering.ended], [7, 2, false])
  const wrong = (body: Loose<'tick'>, seq: number) => () =>
    numbering.check(decodeAny(messageOf('tick', body, { seq })))
  t.throws(wrong({}, 9), { message: 'message 9: messages 3 to 8 are missing', seq: 9 })
  t.throws(wrong({}, 4), { message: 'message 4: message 3 is missing' })
  t.throws(wrong({}, 2), { message: 'message 2: number 2 after 2' })
  t.throws(() => numbering.end(), { message: /^message 2: ends here without a bye/ })
  t.throws(() => numbering.end(17), { message: 'message 2: ends 17 bytes into a message' })
  t.throws(() => new Numbering().end(), { message: /^is empty, without a bye/, seq: undefined })
  numbering.check(decodeAny(bye(3)))
  t.ok(numbering.ended)
})
