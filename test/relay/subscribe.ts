// Clients that ask for what follows a position, of a broadcast that has no spool.

import { join } from 'node:path'
import t, { type Test } from 'tap'
import { decodeMessage, epochOf, seqOf } from '#wire'
import { listening, startBroadcast, type Running } from '../support/broadcast-process.js'
import { seeded } from '../support/seed.js'
import { StreamWriter } from '../support/stream-writer.js'
import { Subscriber } from '../support/subscriber.js'
import { tempDirectory } from '../support/temp-directory.js'

t.setTimeout(120_000)

async function broadcast(t: Test, args: string[] = []): Promise<{ path: string; server: Running }> {
  const path = join(tempDirectory(t).path, 'socket')
  const server = startBroadcast(t, [path, '-v', ...args])
  await listening(path, server)
  return { path, server }
}

/** Waits until the broadcast has given all of `bytes` to somebody. */
async function feed(path: string, server: Running, bytes: Buffer): Promise<Subscriber> {
  const plain = await Subscriber.connect(path)
  await server.said(/client 1: has joined/)
  server.stdin.write(bytes)
  await plain.client.until(bytes.length)
  return plain
}

function writes(count: number, size: number, epoch = 7, previous?: { epoch: number; seq: number }) {
  const stream = new StreamWriter(epoch, previous)
  for (let i = 0; i < count; i++)
    stream.add('write', { path: 'f', offset: i, data: Buffer.alloc((i * 7919) % size, i) })
  return stream
}

void t.test('from any position, as often as it asks', async (t) => {
  const { path, server } = await broadcast(t)
  const random = seeded(t)
  const first = writes(300, 3000).bye()
  const second = writes(300, 3000, 8, { epoch: 7, seq: first.seq })
  const messages = [...first.messages, ...second.messages]
  const bytes = Buffer.concat(messages)
  await feed(path, server, bytes)
  for (let i = 0; i < 10; i++) {
    const client = await Subscriber.connect(path)
    for (let times = 0; times < 5; times++) {
      const at = random.next(messages.length)
      const position = { epoch: epochOf(messages[at]!), seq: seqOf(messages[at]!) }
      const rest = Buffer.concat(messages.slice(at + 1))
      client.ask(position)
      await client.until(() => client.answers.length > times && client.bytes.length >= rest.length)
      if (!client.bytes.equals(rest)) t.fail(`behind ${position.epoch}:${position.seq}`)
      t.match(client.answers.at(-1), { name: 'subscribed', body: position })
    }
    t.equal(client.fault, undefined)
    client.client.socket.destroy()
  }
  const all = await Subscriber.connect(path, { epoch: 0, seq: 0 })
  await all.until(() => all.bytes.length >= bytes.length)
  t.ok(all.bytes.equals(bytes))
  second.add('tick').bye()
  server.stdin.end(Buffer.concat(second.messages.slice(-2)))
  await all.client.ended
  t.equal(all.bytes.length, bytes.length + 64)
  t.equal(all.fault, undefined)
  t.match(await server.ended, { code: 0 })
})

void t.test('what is not to be had: refused, and for that client only', async (t) => {
  const { path, server } = await broadcast(t)
  const stream = writes(20, 100)
  const plain = await feed(path, server, stream.bytes)
  const cases = [
    [{ epoch: 9, seq: 1 }, /epoch 9 is not known/],
    [{ epoch: 7, seq: 22 }, /no message 22 of epoch 7: the last one is 21/],
    [{ epoch: 7, seq: Number.MAX_SAFE_INTEGER }, /the last one is 21/],
    [{ epoch: 0, seq: 5 }, /epoch 0 is not known/],
    [{ epoch: 0xffffffff, seq: 0 }, /is not known/],
  ] as const
  for (const [position, reason] of cases) {
    const client = await Subscriber.connect(path, position)
    await client.client.ended
    const [answer] = client.answers
    t.equal(client.answers.length, 1)
    t.equal(answer?.name, 'refused')
    if (answer?.name === 'refused') t.match(answer.body.reason.toString(), reason)
    t.same(client.messages, [])
  }
  const more = stream.bye().messages.slice(-1)
  server.stdin.end(more[0])
  await plain.client.ended
  t.equal(plain.client.size(), stream.bytes.length)
  t.match(await server.ended, { code: 0, stderr: /client 2: refused: epoch 9/ })
})

