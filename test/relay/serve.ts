// How a broadcast waits for its input, and how it ends, where something is stuck or a signal comes.

import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { listening, startBroadcast } from '../support/broadcast-process.js'
import { streamClient } from '../support/stream-client.js'
import { messageOf, StreamWriter } from '../support/stream-writer.js'
import { tempDirectory } from '../support/temp-directory.js'

t.setTimeout(120_000)

const { bytes } = new StreamWriter()
  .add('write', { path: 'f', data: Buffer.alloc(100_000, 'data') })
  .bye()

void t.test('standard output is stuck: the stream goes on, and ends in time', async (t) => {
  const path = join(tempDirectory(t).path, 'socket')
  const server = startBroadcast(t, [path, '-v', '--drain-timeout', '500ms'])
  const stdout = server.child.stdout as Readable
  stdout.removeAllListeners('data').pause()
  await listening(path, server)
  const talker = await streamClient(path)
  const client = await streamClient(path)
  await server.said(/client 2: has joined/)
  const message = messageOf('want-mark', { name: 'm'.repeat(255) }, { seq: 0 })
  talker.socket.write(Buffer.concat(Array.from({ length: 20_000 }, () => message)))
  server.stdin.write(bytes.subarray(0, -32))
  await client.until(bytes.length - 32)
  server.stdin.end(bytes.subarray(-32))
  await once(server.child, 'exit')
  stdout.resume()
  const { code, stderr } = await server.ended
  t.equal(code, 0)
  t.match(stderr, /standard output: \d+ bytes of clients not taken by the end/)
})

void t.test('a FIFO without a writer is waited for, but not against a signal', async (t) => {
  const { path } = tempDirectory(t)
  const [fifo, socket] = [join(path, 'fifo'), join(path, 'socket')]
  spawnSync('mkfifo', [fifo])
  const waiting = startBroadcast(t, [socket, '--from', fifo])
  await listening(socket, waiting)
  waiting.child.kill('SIGTERM')
  t.match(await waiting.ended, { signal: 'SIGTERM' })
  t.notOk(existsSync(socket))

  const server = startBroadcast(t, [socket, '-v', '--from', fifo])
  await listening(socket, server)
  const client = await streamClient(socket)
  await server.said(/client 1: has joined/)
  writeFileSync(fifo, bytes)
  t.match(await server.ended, { code: 0 })
  await client.ended
  t.equal(client.size(), bytes.length)
})

void t.test('a signal that the source got as well: its last words are passed on', async (t) => {
  const path = join(tempDirectory(t).path, 'socket')
  const server = startBroadcast(t, [path, '-v'])
  await listening(path, server)
  const client = await streamClient(path)
  await server.said(/client 1: has joined/)
  server.stdin.write(bytes.subarray(0, 64))
  await client.until(64)
  server.child.kill('SIGINT')
  // Who gets both at once may see the end first, and ends as it does without a signal.
  await sleep(100)
  server.stdin.end(bytes.subarray(64))
  t.match(await server.ended, { signal: 'SIGINT' })
  await client.ended
  t.equal(client.size(), bytes.length)
})
