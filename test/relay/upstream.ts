import { once } from 'node:events'
import { PassThrough, Writable } from 'node:stream'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { flag, limits, sealChecksum, type Body, type Position } from '#wire'
import { UpstreamReader } from '../../packages/relay/upstream-reader.js'
import {
  discard,
  upstreamQueueMax,
  UpstreamWriter,
  type UpstreamTarget,
} from '../../packages/relay/upstream-writer.js'
import { messageOf } from '../support/stream-writer.js'
import { streamClient, type StreamClient } from '../support/stream-client.js'
import { tempDirectory } from '../support/temp-directory.js'

t.setTimeout(120_000)
// Two of these wait for five seconds.
t.jobs = 4

interface Connection {
  readonly client: StreamClient
  readonly socket: Socket
  readonly reader: UpstreamReader
  readonly cuts: string[]
  readonly asked: Position[]
  readonly acked: Body<'ack'>[]
}

/** A client and, at the other end, an UpstreamReader that reads it into `target`. */
async function connection(t: Test, target: UpstreamTarget): Promise<Connection> {
  const path = join(tempDirectory(t).path, 's')
  const cuts: string[] = []
  const server = createServer({ allowHalfOpen: true })
  const accepted = new Promise<Socket>((resolve) => void server.on('connection', resolve))
  server.listen(path)
  const client = await streamClient(path)
  const socket = await accepted
  server.close()
  const asked: Position[] = []
  const acked: Body<'ack'>[] = []
  const reader = new UpstreamReader(socket, target, {
    subscribe: (position) => void asked.push(position),
    acked: (ack) => void acked.push(ack),
    cut(reason) {
      cuts.push(reason)
      socket.destroy()
    },
  })
  t.teardown(() => {
    socket.destroy()
    client.socket.destroy()
  })
  return { client, socket, reader, cuts, asked, acked }
}

function collector() {
  const messages: Buffer[] = []
  const target: UpstreamTarget = {
    ...discard,
    write: (message) => void messages.push(Buffer.from(message)),
    acknowledge: (_who, message) => void messages.push(Buffer.from(message)),
  }
  return { messages, target }
}

/** A request that only a newer program knows, and an older one may skip. */
function mark(seq: number, size = 10): Buffer {
  const message = messageOf('write', { path: 'f', data: Buffer.alloc(2 * size, 'x') }, { seq })
  message.writeUInt16LE(0x03f0, 4)
  message.writeUInt16LE(message.readUInt16LE(6) & ~flag.REQUIRED, 6)
  sealChecksum(message)
  return message
}

void t.test('whole messages, in whatever pieces they come', async (t) => {
  const short = [mark(1), mark(2, 300), mark(3), mark(4, 70)]
  const long = [mark(1), mark(2, 9000), mark(3), mark(4, 16_000)]
  for (const [sent, size] of [
    [short, 1],
    [short, 13],
    [long, 4096],
    [long, 1 << 20],
  ] as const) {
    const bytes = Buffer.concat(sent)
    const { messages, target } = collector()
    const { client, socket, cuts } = await connection(t, target)
    for (let at = 0; at < bytes.length; at += size) {
      client.socket.write(bytes.subarray(at, at + size))
      // So each piece comes by itself.
      while (socket.bytesRead < Math.min(at + size, bytes.length)) await once(socket, 'data')
    }
    t.same(messages, sent, `pieces of ${size}`)
    t.same(cuts, [])
  }
})

void t.test(
  'a half-closed client is a reader still, unless it stops inside a message',
  async (t) => {
    const { target } = collector()
    const quiet = await connection(t, target)
    quiet.client.socket.end()
    await new Promise((resolve) => quiet.socket.once('end', resolve))
    t.same(quiet.cuts, [])
    t.notOk(quiet.socket.destroyed)

    const broken = await connection(t, target)
    broken.client.socket.end(mark(1).subarray(0, 20))
    await broken.client.ended
    t.match(broken.cuts, ['ended inside a message'])
  },
)

