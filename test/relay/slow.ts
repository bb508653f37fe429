// Clients that do not take what they get, under both policies.

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { Message } from '#wire'
import { listening, startBroadcast, type Running } from '../support/broadcast-process.js'
import { checkedStream, streamClient, type StreamClient } from '../support/stream-client.js'
import { messageOf, StreamWriter } from '../support/stream-writer.js'
import { tempDirectory } from '../support/temp-directory.js'

const healthyCount = 8
t.setTimeout(300_000)

/** A broadcast that the test writes to, message by message. */
class Feed {
  readonly server: Running
  readonly path: string
  sent = 0
  seq = 0
  epoch = 7

  constructor(t: Test, args: string[]) {
    this.path = join(tempDirectory(t).path, 'socket')
    this.server = startBroadcast(t, [this.path, '-v', ...args])
  }

  async hello(epoch: number): Promise<void> {
    this.epoch = epoch
    this.seq = 1
    await this.#put(new StreamWriter(epoch).bytes)
  }

  /** About `megabytes` in messages of 10 KB, or one of `size` bytes. */
  async writes(megabytes: number, size = 10_000): Promise<void> {
    const data = Buffer.alloc(size, 'data')
    for (let done = 0; done < megabytes * 2 ** 20; done += size) {
      const { epoch } = this
      await this.#put(messageOf('write', { path: 'f', data }, { seq: ++this.seq, epoch }))
    }
  }

  async bye(): Promise<void> {
    await this.#put(messageOf('bye', {}, { seq: ++this.seq, epoch: this.epoch }))
  }

  /** The last epoch ends, and the input with it. */
  async end(): Promise<void> {
    await this.bye()
    this.server.stdin.end()
  }

  async #put(message: Buffer): Promise<void> {
    this.sent += message.length
    if (!this.server.stdin.write(message)) await once(this.server.stdin, 'drain')
  }
}

/** Writes, and waits at each megabyte until these have all of it: they do not wait for anything. */
async function inStep(feed: Feed, megabytes: number, readers: StreamClient[]): Promise<void> {
  for (let i = 0; i < megabytes; i++) {
    await feed.writes(1)
    await Promise.all(readers.map((reader) => reader.until(feed.sent)))
  }
}

/** A client that reads nothing until it is resumed, and what it then got: ranges of numbers. */
async function stuckClient(path: string) {
  const got: string[] = []
  let last: Message | undefined
  const { take, numbering } = checkedStream((message) => {
    const { name, seq, epoch } = message
    if (name === 'gap') got.push(`gap ${epoch}:${message.body.from}-${message.body.to}`)
    else if (name === 'write' && last?.name === 'write' && last.seq === seq - 1)
      got[got.length - 1] = `${(got.at(-1) as string).split('-')[0]}-${seq}`
    else got.push(`${name} ${epoch}:${seq}`)
    last = message
  })
  const client = await streamClient(path, take)
  client.socket.pause()
  return { client, got, numbering }
}

const healthy = (path: string): Promise<StreamClient[]> =>
  Promise.all(Array.from({ length: healthyCount }, () => streamClient(path)))

/** The lines that SIGUSR1 gives: the input's, then one a client. */
async function status({ child, stderr }: Running): Promise<string[]> {
  const before = stderr().length
  child.kill('SIGUSR1')
  const lines = () =>
    stderr()
      .slice(before)
      .match(/status: .*\n/g) ?? []
  for (;;) {
    await sleep(5)
    const count = /(\d+) clients of/.exec(lines()[0] ?? '')?.[1]
    if (count !== undefined && lines().length > Number(count)) return lines()
  }
}

