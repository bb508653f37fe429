// Clients of a broadcast with a spool that stall or come back: everything once, and memory is flat.

import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { seqOf } from '#wire'
import {
  broadcastPath,
  emitStreamPath,
  startBroadcast,
  type Running,
} from '../support/broadcast-process.js'
import { LagMeter } from '../support/lag-meter.js'
import { seeded } from '../support/seed.js'
import { streamClient } from '../support/stream-client.js'
import { numberedMessage } from '../support/numbered-message.js'
import { Subscriber } from '../support/subscriber.js'
import { tempDirectory } from '../support/temp-directory.js'

t.setTimeout(600_000)

const isLong = process.env['TFS_LONG'] !== undefined
const kills = isLong ? 100 : 6
const readers = 3

void t.test('the broadcast is killed again and again: each message once', async (t) => {
  const { path } = tempDirectory(t)
  const socket = join(path, 'socket')
  const random = seeded(t)
  let sent = 0
  let isOver = false
  let wrong = ''
  /** Reads, comes back, reads on; gives the last number. */
  const reader = async (): Promise<number> => {
    let at = { epoch: 0, seq: 0 }
    while (!isOver || at.seq < sent) {
      const client = await Subscriber.connectSoon(socket, at)
      const leaves = random.next(3) === 0 ? random.next(4000) : Infinity
      await client.until(() => {
        for (const one of client.messages) {
          if (!one.equals(numberedMessage(at.seq + 1))) wrong ||= `${seqOf(one)} after ${at.seq}`
          at = { epoch: 7, seq: seqOf(one) }
        }
        client.messages.length = 0
        return wrong !== '' || client.client.size() > leaves * 100 || (isOver && at.seq === sent)
      })
      if (wrong) break
      wrong ||= client.fault instanceof Error ? client.fault.message : ''
      client.client.socket.destroy()
    }
    return at.seq
  }
  const reading = Array.from({ length: readers }, reader)
  let server: Running | undefined
  for (let kill = 0; kill <= kills; kill++) {
    const args = ['--segment-size', '300K', '--spool-sync', 'none', '--spool', join(path, 'spool')]
    server = startBroadcast(t, [socket, '--backlog', '1152K', ...args])
    // What the last one has taken is not known: the source begins before that.
    const from = Math.max(1, sent - 3000)
    const to = sent + 500 + random.next(2000)
    server.stdin.write(numberedMessage(1))
    for (sent = from; sent < to; sent++)
      if (!server.stdin.write(numberedMessage(sent)) && !(await drained(server))) break
    await sleep(random.next(100))
    if (kill === kills) break
    server.child.kill('SIGKILL')
    t.match(await server.ended, { signal: 'SIGKILL', stderr: /^(.*cut off what a crash.*\n)?$/ })
  }
  // The last one wakes readers that have all the others.
  isOver = true
  server?.stdin.write(numberedMessage(sent))
  for (const last of await Promise.all(reading)) t.equal(last, sent)
  t.equal(wrong, '')
  t.ok(sent > kills * 300, `${sent} messages`)
})

async function drained({ stdin, child }: Running): Promise<boolean> {
  const isThere = () => child.exitCode === null && child.signalCode === null
  while (stdin.writableNeedDrain && isThere()) await sleep(1)
  return isThere()
}

const streamSize = isLong ? 2 ** 31 : 2 ** 28
const memoryMax = 200 << 20
/** Megabytes a second: what a reader can take. */
const rate = '80'
const stalledCount = isLong ? 63 : 20

void t.test('who stalls gets it from disk, while another stays live; memory is flat', async (t) => {
  const { path } = tempDirectory(t)
  const socket = join(path, 'socket')
  const source = spawn(process.execPath, [emitStreamPath, `${streamSize}`, '16384', 'wait', rate], {
    stdio: ['pipe', 'pipe', 'inherit'],
    timeout: 300_000,
  })
  t.teardown(() => source.kill('SIGKILL'))
  const args = [broadcastPath, socket, '-v', '--spool', join(path, 'spool'), '--spool-sync', 'none']
  const child = spawn(process.execPath, [...args, '--drain-timeout', '2m'], {
    stdio: [source.stdout, 'pipe', 'pipe'],
    timeout: 300_000,
    killSignal: 'SIGKILL',
  })
  t.teardown(() => child.kill('SIGKILL'))
  let stderr = ''
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const said = async (pattern: RegExp) => {
    while (!pattern.test(stderr)) await sleep(5)
  }
  const stalled = await Promise.all(
    Array.from({ length: stalledCount }, () => soon(() => streamClient(socket))),
  )
  const lag = new LagMeter()
  const live = await streamClient(socket, lag.take)
  await said(new RegExp(`client ${stalledCount + 1}: has joined`))
  for (const { socket: one } of stalled) one.pause()
  source.stdin!.write('go')
  await live.until(streamSize)
  t.comment(`one that reads, while others stall: ${lag.lap()}`)
  child.kill('SIGUSR1')
  await said(/client 1: .*, \d+ messages, .* s behind, from the spool/)
  t.match(stderr, /state: .*client 1 is behind/)
  t.ok(highWater(child.pid!) < memoryMax, `${highWater(child.pid!) >> 20} MiB`)
  // One of them at full speed, the others for a moment, so that the disk is read for all.
  for (const one of stalled.slice(1)) {
    one.socket.resume()
    await one.until(one.size() + (4 << 20))
    one.socket.pause()
  }
  const [first] = stalled
  first!.socket.resume()
  while (first!.size() < live.size()) await sleep(1)
  t.comment(`and while one of these catches up from disk: ${lag.lap()}`)
  source.stdin!.end()
  await first!.ended
  await live.ended
  t.equal(first!.size(), live.size())
  t.equal(first!.crc(), live.crc())
  t.ok(highWater(child.pid!) < memoryMax, `${highWater(child.pid!) >> 20} MiB`)
  for (const one of stalled) one.socket.destroy()
})

/** Bytes of memory at most so far. */
const highWater = (pid: number): number =>
  Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) * 1024

async function soon<T>(make: () => Promise<T>): Promise<T> {
  for (;;)
    try {
      return await make()
    } catch {
      await sleep(10)
    }
}
