// A stream over connections that break: each message comes once, in order.

import { createServer, connect, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { decodeMessage, Framer, messageTable, seqOf, typeOf, type Position } from '#wire'
import { protocolMagic, protocolVersion, refusal, subscribedTo } from '#wire'
import { ResumedStream, type ResumeOptions } from '../../packages/relay/resumed-stream.js'
import { seeded } from '../support/seed.js'
import { messageOf } from '../support/stream-writer.js'
import { tempDirectory } from '../support/temp-directory.js'

const epoch = 7

const count = 5000
const messages = Array.from({ length: count }, (_, i) => {
  const at = { seq: i + 1, epoch }
  if (i === 0) return messageOf('hello', { magic: protocolMagic, version: protocolVersion }, at)
  if (i === count - 1) return messageOf('bye', {}, at)
  return i % 3
    ? messageOf('mark', { name: 'm'.repeat(1 + (i % 200)) }, at)
    : messageOf('tick', {}, at)
})

interface Relay {
  readonly path: string
  /** Positions that were asked for. */
  readonly asked: Position[]
}

/** A server that `serve`s each connection by the position that it asks for, if it does. */
async function relay(
  t: Test,
  serve: (socket: Socket, position: Position | undefined) => Promise<void>,
): Promise<Relay> {
  const path = join(tempDirectory(t).path, 'socket')
  const asked: Position[] = []
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    const framer = new Framer()
    const plain = setTimeout(() => void serve(socket, undefined), 50)
    socket.on('data', (piece) => {
      clearTimeout(plain)
      framer.push(piece)
      const decoded = decodeMessage(framer.next()!)
      if (decoded?.name !== 'subscribe') throw new Error('no subscription')
      asked.push(decoded.body)
      void serve(socket, decoded.body)
    })
  })
  await new Promise<void>((resolve) => server.listen(path, resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { path, asked }
}

const write = (socket: Socket, data: Buffer) =>
  new Promise<void>((resolve) => socket.write(data, () => resolve()))

function options(t: Test, path: string, own: Partial<ResumeOptions> = {}): ResumeOptions {
  const controller = new AbortController()
  t.teardown(() => controller.abort())
  return {
    name: 'the relay',
    connect: () =>
      new Promise((resolve, reject) => {
        const socket = connect(path, () => resolve(socket))
        socket.on('error', reject)
      }),
    position: undefined,
    retry: () => true,
    stay: false,
    idleMs: 20_000,
    signal: controller.signal,
    log: Object.assign(() => {}, { verbose: () => {} }),
    ...own,
  }
}

async function numbers({ stream }: ResumedStream): Promise<number[]> {
  const framer = new Framer()
  const seqs: number[] = []
  for await (const piece of stream) {
    framer.push(piece as Buffer)
    for (let one = framer.next(); one; one = framer.next()) seqs.push(seqOf(one))
  }
  return seqs
}

void t.test('connections break at any byte, relays send too much: each comes once', async (t) => {
  const rng = seeded(t)
  let breaks = 0
  const { path, asked } = await relay(t, async (socket, position) => {
    const from = position?.seq ?? 0
    // What was on its way before the answer, and what was there already.
    const noise = position ? messages.slice(Math.max(0, from - 5), from + 5) : []
    const answer = position ? [subscribedTo(position)] : []
    const back = position ? Math.min(from, rng.next(3)) : 0
    const rest = Buffer.concat([...noise, ...answer, ...messages.slice(from - back)])
    const cut = 1 + rng.next(80_000)
    if (cut < rest.length) breaks++
    await write(socket, rest.subarray(0, cut))
    socket.end()
  })
  const said: string[] = []
  const log = Object.assign((what: string, why: string) => void said.push(`${what}: ${why}`), {
    verbose: () => {},
  })
  const resumed = await ResumedStream.open(options(t, path, { log }))
  t.strictSame(
    await numbers(resumed),
    messages.map((_, i) => i + 1),
  )
  t.ok(breaks > 3, `${breaks} breaks`)
  t.equal(resumed.connections, breaks + 1)
  t.ok(asked.length > 0 && asked.every(({ epoch: e }) => e === epoch))
  t.match(said[0], /^the relay: .*; trying again until it is back$/)
})

void t.test('who serves it is killed before it has said anything', async (t) => {
  const path = join(tempDirectory(t).path, 'socket')
  let connections = 0
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    socket.on('error', () => undefined)
    // What it was asked is not read: the connection is reset.
    if (++connections <= 3) return void setTimeout(() => socket.destroy(), 50)
    socket.end(Buffer.concat([subscribedTo({ epoch, seq: 2 }), ...messages.slice(2)]))
  })
  await new Promise<void>((resolve) => server.listen(path, resolve))
  t.teardown(() => void server.close())
  const said: string[] = []
  const log = Object.assign((_: string, why: string) => void said.push(why), {
    verbose: () => {},
  })
  const position = { epoch, seq: 2 }
  const resumed = await ResumedStream.open(options(t, path, { log, position }))
  t.equal((await numbers(resumed)).length, count - 2)
  t.equal(connections, 4)
  t.match(said, [/ECONNRESET; trying again until it is back$/, 'is back'])
})