void t.test('drop: a stuck client costs the others nothing, and learns what it lost', async (t) => {
  const feed = new Feed(t, ['--slow', 'drop', '--backlog', '4M'])
  const { path, server } = feed
  await listening(path, server)
  const others = await healthy(path)
  const { client, got, numbering } = await stuckClient(path)
  await server.said(/client 9: has joined/)
  await feed.hello(7)
  await inStep(feed, 64, others)
  await server.said(/client 9: too slow, with a backlog of \d+ bytes: loses messages/)
  const lines = await status(server)
  t.equal(lines.length, 1 + healthyCount + 1)
  t.match(lines[0], /status: input: flowing at 7:\d+, \d+ bytes in \d+ messages, 9 clients of 9/)
  t.match(
    lines[1],
    /client 1: process \d+, user \d+, since .*, at 7:\d+, backlog 0 .*, sent \d+ .* \d+ messages/,
  )
  t.match(lines.at(-1), /losing messages/)
  const lostFrom = feed.seq

  client.socket.resume()
  await client.until(1)
  while (!got.some((range) => range.startsWith('gap'))) await sleep(5)
  await feed.writes(1)
  const after = await status(server)
  t.match(after.at(-1), new RegExp(`lost [1-9]\\d* messages`))
  await feed.end()
  t.match(await server.ended, { code: 0 })
  await Promise.all([client, ...others].map(({ ended }) => ended))
  t.ok(numbering.ended)
  const [first, second, gap, rest, bye] = got
  const upTo = Number(/-(\d+)$/.exec(second ?? '')?.[1])
  t.equal(first, 'hello 7:1')
  t.equal(second, `write 7:2-${upTo}`)
  t.equal(gap, `gap 7:${upTo + 1}-${lostFrom}`)
  t.equal(rest, `write 7:${lostFrom + 1}-${feed.seq - 1}`)
  t.equal(bye, `bye 7:${feed.seq}`)
  t.ok(others.every((other) => other.size() === feed.sent && other.crc() === others[0]?.crc()))
})

void t.test('drop: what was lost is said, wherever in memory it begins', async (t) => {
  const feed = new Feed(t, ['--slow', 'drop', '--backlog', '2M'])
  await listening(feed.path, feed.server)
  const reader = await streamClient(feed.path)
  await feed.server.said(/client 1: has joined/)
  await feed.hello(7)
  // Five messages fill a block: one of the clients is stuck at the end of one.
  const size = 51_000
  const stuck: Awaited<ReturnType<typeof stuckClient>>[] = []
  for (let i = 0; i < 50; i++) {
    if (i < 5) stuck.push(await stuckClient(feed.path))
    if (i < 5) await feed.server.said(new RegExp(`client ${i + 2}: has joined`))
    await feed.writes(size / 2 ** 20, size)
    await reader.until(feed.sent)
  }
  for (let i = 0; i < 5; i++) await feed.server.said(new RegExp(`client ${i + 2}: too slow`))
  for (const { client } of stuck) client.socket.resume()
  await feed.end()
  t.match(await feed.server.ended, { code: 0 })
  for (const { client, got, numbering } of stuck) {
    await client.ended
    t.ok(numbering.ended)
    t.match(got[2], `gap 7:${Number(got[1]?.split('-')[1]) + 1}-`, got.join(' '))
  }
})

void t.test('drop: a stuck client alone does not hold the source', async (t) => {
  const feed = new Feed(t, ['--slow', 'drop', '--backlog', '2M', '--drain-timeout', '0.1'])
  await listening(feed.path, feed.server)
  await stuckClient(feed.path)
  await feed.server.said(/client 1: has joined/)
  await feed.hello(7)
  await feed.writes(64)
  await feed.writes(64, 1_000_000)
  await feed.end()
  const { code, stderr } = await feed.server.ended
  t.equal(code, 0)
  t.match(stderr, /client 1: cut: \d+ bytes not taken by the end/)
})

void t.test('drop: an epoch that began while a client was stuck reaches it', async (t) => {
  const feed = new Feed(t, ['--slow', 'drop', '--backlog', '2M'])
  await listening(feed.path, feed.server)
  const { client, got, numbering } = await stuckClient(feed.path)
  const reader = await streamClient(feed.path)
  await feed.server.said(/client 2: has joined/)
  await feed.hello(7)
  await inStep(feed, 8, [reader])
  const lastOfFirst = feed.seq
  await feed.bye()
  await feed.hello(8)
  await inStep(feed, 8, [reader])
  const lost = feed.seq
  client.socket.resume()
  while (!got.some((range) => range.startsWith('gap 8:'))) await sleep(5)
  await feed.writes(1)
  await feed.end()
  t.match(await feed.server.ended, { code: 0 })
  await client.ended
  t.ok(numbering.ended)
  t.same(got.slice(2), [
    `gap 7:${Number(/-(\d+)$/.exec(got[1] ?? '')?.[1]) + 1}-${lastOfFirst}`,
    `bye 7:${lastOfFirst + 1}`,
    'hello 8:1',
    `gap 8:2-${lost}`,
    `write 8:${lost + 1}-${feed.seq - 1}`,
    `bye 8:${feed.seq}`,
  ])
})

