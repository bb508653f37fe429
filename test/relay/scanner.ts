import t from 'tap'
import { flag, WireError } from '#wire'
import { Scanner, type Handler } from '../../packages/relay/scanner.js'
import { messageOf, StreamWriter } from '../support/stream-writer.js'

function scannerWith(handler: Partial<Handler> = {}) {
  const notes: string[] = []
  const kept: [Buffer, number, number][] = []
  const scanner = new Scanner({
    retain: (message, epoch, seq) => void kept.push([Buffer.from(message), epoch, seq]),
    hop: () => undefined,
    note: (text) => void notes.push(text),
    ...handler,
  })
  return { scanner, notes, kept }
}

const stream = new StreamWriter()
  .add('mkdir', { path: 'd' })
  .add('write', { path: 'd/f', data: Buffer.alloc(5000, 1) })
  .add('tick')
  .bye()

void t.test('a stream cut after every byte: the whole messages, no more', async (t) => {
  const { bytes, messages } = stream
  let whole = 0
  let end = 0
  for (let cut = 0; cut <= bytes.length; cut++) {
    const next = messages[whole]
    if (next && end + next.length === cut) {
      whole++
      end = cut
    }
    const { scanner } = scannerWith()
    if (scanner.scan(bytes, 0, cut) !== end || scanner.messages !== whole) t.fail(`cut at ${cut}`)
    if (cut - end >= 4 && scanner.wanted !== messages[whole]?.length) t.fail(`wanted at ${cut}`)
    if (cut - end < 4 && scanner.wanted !== 0) t.fail(`wanted nothing at ${cut}`)
  }
  t.equal(whole, messages.length)
})

void t.test('numbers, type and end are those of the last message', async (t) => {
  const { scanner, notes, kept } = scannerWith()
  const { bytes, messages } = stream
  t.equal(scanner.ended, false)
  t.equal(scanner.scan(bytes, 0, bytes.length), bytes.length)
  t.match(scanner, { messages: 5, epoch: 7, seq: 5, offset: bytes.length, ended: true })
  t.same(notes, [])
  t.same(kept, [
    [messages[0], 0, 0],
    [messages[4], 7, 4],
  ])
})

void t.test('sizes that no message has', async (t) => {
  for (const size of [0, 16, 31, 33, 40, (1 << 20) + (128 << 10) + 16, 0x80000000, 0xffffffff]) {
    const bad = Buffer.alloc(64)
    bad.writeUInt32LE(size)
    const { scanner } = scannerWith()
    const hello = stream.messages[0] as Buffer
    t.equal(scanner.scan(Buffer.concat([hello, bad]), 0, hello.length + 64), hello.length)
    t.match(scanner.fault, { name: 'WireError', code: 'EWIRE_SIZE', offset: hello.length })
    t.equal(scanner.messages, 1)
  }
})

void t.test('what is for the relay alone stops the scan, to be taken out', async (t) => {
  const hop = Buffer.from(messageOf('tick', {}, { seq: 0 }))
  hop.writeUInt16LE(flag.HOP, 6)
  const tick = messageOf('tick', {}, { seq: 2 })
  const bytes = Buffer.concat([stream.messages[0] as Buffer, hop, tick])
  const seen: Buffer[] = []
  const { scanner } = scannerWith({ hop: (message) => void seen.push(Buffer.from(message)) })
  const end = scanner.scan(bytes, 0, bytes.length)
  t.equal(end, stream.messages[0]?.length)
  t.equal(scanner.hopSize, hop.length)
  t.same(seen, [hop])
  bytes.copyWithin(end, end + hop.length)
  t.equal(scanner.scan(bytes, end, bytes.length - hop.length), bytes.length - hop.length)
  t.match(scanner, { hopSize: 0, messages: 2, seq: 2, offset: bytes.length })

  const refusing = scannerWith({
    hop: () => {
      throw new WireError('EWIRE_TYPE', 'no')
    },
  }).scanner
  refusing.scan(hop, 0, hop.length)
  t.match(refusing.fault, { code: 'EWIRE_TYPE', offset: 0 })
})

void t.test('wrong numbers are noted', async (t) => {
  const hello = stream.messages[0] as Buffer
  const tick = (seq: number, epoch = 7) => messageOf('tick', {}, { seq, epoch })
  const gap = messageOf('gap', { from: 3, to: 9 }, { seq: 9 })
  const other = new StreamWriter(8).messages[0] as Buffer
  const bye = messageOf('bye', {}, { seq: 2 })
  const after = (seq: number) => new StreamWriter(8, { epoch: 7, seq }).messages[0] as Buffer
  const cases: [string, Buffer[], number][] = [
    ['in order', [hello, tick(2), tick(3)], 0],
    ['joined in the middle', [hello, tick(200), tick(201)], 0],
    ['a gap that is named', [hello, tick(2), gap, tick(10)], 0],
    ['an epoch after another', [hello, bye, other, tick(2, 8)], 0],
    ['an epoch that says that it follows', [hello, tick(2), after(2), tick(2, 8)], 0],
    ['an epoch that follows another message', [hello, tick(2), after(3), tick(2, 8)], 1],
    ['an epoch that follows another one', [hello, bye, after(3), tick(2, 8)], 1],
    ['missing', [hello, tick(2), tick(4), tick(5)], 1],
    ['twice', [hello, tick(2), tick(2)], 1],
    ['of another epoch', [hello, tick(2), tick(3, 9)], 1],
    ['no end before a hello', [hello, tick(2), other], 1],
    ['no hello', [tick(2)], 1],
  ]
  for (const [name, messages, count] of cases) {
    const { scanner, notes } = scannerWith()
    const bytes = Buffer.concat(messages)
    t.equal(scanner.scan(bytes, 0, bytes.length), bytes.length, name)
    t.equal(notes.length, count, `${name}: ${notes.join()}`)
  }
})