void t.test('what is no request cuts the client', async (t) => {
  const flipped = mark(1)
  flipped.writeUInt8(flipped.readUInt8(40) ^ 1, 40)
  const large = messageOf('write', { path: 'f', data: Buffer.alloc(65_536) }, { seq: 1 })
  const padded = mark(1)
  padded.writeUInt16LE(0xf000 | padded.readUInt16LE(6), 6)
  sealChecksum(padded)
  const nameless = messageOf('want-mark', { name: 'm' }, { seq: 0 })
  nameless.fill(0, 32)
  sealChecksum(nameless)
  const required = mark(1)
  required.writeUInt16LE(required.readUInt16LE(6) | flag.REQUIRED, 6)
  sealChecksum(required)
  const cases: [string, Buffer, RegExp][] = [
    ['text', Buffer.from('GET / HTTP/1.0\r\n\r\n'), /cannot have/],
    ['zeros', Buffer.alloc(4), /cannot have 0 bytes/],
    ['a gigabyte', Buffer.from([0, 0, 0, 0x40]), /cannot have 1073741824 bytes/],
    ['a flipped bit', flipped, /checksum/],
    ['over 64 KiB', large, /more than the 65536/],
    ['padding', padded, /padding/],
    ['an operation', messageOf('mkdir', { path: 'x' }, { seq: 1 }), /a mkdir, which is no request/],
    ['a body that is none', nameless, /lengths in the body/],
    ['what may not be skipped', required, /newer version/],
    ['the largest size, begun', Buffer.alloc(70_000, sizeOnly(limits.messageSizeMax)), /65536/],
  ]
  for (const [name, bytes, reason] of cases) {
    const { messages, target } = collector()
    const { client, cuts } = await connection(t, target)
    client.socket.write(bytes)
    await client.ended
    t.match(cuts, [reason], name)
    t.equal(cuts.length, 1)
    t.same(messages, [])
  }
})

function sizeOnly(size: number): Buffer {
  const head = Buffer.alloc(16)
  head.writeUInt32LE(size)
  return head
}

void t.test('an unfinished message has 5 seconds, silence has all the time', async (t) => {
  const { messages, target } = collector()
  const slow = await connection(t, target)
  const quiet = await connection(t, target)
  const steady = await connection(t, target)
  const message = mark(1, 100)
  slow.client.socket.write(message)
  slow.client.socket.write(message.subarray(0, 3))
  // Bytes keep coming, but the message does not end; those of `steady` do.
  let at = 3
  const timer = setInterval(() => {
    slow.client.socket.write(message.subarray(at, ++at))
    steady.client.socket.write(message.subarray(40))
    steady.client.socket.write(message.subarray(0, 40))
  }, 200)
  steady.client.socket.write(message.subarray(0, 40))
  await slow.client.ended
  clearInterval(timer)
  t.same(slow.cuts, ['a message unfinished after 5 s'])
  t.same([quiet.cuts, steady.cuts], [[], []])
  t.ok(messages.length > 10)
})

void t.test('messages for the relay alone', async (t) => {
  const hop = mark(0)
  hop.writeUInt16LE((hop.readUInt16LE(6) & ~flag.REQUIRED) | flag.HOP, 6)
  sealChecksum(hop)
  const required = Buffer.from(hop)
  required.writeUInt16LE(required.readUInt16LE(6) | flag.REQUIRED, 6)
  sealChecksum(required)

  const { messages, target } = collector()
  const { client, cuts, reader } = await connection(t, target)
  client.socket.write(Buffer.concat([hop, mark(2)]))
  while (reader.messages < 2) await sleep(1)
  t.same(messages, [mark(2)], 'skipped where that is allowed')
  client.socket.write(required)
  await client.ended
  t.match(cuts, [/newer version/])
  t.same(messages.length, 1)
})

void t.test('a subscription is for the relay, an acknowledgement for both', async (t) => {
  const { messages, target } = collector()
  const { client, asked, acked, socket } = await connection(t, target)
  const ack = messageOf('ack', { epoch: 7, received: 3, applied: 2, who: 'copy' }, { seq: 1 })
  const sent = [messageOf('subscribe', { epoch: 7, seq: 1 }, { seq: 0, epoch: 0 }), ack]
  client.socket.end(Buffer.concat(sent))
  await once(socket, 'end')
  t.same(asked, [{ epoch: 7, seq: 1 }])
  t.match(acked, [{ epoch: 7, received: 3, applied: 2, durable: 0 }])
  t.same(messages, [ack])
})