void t.test('drop: many stuck clients, little memory', async (t) => {
  const feed = new Feed(t, ['--slow', 'drop', '--drain-timeout', '0.1'])
  const { path, server } = feed
  await listening(path, server)
  const reader = await streamClient(path)
  await server.said(/client 1: has joined/)
  await feed.hello(7)
  // They come at different times, so that each is stuck at another place.
  for (let i = 0; i < 60; i++) {
    await stuckClient(path)
    await feed.writes(2, i % 2 ? 10_000 : 1_000_000)
    await reader.until(feed.sent)
  }
  const procStatus = readFileSync(`/proc/${server.child.pid}/status`, 'latin1')
  const peak = Number(/^VmHWM:\s+(\d+) kB$/m.exec(procStatus)?.[1]) >> 10
  t.comment(`peak ${peak} MiB`)
  t.ok(peak < 200, `${peak} MiB`)
  await feed.end()
  t.match(await server.ended, { code: 0 })
})

void t.test('block: a stuck client stops the source, and nothing is lost', async (t) => {
  const feed = new Feed(t, ['--slow', 'block', '--backlog', '4M'])
  const { path, server } = feed
  await listening(path, server)
  const others = await healthy(path)
  const { client, got, numbering } = await stuckClient(path)
  await server.said(/client 9: has joined/)
  await feed.hello(7)
  let over = false
  const all = (async () => {
    await feed.writes(64)
    await feed.end()
    over = true
  })()
  await server.said(/input: waits for client 9, whose backlog is full/)
  t.notOk(over, 'the source waits')
  const held = feed.sent
  // The backlog, what pipes and sockets hold, what the writing stream holds.
  t.ok(held > 4 * 2 ** 20 && held < 8 * 2 ** 20, `${held} bytes were taken`)
  await sleep(100)
  t.equal(feed.sent, held)
  const lines = await status(server)
  t.match(lines[0], /status: input: held at 7:/)
  t.match(lines.at(-1), /client 9: .*, backlog [4-5]\d{6} bytes/)

  client.socket.resume()
  await all
  t.match(await server.ended, { code: 0 })
  await Promise.all([client, ...others].map(({ ended }) => ended))
  t.ok(numbering.ended)
  t.same(got, ['hello 7:1', `write 7:2-${feed.seq - 1}`, `bye 7:${feed.seq}`])
  t.ok(others.every((o) => o.size() === feed.sent && o.crc() === client.crc()))
})

void t.test('block: the source goes on when the client that held it is gone', async (t) => {
  const feed = new Feed(t, ['--backlog', '2M'])
  await listening(feed.path, feed.server)
  const { client } = await stuckClient(feed.path)
  const other = await streamClient(feed.path)
  await feed.server.said(/client 2: has joined/)
  await feed.hello(7)
  const all = feed.writes(32).then(() => feed.end())
  while (!/input: held/.test((await status(feed.server))[0] ?? ''));
  client.socket.destroy()
  await all
  t.match(await feed.server.ended, { code: 0 })
  await other.ended
  t.equal(other.size(), feed.sent)
})

void t.test('a message larger than what else is in the backlog still goes', async (t) => {
  for (const slow of ['block', 'drop']) {
    const feed = new Feed(t, ['--slow', slow, '--backlog', '1152K'])
    await listening(feed.path, feed.server)
    const { take, numbering } = checkedStream(({ name }) => {
      if (name === 'gap') t.fail('lost')
    })
    const client = await streamClient(feed.path, take)
    await feed.server.said(/client 1: has joined/)
    await feed.hello(7)
    for (let i = 0; i < 20; i++) {
      await feed.writes(1 / 2 ** 20, 2 ** 20)
      await client.until(feed.sent)
    }
    await feed.end()
    t.match(await feed.server.ended, { code: 0 })
    await client.ended
    t.ok(numbering.ended)
    t.equal(client.size(), feed.sent)
  }
})

void t.test('who was stuck gets the end as well, whatever the sizes were', async (t) => {
  const feed = new Feed(t, [])
  await listening(feed.path, feed.server)
  const { client, got, numbering } = await stuckClient(feed.path)
  const reader = await streamClient(feed.path)
  await feed.server.said(/client 2: has joined/)
  await feed.hello(7)
  // Leaves too little of its block for another message; the next is larger than a block.
  for (const size of [250_000, 2 ** 20]) {
    await feed.writes(1 / 2 ** 20, size)
    await reader.until(feed.sent)
  }
  await feed.end()
  await reader.ended
  client.socket.resume()
  t.match(await feed.server.ended, { code: 0 })
  await client.ended
  t.ok(numbering.ended)
  t.same(got, ['hello 7:1', 'write 7:2-3', 'bye 7:4'])
  t.equal(client.size(), feed.sent)
})
