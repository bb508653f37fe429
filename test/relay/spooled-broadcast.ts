// A broadcast with a spool: written by it, or by another process and followed.

import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { decodeMessage, seqOf } from '#wire'
import { listening, startBroadcast, type Running } from '../support/broadcast-process.js'
import { appendAll, filesOf, history, openWriter, readSpool } from '../support/spool-files.js'
import { StreamWriter } from '../support/stream-writer.js'
import { Subscriber } from '../support/subscriber.js'
import { tempDirectory } from '../support/temp-directory.js'

t.setTimeout(120_000)

interface Place {
  readonly socket: string
  readonly spool: string
}

function placeIn(directory: string): Place {
  return { socket: join(directory, 'socket'), spool: join(directory, 'spool') }
}

async function startAt(
  t: Test,
  { socket }: Place,
  args: string[],
  options: Parameters<typeof startBroadcast>[2] = {},
): Promise<Running> {
  const server = startBroadcast(t, [socket, '-v', ...args], options)
  await listening(socket, server)
  return server
}

const all = (client: Subscriber, bytes: Buffer) =>
  client.until(() => client.bytes.length >= bytes.length)

void t.test('what came before a restart is there, what repeats is not', async (t) => {
  const place = placeIn(tempDirectory(t).path)
  const stream = history(100)
  const [early, late] = [stream.messages.slice(0, 60), stream.messages.slice(40)]
  const first = await startAt(t, place, ['--spool', place.spool])
  first.stdin.write(Buffer.concat(early))
  const live = await Subscriber.connect(place.socket, { epoch: 0, seq: 0 })
  await all(live, Buffer.concat(early))
  first.child.kill('SIGKILL')
  await first.ended

  const second = await startAt(t, place, ['--spool', place.spool])
  const plain = await Subscriber.connectSoon(place.socket)
  const old = await Subscriber.connect(place.socket, { epoch: 0, seq: 0 })
  const back = await Subscriber.connect(place.socket, live.position)
  await plain.client.until(stream.messages[0]!.length)
  second.stdin.write(Buffer.concat(late))
  await all(old, stream.bytes)
  t.ok(old.bytes.equals(stream.bytes))
  await all(back, Buffer.concat(stream.messages.slice(60)))
  t.ok(back.bytes.equals(Buffer.concat(stream.messages.slice(60))))
  await plain.until(() => plain.position.seq === stream.seq)
  t.ok(plain.bytes.equals(Buffer.concat([stream.messages[0]!, ...stream.messages.slice(60)])))
  t.same([old.fault, back.fault, plain.fault], [undefined, undefined, undefined])

  // A source that goes on behind a gap.
  stream.seq += 5
  second.stdin.end(
    stream
      .add('tick')
      .bye()
      .messages.slice(-2)
      .reduce((a, b) => Buffer.concat([a, b])),
  )
  await old.client.ended
  t.match(decodeMessage(old.messages.at(-3)!), { name: 'gap', body: { from: 102, to: 106 } })
  const { code, stderr } = await second.ended
  t.equal(code, 0, stderr)
  t.match(stderr, /messages 102 to 106 of epoch 7 are missing/)
  t.ok(readSpool(place.spool).equals(old.bytes))
})

void t.test('another process writes the spool, ends, and comes again', async (t) => {
  const place = placeIn(tempDirectory(t).path)
  let writer = openWriter(place.spool)
  const first = history(60).bye()
  appendAll(writer, first.messages.slice(0, 30))
  const null_ = fs.openSync('/dev/null', 'r')
  const other = { ...place, socket: `${place.socket}2` }
  const servers = [
    await startAt(t, place, ['--spool', place.spool], { stdio: [null_, 'pipe', 'pipe'] }),
    await startAt(t, other, ['--from', place.spool], { stdio: [null_, 'pipe', 'pipe'] }),
  ]
  const sockets = [place.socket, other.socket]
  const clients = await Promise.all(
    sockets.flatMap((path) => [
      Subscriber.connect(path, { epoch: 0, seq: 0 }),
      Subscriber.connect(path, { epoch: 7, seq: 10 }),
    ]),
  )
  appendAll(writer, first.messages.slice(30))
  writer.close()
  writer = openWriter(place.spool)
  const second = new StreamWriter(8, { epoch: 7, seq: first.seq })
  for (let i = 0; i < 50; i++) second.add('write', { path: 'g', data: 'y'.repeat(i * 10) })
  appendAll(writer, second.messages)
  const messages = [...first.messages, ...second.messages]
  for (const [i, client] of clients.entries()) {
    const wanted = Buffer.concat(messages.slice(i % 2 === 0 ? 0 : 10))
    await all(client, wanted)
    t.ok(client.bytes.equals(wanted))
    t.equal(client.fault, undefined)
  }
  const plain = await Subscriber.connect(place.socket)
  await plain.until(() => plain.messages.length > 0)
  t.ok(plain.bytes.equals(second.messages[0]!))
  writer.close()
  for (const { child, ended } of servers) {
    child.kill('SIGTERM')
    t.match(await ended, { signal: 'SIGTERM' })
  }
})