void t.test('an output that takes nothing: bounded, and nothing is lost', async (t) => {
  const out = new PassThrough({ highWaterMark: 1 })
  const writer = new UpstreamWriter(out, () => t.fail('lost'))
  const { client, socket, reader, cuts } = await connection(t, writer)
  const message = mark(1, 16_000)
  const count = 200
  for (let i = 0; i < count; i++) client.socket.write(message)
  while (!socket.isPaused()) await sleep(1)
  await sleep(50)
  t.ok(out.writableLength <= upstreamQueueMax + (128 << 10), `${out.writableLength} bytes wait`)
  t.ok(reader.messages < count)
  const got: Buffer[] = []
  out.on('data', (piece: Buffer) => got.push(piece))
  while (reader.messages < count) await sleep(1)
  t.same(cuts, [])
  while (out.writableLength > 0) await sleep(1)
  t.equal(Buffer.concat(got).length, count * message.length)
})

void t.test('an output that takes nothing: who comes and goes fills it no further', async (t) => {
  const out = new PassThrough({ highWaterMark: 1 })
  const writer = new UpstreamWriter(out, () => t.fail('lost'))
  const message = mark(1, 16_000)
  const most = upstreamQueueMax + (128 << 10)
  for (let i = 0; i < 60; i++) {
    const { client, socket } = await connection(t, writer)
    client.socket.write(Buffer.concat([message, message]))
    while (socket.bytesRead < 2 * message.length) await sleep(1)
    client.socket.destroy()
    socket.destroy()
  }
  t.ok(out.writableLength > upstreamQueueMax && out.writableLength < most, `${out.writableLength}`)
})

void t.test('an output that takes nothing is given up at the end', async (t) => {
  const lost: string[] = []
  const idle = new UpstreamWriter(new PassThrough(), (why) => lost.push(why))
  await idle.end(60_000)
  idle.close()
  t.same(lost, [], 'there was nothing')

  const stuck = new UpstreamWriter(new PassThrough(), (why) => lost.push(why))
  for (let i = 0; i < 5; i++) stuck.write(mark(1, 16_000))
  await stuck.end(10)
  stuck.close()
  stuck.close()
  t.match(lost, [/^\d+ bytes of clients not taken by the end$/])
  t.equal(lost.length, 1)
})

void t.test('an output that takes its time has it all at the end', async (t) => {
  const pieces: Buffer[] = []
  const out = new Writable({
    write(piece: Buffer, _encoding, done) {
      pieces.push(piece)
      setTimeout(done, 20)
    },
  })
  const writer = new UpstreamWriter(out, () => t.fail('lost'))
  for (let i = 0; i < 5; i++) writer.write(mark(i))
  await writer.end(60_000)
  writer.close()
  t.same(
    pieces,
    [0, 1, 2, 3, 4].map((i) => mark(i)),
  )
})

void t.test('time stands still for a client that is not being read', async (t) => {
  let ready: (() => void) | undefined
  let isFull = false
  const target: UpstreamTarget = {
    ...discard,
    write: () => (isFull = true),
    hasRoom(again) {
      ready = again
      return !isFull
    },
  }
  const { client, cuts, reader } = await connection(t, target)
  client.socket.write(Buffer.concat([mark(1), mark(2).subarray(0, 30)]))
  while (!isFull) await sleep(1)
  await sleep(5500)
  t.same(cuts, [])
  client.socket.write(mark(2).subarray(30))
  isFull = false
  ready?.()
  while (reader.messages < 2) await sleep(1)
  t.same(cuts, [])
})

void t.test('an output that breaks: said once, then discarded', async (t) => {
  const errors: string[] = []
  const out = new Writable({
    highWaterMark: 1,
    write: (_piece, _encoding, done) => void setTimeout(() => done(new Error('EPIPE')), 20),
  })
  const writer = new UpstreamWriter(out, (why) => errors.push(why))
  const { client, reader, cuts } = await connection(t, writer)
  const message = mark(1, 16_000)
  for (let i = 0; i < 100; i++) client.socket.write(message)
  while (reader.messages < 100) await sleep(1)
  t.same(errors, ['what clients send is discarded from now on: EPIPE'])
  t.same(cuts, [])
})
