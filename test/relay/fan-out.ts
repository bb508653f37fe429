// Many clients of one tfs-broadcast: identical bytes, joiners in the middle, bad neighbours,
// memory. TFS_LONG=1 makes the stream 4 GiB.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import {
  emitStreamPath,
  listening,
  start,
  startBroadcast,
  type Running,
} from '../support/broadcast-process.js'
import { random } from '../support/random.js'
import { checkedStream, streamClient, type StreamClient } from '../support/stream-client.js'
import { StreamWriter } from '../support/stream-writer.js'
import { tempDirectory } from '../support/temp-directory.js'

const long = process.env.TFS_LONG === '1'
const clientsMany = 64
const timeoutMs = long ? 3_600_000 : 300_000
t.setTimeout(timeoutMs)

/** A broadcast of what emit-stream writes once it gets a byte on its standard input. */
async function broadcastOf(t: Test, emit: string[], args: string[] = []) {
  const path = join(tempDirectory(t).path, 'socket')
  const source = start(t, process.execPath, [emitStreamPath, ...emit], { timeoutMs })
  const server = startBroadcast(t, [path, ...args], {
    stdio: [source.child.stdout, 'pipe', 'pipe'],
    timeoutMs,
  })
  // The server has it now; here it would be read as well.
  source.child.stdout?.destroy()
  await listening(path, server)
  return { path, source, server }
}

/** The most memory that the process ever had, in bytes. */
function peakMemory({ child }: Running): number {
  const status = readFileSync(`/proc/${child.pid}/status`, 'latin1')
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
}

void t.test(`${clientsMany} clients get identical bytes, in little memory`, async (t) => {
  const bytes = long ? 4 * 2 ** 30 : 2 ** 26
  const { path, source, server } = await broadcastOf(t, [`${bytes}`, '100000', 'wait'], ['-v'])
  const clients: StreamClient[] = []
  for (let i = 0; i < clientsMany; i++) clients.push(await streamClient(path))
  // A reader that checks each message, so that what all have is known to be the stream.
  let messages = 0
  const { take, numbering } = checkedStream(() => messages++)
  const late = await streamClient(path).then(
    (client) => client.ended.then(() => client.size()),
    () => 0,
  )
  t.equal(late, 0, 'the 65th is refused')
  t.match(server.stderr(), /client: refused: there are 64/)
  clients.pop()?.socket.destroy()
  await sleep(50)
  const checked = await streamClient(path, take)
  await server.said(/client 65: has joined/)
  source.stdin.write('go')
  await checked.until(bytes >> 1)
  const middle = peakMemory(server)
  await Promise.all([...clients, checked].map((client) => client.until(bytes)))
  const peak = peakMemory(server)
  t.match(await server.ended, { code: 0, signal: null })
  await Promise.all(clients.map((client) => client.ended))
  t.ok(numbering.ended, 'the last message was a bye')
  t.ok(messages > bytes / 200_000)
  t.ok(checked.size() > bytes)
  const odd = clients.filter((c) => c.size() !== checked.size() || c.crc() !== checked.crc())
  t.equal(odd.length, 0)
  const memory = `${peak >> 20} MiB, at half ${middle >> 20} MiB`
  t.comment(`${checked.size()} bytes to each of ${clientsMany}; peak ${memory}`)
  t.ok(peak < 200 * 2 ** 20, `${peak >> 20} MiB`)
})

void t.test('a thousand joiners under load all start at a boundary', async (t) => {
  const { path, source, server } = await broadcastOf(t, ['0', '3000'], ['--max-clients', '100'])
  const { next } = random(20_26)
  let joined = 0
  const firsts = new Set<number>()
  const one = async () => {
    const names: string[] = []
    const seqs: number[] = []
    const { take } = checkedStream(({ name, seq }) => {
      if (names.length > 2) return
      names.push(name)
      seqs.push(seq)
    })
    const client = await streamClient(path, take)
    await client.until(1 + next(300_000))
    // Some go in the middle of a message, some at once.
    client.socket.destroy()
    await client.ended
    if (names.length < 2) return
    joined++
    if (names[0] !== 'hello' || names[1] !== 'write') t.fail(`begins with ${names.join()}`)
    firsts.add(seqs[1] as number)
  }
  const worker = async () => {
    while (joined < 1000) await one()
  }
  await Promise.all(Array.from({ length: 20 }, worker))
  source.stdin.end()
  t.match(await server.ended, { code: 0 })
  t.ok(joined >= 1000)
  t.ok(firsts.size > 100, `they came at ${firsts.size} places of the stream`)
})

void t.test('bad neighbours are cut, and nobody else notices', async (t) => {
  const path = join(tempDirectory(t).path, 'socket')
  const server = startBroadcast(t, [path, '-v'])
  await listening(path, server)
  const { take, numbering } = checkedStream(() => undefined)
  const good = await streamClient(path, take)
  const halfClosed = await streamClient(path, undefined, { allowHalfOpen: true })
  halfClosed.socket.end()
  await server.said(/client 2: has joined/)

  const garbage = await streamClient(path)
  garbage.socket.write(Buffer.alloc(1000, '\u001b[31mrubbish'))
  const gigabyte = await streamClient(path)
  gigabyte.socket.write(Buffer.from([0, 0, 0, 0x40]))
  const stalled = await streamClient(path)
  stalled.socket.write(Buffer.from([64, 0, 0, 0, 1, 0]))
  await Promise.all([garbage.ended, gigabyte.ended])

  const writer = new StreamWriter()
  const data = Buffer.alloc(100_000, 'data')
  const vanishing: StreamClient[] = []
  let sent = writer.bytes.length
  server.stdin.write(writer.bytes)
  for (let i = 0; i < 300; i++) {
    writer.messages.length = 0
    writer.add('write', { path: 'f', offset: i * data.length, data })
    sent += writer.bytes.length
    if (!server.stdin.write(writer.bytes)) await new Promise((r) => server.stdin.once('drain', r))
    if (i % 10 === 0) vanishing.push(await streamClient(path))
    if (i % 10 === 5) vanishing.pop()?.socket.destroy()
  }
  await stalled.ended
  writer.messages.length = 0
  server.stdin.end(writer.bye().bytes)
  const { code, stderr } = await server.ended
  t.equal(code, 0)
  await Promise.all([good.ended, halfClosed.ended])
  t.ok(numbering.ended)
  t.equal(good.size(), sent + writer.bytes.length)
  t.same([halfClosed.size(), halfClosed.crc()], [good.size(), good.crc()])
  t.match(stderr, /client \d+: cut: .*a message cannot have \d+ bytes\n/)
  t.match(stderr, /client \d+: cut: .*a message cannot have 1073741824 bytes\n/)
  t.match(stderr, /client \d+: cut: a message unfinished after 5 s\n/)
  t.notOk(stderr.includes('\u001b'), 'rubbish cannot command a terminal')
})

void t.test('half-closed clients that leave give their place back, also in silence', async (t) => {
  const path = join(tempDirectory(t).path, 'socket')
  const server = startBroadcast(t, [path, '--max-clients', '2', '-v'])
  await listening(path, server)
  for (let i = 0; i < 6; i++) {
    const client = await streamClient(path, undefined, { allowHalfOpen: true })
    client.socket.end()
    await new Promise((resolve) => client.socket.once('finish', resolve))
    client.socket.destroy()
  }
  await server.said(/client 6: has joined/)
  t.notMatch(server.stderr(), /refused/)
  await server.said(/client 6: has left/)
  server.stdin.end(new StreamWriter().bye().bytes)
  t.match(await server.ended, { code: 0 })
})