void t.test('it begins where its reader is, and may be sent elsewhere', async (t) => {
  const { path, asked } = await relay(t, async (socket, position) => {
    const { seq } = position!
    await write(socket, Buffer.concat([subscribedTo(position!), ...messages.slice(seq, seq + 10)]))
    if (seq === 100) await write(socket, Buffer.concat(messages.slice(110)))
  })
  const resumed = await ResumedStream.open(options(t, path, { position: { epoch, seq: 4 } }))
  const seen: (number | string)[] = []
  const framer = new Framer()
  for await (const piece of resumed.stream) {
    framer.push(piece as Buffer)
    for (let one = framer.next(); one; one = framer.next())
      seen.push(typeOf(one) === messageTable.subscribed.type ? 'subscribed' : seqOf(one))
    if (seen.length === 10) resumed.subscribe({ epoch, seq: 100 })
    if (seen.at(-1) === count) break
  }
  t.strictSame(asked, [
    { epoch, seq: 4 },
    { epoch, seq: 100 },
  ])
  t.strictSame(seen.slice(0, 13), [5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 'subscribed', 101, 102])
  t.equal(seen.length, 10 + 1 + count - 100)
})

void t.test('a refusal, and what is no stream, are errors', async (t) => {
  for (const [bytes, code, text] of [
    [refusal(61, 'epoch 7 is not known here'), 'EWIRE_REFUSED', /refuses: epoch 7 is not known/],
    [Buffer.from('HTTP/1.1 200 OK, and so on'), 'EWIRE_SIZE', /a message cannot have/],
  ] as const) {
    const { path } = await relay(t, (socket) => write(socket, bytes))
    const resumed = await ResumedStream.open(options(t, path, { position: { epoch, seq: 4 } }))
    await t.rejects(numbers(resumed), { code, message: text })
  }
  const gone = options(t, join(tempDirectory(t).path, 'none'))
  await t.rejects(ResumedStream.open(gone), { code: 'ENOENT' })
})

void t.test('a connection that says nothing is given up; after a bye it may stay', async (t) => {
  let connections = 0
  const { path } = await relay(t, async (socket, position) => {
    connections++
    if (connections === 1) return
    if (!position) await write(socket, Buffer.concat(messages))
    else await write(socket, subscribedTo(position))
    await sleep(10)
    socket.end()
  })
  const stop = new AbortController()
  const resumed = await ResumedStream.open(
    options(t, path, { idleMs: 300, stay: true, signal: stop.signal }),
  )
  setTimeout(() => stop.abort(), 2000)
  t.equal((await numbers(resumed)).length, count)
  t.ok(connections >= 3, `${connections} connections`)
})

void t.test('who does not answer is given up, whatever else he sends', async (t) => {
  let connections = 0
  const { path } = await relay(t, async (socket, position) => {
    if (++connections === 2) {
      const { seq } = position!
      return write(socket, Buffer.concat([subscribedTo(position!), ...messages.slice(seq)]))
    }
    const tick = setInterval(() => socket.write(messages[1]!), 20)
    socket.on('close', () => clearInterval(tick))
  })
  const said: string[] = []
  const log = Object.assign((_: string, why: string) => void said.push(why), { verbose: () => {} })
  const position = { epoch, seq: count - 3 }
  const resumed = await ResumedStream.open(options(t, path, { idleMs: 300, position, log }))
  t.strictSame(await numbers(resumed), [count - 2, count - 1, count])
  t.match(said, [/^does not say within 0.3 s what follows a position; trying again/, 'is back'])
})
