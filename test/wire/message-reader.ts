// A stream with a fault anywhere: what comes before it is good, and it is found.

import t from 'tap'
import { MessageReader, WireError } from '#wire'
import { randomMessage } from '../support/random-message.js'
import { seeded } from '../support/seed.js'
import { StreamWriter } from '../support/stream-writer.js'

/** How many messages are taken, and why no more. */
function read(...pieces: Buffer[]): { count: number; error: WireError | undefined } {
  const reader = new MessageReader()
  let count = 0
  try {
    for (const piece of pieces) {
      reader.push(piece)
      while (reader.next()) count++
    }
    reader.end()
    return { count, error: undefined }
  } catch (error) {
    if (error instanceof WireError) return { count, error }
    throw error
  }
}

const stream64 = (): StreamWriter => {
  const writer = new StreamWriter()
  for (let size = 0; writer.messages.length < 700; size = (size * 7 + 3) % 113)
    writer
      .add('write', { path: `file ${size}`, offset: size, data: 'd'.repeat(size) })
      .add('mkdir', { path: `dir ${size}` })
  return writer.bye()
}

void t.test('each flipped bit in 64 KiB of stream is found, at its message', async (t) => {
  const { messages, bytes } = stream64()
  t.ok(bytes.length > 64 << 10, `${bytes.length} bytes`)
  t.equal(read(bytes).count, messages.length)
  let start = 0
  let missed = 0
  // Half a million errors: their stacks take longer than all else.
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  t.teardown(() => (Error.stackTraceLimit = stackTraceLimit))
  const hello = messages[0]!
  for (const [i, message] of messages.entries()) {
    for (let bit = 0; bit < message.length * 8; bit++) {
      const at = start + (bit >> 3)
      bytes[at]! ^= 1 << (bit & 7)
      // All that is before it is as it was, so that hello may stand for it.
      const { count, error } = read(...(i ? [hello] : []), bytes.subarray(start))
      if (!error || count !== (i ? 1 : 0)) missed++
      bytes[at]! ^= 1 << (bit & 7)
    }
    start += message.length
  }
  t.equal(missed, 0)
})

void t.test('cut at each byte: the whole messages, then that it is truncated', async (t) => {
  const { messages } = stream64()
  const short = Buffer.concat([...messages.slice(0, 40), messages.at(-1)!])
  const ends = new Set<number>()
  let end = 0
  for (const message of messages.slice(0, 40)) ends.add((end += message.length))
  for (let size = 0; size <= end; size++) {
    const { count, error } = read(short.subarray(0, size))
    const whole = [...ends].filter((e) => e <= size).length
    if (count !== whole) t.fail(`${count} messages of ${size} bytes`)
    if (error?.code !== 'EWIRE_TRUNCATED') t.fail(`${error?.code} at ${size}`)
    const wanted = ends.has(size) || size === 0 ? /without a bye/ : /bytes into a message/
    if (!wanted.test(error?.reason ?? '')) t.fail(`${error?.reason} at ${size}`)
  }
})

void t.test('one message lost, twice there, or moved is found, wherever it is', async (t) => {
  const { messages } = stream64()
  const all = messages.slice(0, 60)
  const bye = messages.at(-1)!
  t.equal(read(...all).error?.code, 'EWIRE_TRUNCATED', 'it has no end')
  for (let i = 2; i < all.length; i++) {
    const lost = read(...all.toSpliced(i, 1), bye)
    t.equal(lost.error?.code, 'EWIRE_GAP')
    t.equal(lost.count, i)
    const twice = read(...all.toSpliced(i, 0, all[i]!))
    t.equal(twice.error?.code, 'EWIRE_ORDER')
    t.equal(twice.count, i + 1)
    const moved = all.toSpliced(i, 1).toSpliced(i - 1, 0, all[i]!)
    t.equal(read(...moved).error?.code, i > 2 ? 'EWIRE_GAP' : 'EWIRE_ORDER')
  }
})

void t.test('the place of an error is where its message begins', async (t) => {
  const { messages, bytes } = stream64()
  const before = Buffer.concat(messages.slice(0, 5)).length
  bytes[before + 50]! ^= 1
  const { error } = read(bytes)
  t.equal(error?.offset, before)
  t.match(error?.message, `byte ${before}: the checksum is`)
})

void t.test('messages at random are no stream', async (t) => {
  const rng = seeded(t)
  for (let i = 0; i < 2000; i++) {
    const { count, error } = read(randomMessage(rng), randomMessage(rng))
    if (!error || count > 2) t.fail('taken')
  }
})
