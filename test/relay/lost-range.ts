import t from 'tap'
import { decodeMessage, flag, Numbering, sealChecksum, type Message } from '#wire'
import { LostRange } from '../../packages/relay/lost-range.js'
import { Retained } from '../../packages/relay/retained.js'
import { Scanner } from '../../packages/relay/scanner.js'
import { Window } from '../../packages/relay/window.js'
import { messageOf, StreamWriter } from '../support/stream-writer.js'

const now = { sec: 1_800_000_000, nsec: 5 }

/**
 * A client has the first `had` messages and loses the others, those before `seen` while they are in
 * the window, the rest later: what it gets instead.
 */
function instead(messages: Buffer[], had: number, seen: number): Buffer[] {
  const retained = new Retained()
  const lost: LostRange[] = []
  const scanner = new Scanner({
    retain(message, epoch, seq) {
      retained.keep(message)
      lost[0]?.see(message, epoch, seq)
    },
    hop: () => undefined,
    note: () => undefined,
  })
  const window = new Window(scanner)
  const take = (message: Buffer) => {
    for (let at = 0; at < message.length;) {
      const size = message.copy(window.room(), 0, at)
      window.filled(size)
      at += size
    }
  }
  for (const message of messages.slice(0, had)) take(message)
  const block = window.last
  const offset = block.end
  block.cursors++
  for (const message of messages.slice(had, seen)) take(message)
  const range = new LostRange(block, offset)
  lost.push(range)
  block.cursors--
  window.trim()
  for (const message of messages.slice(seen)) take(message)
  return range.messages(scanner.epoch, scanner.seq, retained, now)
}

/** The names and numbers that a reader sees; throws where it would refuse them. */
function read(messages: Buffer[]): string[] {
  const numbering = new Numbering()
  return messages.map((bytes) => {
    const message = decodeMessage(bytes) as Message
    numbering.check(message)
    const { name, epoch, seq } = message
    return name === 'gap' ? `gap ${epoch}:${message.body.from}-${seq}` : `${name} ${epoch}:${seq}`
  })
}

function ticks(writer: StreamWriter, count: number): StreamWriter {
  for (let i = 0; i < count; i++) writer.add('tick')
  return writer
}

const first = ticks(new StreamWriter(7), 9).messages

void t.test('one gap for what is lost within an epoch', async (t) => {
  for (let had = 1; had < 10; had++)
    for (let seen = had + 1; seen <= 10; seen++) {
      const got = instead(first, had, seen)
      t.same(read([...first.slice(0, had), ...got]).slice(had), [`gap 7:${had + 1}-10`])
    }
})

void t.test('the gap is a whole message: its number, epoch, time, flags', async (t) => {
  const [gap] = instead(first, 4, 7)
  t.match(decodeMessage(gap as Buffer), {
    name: 'gap',
    seq: 10,
    epoch: 7,
    flags: flag.REQUIRED,
    body: { from: 5, to: 10 },
  })
  t.equal((gap as Buffer).readBigUInt64LE(16), 1_800_000_000_000_000_005n)
})

void t.test('the end of the stream is not lost', async (t) => {
  const messages = [...first, messageOf('bye', {}, { seq: 11 })]
  for (let seen = 5; seen <= 11; seen++)
    t.same(read([...messages.slice(0, 4), ...instead(messages, 4, seen)]).slice(4), [
      'gap 7:5-10',
      'bye 7:11',
    ])
  t.same(instead(messages, 10, 11), messages.slice(10), 'only the end was lost, so nothing was')
})

void t.test('an epoch that ended and one that began within it', async (t) => {
  const second = ticks(new StreamWriter(8, { epoch: 7, seq: 11 }), 4).messages
  const messages = [...first, messageOf('bye', {}, { seq: 11 }), ...second]
  for (let seen = 5; seen <= messages.length; seen++)
    t.same(
      read([...messages.slice(0, 4), ...instead(messages, 4, seen)]).slice(4),
      ['gap 7:5-10', 'bye 7:11', 'hello 8:1', 'gap 8:2-5'],
      `in the window up to ${seen}`,
    )
  t.same(read([...messages.slice(0, 11), ...instead(messages, 11, 13)]).slice(11), [
    'hello 8:1',
    'gap 8:2-5',
  ])
})

void t.test('a whole epoch between', async (t) => {
  const second = ticks(new StreamWriter(8), 4).bye().messages
  const third = ticks(new StreamWriter(9), 1).bye().messages
  const messages = [...ticks(new StreamWriter(7), 3).bye().messages, ...second, ...third]
  for (let seen = 3; seen <= messages.length; seen++)
    t.same(
      read([...messages.slice(0, 2), ...instead(messages, 2, seen)]).slice(2),
      ['gap 7:3-4', 'bye 7:5', 'hello 9:1', 'gap 9:2-2', 'bye 9:3'],
      `in the window up to ${seen}`,
    )
})

void t.test('an epoch that broke off: its reader must see that', async (t) => {
  const messages = [...first, ...ticks(new StreamWriter(8), 2).messages]
  const all = [...messages.slice(0, 4), ...instead(messages, 4, 8)]
  t.throws(() => read(all), { code: 'EWIRE_TRUNCATED' })
  t.same(read(all.slice(4, 5).toSpliced(0, 0, ...first.slice(0, 4))).at(-1), 'gap 7:5-10')
})

void t.test('gaps go around what is retained', async (t) => {
  const kept = Buffer.from(messageOf('tick', {}, { seq: 7 }))
  kept.writeUInt16LE(flag.RETAIN, 6)
  sealChecksum(kept)
  const messages = first.with(6, kept)
  for (let seen = 4; seen <= 10; seen++)
    t.same(read([...messages.slice(0, 3), ...instead(messages, 3, seen)]).slice(3), [
      'gap 7:4-6',
      'tick 7:7',
      'gap 7:8-10',
    ])
  t.same(read([...messages.slice(0, 8), ...instead(messages, 8, 9)]).slice(8), ['gap 7:9-10'])
})
