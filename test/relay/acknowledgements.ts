// What clients acknowledge: the newest of each goes upstream, and the end waits for it.

import { PassThrough, Writable } from 'node:stream'
import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { decodeMessage, Framer, type Body } from '#wire'
import { UpstreamWriter } from '../../packages/relay/upstream-writer.js'
import { listening, startBroadcast, type Running } from '../support/broadcast-process.js'
import { filesOf, history, readSpool } from '../support/spool-files.js'
import { messageOf } from '../support/stream-writer.js'
import { Subscriber } from '../support/subscriber.js'
import { tempDirectory } from '../support/temp-directory.js'

t.setTimeout(120_000)

const ackOf = (who: string, applied: number) =>
  messageOf('ack', { epoch: 7, received: applied, applied, who }, { seq: 0 })

function acksIn(bytes: Buffer): Body<'ack'>[] {
  const framer = new Framer()
  const acks: Body<'ack'>[] = []
  framer.push(bytes)
  for (let one = framer.next(); one; one = framer.next()) {
    const message = decodeMessage(one)
    if (message?.name === 'ack') acks.push(message.body)
  }
  return acks
}

void t.test('the newest of each waits, of so many at most', async (t) => {
  let release: () => void = () => undefined
  const taken: Buffer[] = []
  const out = new Writable({
    write(piece: Buffer, _encoding, done) {
      taken.push(piece)
      release = done
    },
  })
  const writer = new UpstreamWriter(out, () => t.fail('lost'))
  for (let i = 1; i <= 5; i++)
    for (const who of ['a', 'b']) writer.acknowledge(Buffer.from(who), ackOf(who, i))
  t.equal(taken.length, 1, 'the first was written at once')
  release()
  const acks = () =>
    acksIn(Buffer.concat(taken)).map(({ who, applied }) => `${who.toString()}${applied}`)
  while (taken.length < 3) {
    await new Promise((resolve) => setImmediate(resolve))
    release()
  }
  t.same(acks(), ['a1', 'a5', 'b5'])

  const slow = new PassThrough({ highWaterMark: 1 })
  const other = new UpstreamWriter(slow, () => t.fail('lost'))
  for (let i = 0; i < 3000; i++) other.acknowledge(Buffer.from(`${i}`), ackOf(`${i}`, 1))
  void other.end(10_000)
  const pieces: Buffer[] = []
  slow.on('data', (piece: Buffer) => pieces.push(piece))
  await once(slow, 'end')
  const who = acksIn(Buffer.concat(pieces)).map((ack) => Number(ack.who))
  t.equal(who.length, 1 + 1024)
  t.same([who[0], who[1], who.at(-1)], [0, 3000 - 1024, 2999])
})

async function broadcast(t: Test, args: string[] = []): Promise<{ path: string; server: Running }> {
  const path = join(tempDirectory(t).path, 'socket')
  const server = startBroadcast(t, [path, '-v', ...args])
  await listening(path, server)
  return { path, server }
}

void t.test('the end waits for who acknowledges', async (t) => {
  const { path, server } = await broadcast(t)
  const stream = history(10).bye()
  const [copy, reader, slow] = await Promise.all([
    Subscriber.connect(path, { epoch: 0, seq: 0 }),
    Subscriber.connect(path, { epoch: 0, seq: 0 }),
    Subscriber.connect(path, { epoch: 0, seq: 0 }),
  ])
  server.stdin.write(stream.messages.slice(0, -1).reduce((a, b) => Buffer.concat([a, b])))
  await copy.until(() => copy.position.seq === 11)
  copy.ack({ epoch: 7, seq: 11, durable: 5 }, 'copy')
  slow.ack({ epoch: 7, seq: 3, durable: 0 }, 'slow')
  await stdoutHas(server, 2)
  server.child.kill('SIGUSR1')
  await server.said(/acknowledged 7: received 11, applied 11, durable 5/)
  server.stdin.end(stream.messages.at(-1))
  await reader.client.ended
  await copy.until(() => copy.position.seq === 12)
  t.notOk(copy.client.socket.readableEnded)
  copy.ack({ epoch: 7, seq: 12, durable: 5 }, 'copy')
  copy.ack({ epoch: 7, seq: 12 }, 'copy')
  await copy.client.ended
  t.notOk(slow.client.socket.readableEnded)
  slow.client.socket.destroy()
  const { code, stdout } = await server.ended
  t.equal(code, 0)
  t.match(acksIn(stdout).at(-1), { epoch: 7, applied: 12, durable: 12 })
})

/** Waits until so many acknowledgements have come out. */
async function stdoutHas({ child }: Running, count: number): Promise<void> {
  const pieces: Buffer[] = []
  const listener = (piece: Buffer) => pieces.push(piece)
  child.stdout!.on('data', listener)
  while (acksIn(Buffer.concat(pieces)).length < count) await once(child.stdout!, 'data')
  child.stdout!.off('data', listener)
}

void t.test(
  'a chain: behind the end of its own spool, acknowledgements go to its source',
  async (t) => {
    const { path, server } = await broadcast(t)
    const place = tempDirectory(t).path
    const socket = join(place, 'socket')
    const args = [socket, '-v', '--from', path, '--spool', join(place, 'spool')]
    const stream = history(100)
    const send = (from: number, to: number) =>
      server.stdin.write(Buffer.concat(stream.messages.slice(from, to)))
    const first = startBroadcast(t, args)
    await server.said(/client 1: has joined/)
    send(0, 50)
    const client = await Subscriber.connectSoon(socket, { epoch: 0, seq: 0 })
    await client.until(() => client.position.seq === 50)
    first.child.kill('SIGKILL')
    await first.ended
    send(50, 101)
    const second = startBroadcast(t, args)
    await server.said(/wants what follows 7:50/)
    const back = await Subscriber.connectSoon(socket, client.position)
    await back.until(() => back.position.seq === 101)
    t.ok(Buffer.concat([client.bytes, back.bytes]).equals(stream.bytes))
    t.equal(back.fault, undefined)
    back.ack({ epoch: 7, seq: 101 })
    await stdoutHas(server, 1)
    second.child.kill('SIGTERM')
    const { stdout } = await second.ended
    t.equal(acksIn(stdout).length, 1, 'to standard output as well')
    t.ok(readSpool(join(place, 'spool')).equals(stream.bytes))
    t.ok(filesOf(join(place, 'spool')).length > 0)
    server.child.kill('SIGTERM')
  },
)

void t.test('who acknowledges at the very end still reads all', async (t) => {
  const path = join(tempDirectory(t).path, 'socket')
  const server = startBroadcast(t, [path])
  await listening(path, server)
  const client = connect(path)
  t.teardown(() => client.destroy())
  await once(client, 'connect')
  const { bytes } = history(200).bye()
  server.stdin.write(bytes.subarray(0, 4096))
  await once(client, 'readable')
  server.stdin.end(bytes.subarray(4096))
  // Long enough for it to have written all, and to leave.
  await Promise.race([server.ended, sleep(1000)])
  client.write(ackOf('late', 1))
  const got: Buffer[] = []
  for await (const piece of client) got.push(piece as Buffer)
  t.ok(Buffer.concat(got).equals(bytes))
  t.match(await server.ended, { code: 0 })
})