void t.test('what the window has lost is a gap; what comes first is waited for', async (t) => {
  const { path, server } = await broadcast(t, ['--backlog', '1152K'])
  const early = await Subscriber.connect(path, { epoch: 7, seq: 1 })
  const first = writes(500, 20_000).bye()
  await server.said(/client 1: wants what follows 7:1/)
  server.stdin.write(first.bytes)
  await early.until(() => seqOf(early.messages.at(-1) ?? first.messages[0]!) === first.seq)
  t.ok(early.bytes.equals(Buffer.concat(first.messages.slice(1))))

  for (const position of [
    { epoch: 7, seq: 3 },
    { epoch: 0, seq: 0 },
  ]) {
    const client = await Subscriber.connect(path, position)
    await client.until(() => seqOf(client.messages.at(-1) ?? first.messages[0]!) === first.seq)
    t.equal(client.fault, undefined)
    t.match(client.answers, [{ name: 'subscribed', body: position }])
    const [begin, next] = client.messages as [Buffer, Buffer]
    const beginning = decodeMessage(begin)
    if (position.epoch === 0) t.equal(beginning?.name, 'hello')
    else t.match(beginning, { name: 'gap', body: { from: 4, to: seqOf(next) - 1 } })
    t.ok(Buffer.concat(client.messages.slice(1)).equals(tail(first, seqOf(next))))
    client.client.socket.destroy()
  }

  // An epoch of which nothing is left but that it was.
  const second = writes(500, 20_000, 8)
  server.stdin.write(second.bytes)
  await early.until(() => early.position.epoch === 8 && early.position.seq === second.seq)
  const late = await Subscriber.connect(path, { epoch: 7, seq: 300 })
  await late.until(() => late.position.epoch === 8 && late.position.seq === second.seq)
  const names = late.messages.slice(0, 3).map((message) => decodeMessage(message)?.name)
  t.same(names, ['abort', 'hello', 'gap'])
  t.equal(late.fault, undefined)
  t.ok(Buffer.concat(late.messages.slice(3)).equals(tail(second, seqOf(late.messages[3]!))))
})

const tail = (stream: StreamWriter, from: number) => Buffer.concat(stream.messages.slice(from - 1))

void t.test('within a message that is being written', async (t) => {
  const { path, server } = await broadcast(t)
  const stream = writes(200, 60_000)
  const stalled = await Subscriber.connect(path)
  await server.said(/client 1: has joined/)
  stalled.client.socket.pause()
  const plain = await Subscriber.connect(path)
  await server.said(/client 2: has joined/)
  server.stdin.write(stream.bytes)
  await plain.client.until(stream.bytes.length)
  stalled.ask({ epoch: 7, seq: 150 })
  await server.said(/client 1: wants/)
  t.same(stalled.answers, [])
  stalled.client.socket.resume()
  const rest = tail(stream, 151)
  await stalled.until(() => stalled.answers.length > 0 && stalled.bytes.length >= rest.length)
  t.ok(stalled.bytes.equals(rest))
  t.ok(stalled.client.size() < stream.bytes.length, 'and not all that was before')
  t.equal(stalled.fault, undefined)

  // Who only asks, and does not read, is cut.
  stalled.client.socket.pause()
  for (let i = 0; i < 5000; i++) stalled.ask({ epoch: 7, seq: 2 })
  await server.said(/client 1: cut: it asks again and again/)
})