void t.test('when the input ends, another may write while clients take the rest', async (t) => {
  const place = placeIn(tempDirectory(t).path)
  const server = await startAt(t, place, ['--spool', place.spool, '--spool-sync', 'none'])
  const first = history(2000)
  const client = await Subscriber.connect(place.socket, { epoch: 0, seq: 0 })
  server.stdin.write(first.messages[0])
  await all(client, first.messages[0]!)
  client.client.socket.pause()
  // It ends as that of a journal that is killed.
  server.stdin.end(Buffer.concat(first.messages.slice(1)))
  let writer: ReturnType<typeof openWriter> | undefined
  for (; !writer; await sleep(10))
    try {
      writer = openWriter(place.spool)
    } catch (error) {
      t.match(error, { code: 'ESPOOL_LOCKED' })
    }
  t.equal(server.child.exitCode, null, 'it is still there')
  client.client.socket.resume()
  await client.client.ended
  t.ok(client.bytes.equals(first.bytes))
  t.match(await server.ended, { code: 2, stderr: /without a bye/ })
  const second = new StreamWriter(8, { epoch: 7, seq: first.seq }).bye()
  appendAll(writer, second.messages)
  writer.close()
  t.ok(readSpool(place.spool).equals(Buffer.concat([first.bytes, second.bytes])))
})

void t.test('standard input of who writes the spool: read, not used, and its end', async (t) => {
  const place = placeIn(tempDirectory(t).path)
  const server = await startAt(t, place, ['--spool', place.spool])
  const writer = openWriter(place.spool)
  const stream = history(200).bye()
  const client = await Subscriber.connect(place.socket, { epoch: 0, seq: 0 })
  for (const message of stream.messages) {
    appendAll(writer, [message])
    server.stdin.write(message)
  }
  await all(client, stream.bytes)
  server.stdin.end()
  await client.client.ended
  t.ok(client.bytes.equals(stream.bytes))
  t.match(await server.ended, { code: 0, stderr: /is written by another process/ })
  writer.close()
  t.ok(readSpool(place.spool).equals(stream.bytes))
})

void t.test('what is trimmed is a gap, what never was is refused', async (t) => {
  const place = placeIn(tempDirectory(t).path)
  const keep = ['--keep', '20K', '--segment-size', '5K', '--backlog', '1152K']
  const server = await startAt(t, place, ['--spool', place.spool, ...keep])
  const stream = history(2000)
  const plain = await Subscriber.connect(place.socket)
  server.stdin.write(stream.bytes)
  await plain.until(() => plain.position.seq === stream.seq)
  const oldest = seqOf(fs.readFileSync(join(place.spool, filesOf(place.spool)[1]!)))
  t.ok(oldest > 100)

  const behind = await Subscriber.connect(place.socket, { epoch: 7, seq: 3 })
  await behind.until(() => behind.position.seq === stream.seq)
  t.match(decodeMessage(behind.messages[0]!), { name: 'gap', body: { from: 4 } })
  t.equal(behind.fault, undefined)
  const last = seqOf(behind.messages[0]!)
  t.ok(behind.bytes.equals(Buffer.concat([behind.messages[0]!, ...stream.messages.slice(last)])))

  for (const position of [
    { epoch: 9, seq: 1 },
    { epoch: 7, seq: stream.seq + 1 },
    { epoch: 7, seq: Number.MAX_SAFE_INTEGER },
  ]) {
    const client = await Subscriber.connect(place.socket, position)
    await client.client.ended
    t.match(client.answers, [{ name: 'refused' }])
  }
  server.stdin.end(stream.bye().messages.at(-1))
  t.match(await server.ended, { code: 0 })
})

void t.test('no room: the input waits, and all is there when there is room again', async (t) => {
  const { path } = tempDirectory(t)
  t.equal(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'spool', path]).status, 0)
  t.teardown(() => spawnSync('umount', ['-l', path]))
  const ballast = join(path, 'ballast')
  fs.writeFileSync(ballast, Buffer.alloc(2 << 20))
  const place = placeIn(path)
  const stream = new StreamWriter()
  for (let i = 0; i < 200; i++) stream.add('write', { path: 'f', data: Buffer.alloc(9000 + i, i) })
  const { bytes } = stream.bye()
  const server = await startAt(t, place, ['--spool', place.spool, '--segment-size', '200K'])
  const client = await Subscriber.connect(place.socket, { epoch: 0, seq: 0 })
  server.stdin.end(bytes)
  await server.said(/takes nothing, so the input waits: ENOSPC/)
  server.child.kill('SIGUSR1')
  await server.said(/state: .*takes nothing/)
  t.ok(client.bytes.equals(bytes.subarray(0, client.bytes.length)))
  fs.unlinkSync(ballast)
  const { code, stderr } = await server.ended
  t.equal(code, 0, stderr)
  t.match(stderr, /: goes on\n/)
  await client.client.ended
  t.ok(client.bytes.equals(bytes))
  t.ok(readSpool(place.spool).equals(bytes))
})

void t.test('an epoch that goes on behind one that was killed leaves nothing out', async (t) => {
  const place = placeIn(tempDirectory(t).path)
  const writer = openWriter(place.spool)
  const first = history(30)
  const second = new StreamWriter(8, { epoch: 7, seq: first.seq }).add('tick')
  appendAll(writer, first.messages)
  const server = await startAt(t, place, ['--from', place.spool])
  const client = await Subscriber.connect(place.socket, { epoch: 0, seq: 0 })
  appendAll(writer, second.messages)
  await client.until(() => client.position.epoch === 8 && client.position.seq === 2)
  t.equal(client.fault, undefined)
  server.child.kill('SIGUSR1')
  await server.said(/state: healthy/)
  t.notMatch(server.stderr(), /missing|comes after/)
  writer.close()
})

void t.test('what cannot be read is refused to who asks, and hurts nobody else', async (t) => {
  const place = placeIn(tempDirectory(t).path)
  const stream = history(100)
  const writer = openWriter(place.spool)
  appendAll(writer, stream.messages.slice(0, 90))
  const server = await startAt(t, place, ['--from', place.spool, '--backlog', '1152K'])
  const live = await Subscriber.connect(place.socket, { epoch: 7, seq: 90 })
  await live.until(() => live.answers.length > 0)
  const [oldest, second, third] = filesOf(place.spool) as [string, string, string]
  const startOf = (name: string) => seqOf(fs.readFileSync(join(place.spool, name)))
  const hole = { epoch: 7, seq: startOf(third) }
  // So that it is read, and not only its index.
  fs.rmSync(join(place.spool, oldest.replace('.tfs', '.idx')))
  const fd = fs.openSync(join(place.spool, oldest), 'r+')
  fs.writeSync(fd, Buffer.from('?'), 0, 1, 900)
  fs.closeSync(fd)
  fs.rmSync(join(place.spool, third))
  for (const [position, errno, reason] of [
    [{ epoch: 7, seq: 5 }, 5, /byte \d+: .*lost/],
    [hole, 5, /lacks the segments 3 to 3/],
    [{ epoch: 9, seq: 1 }, 61, /does not have/],
  ] as const) {
    const client = await Subscriber.connect(place.socket, position)
    await client.client.ended
    t.match(client.answers, [{ name: 'refused', body: { errno } }])
    t.match(server.stderr(), reason)
  }
  for (const position of [
    { epoch: 0, seq: 0 },
    { epoch: 7, seq: startOf(second) },
  ]) {
    const client = await Subscriber.connect(place.socket, position)
    await client.client.ended
    t.ok(client.position.seq < startOf(second) + 20)
    t.equal(client.fault, undefined)
  }
  appendAll(writer, stream.messages.slice(90))
  const behind = await Subscriber.connect(place.socket, { epoch: 7, seq: 80 })
  for (const [client, from] of [
    [live, 90],
    [behind, 80],
  ] as const) {
    const wanted = Buffer.concat(stream.messages.slice(from))
    await all(client, wanted)
    t.ok(client.bytes.equals(wanted))
  }
  writer.close()
})
