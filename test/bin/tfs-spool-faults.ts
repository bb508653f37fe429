// tfs-spool killed, out of room, with a reader that stalls: nothing is lost, nothing comes twice,
// and memory stays as it is.

import { spawn, spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import t from 'tap'
import { Spool, SpoolReader } from '#spool'
import { epochOf, Framer, seqOf } from '#wire'
import { emitStreamPath, start } from '../support/broadcast-process.js'
import { seeded } from '../support/seed.js'
import { readSpool } from '../support/spool-files.js'
import { numberedMessage } from '../support/numbered-message.js'
import { StreamWriter } from '../support/stream-writer.js'
import { tempDirectory } from '../support/temp-directory.js'

t.setTimeout(600_000)

const program = join(import.meta.dirname, '../../bin/tfs-spool.js')
const killsMax = process.env['TFS_LONG'] ? 100 : 30

void t.test('killed again and again while a source sends that goes on', async (t) => {
  const path = join(tempDirectory(t).path, 'spool')
  const random = seeded(t)
  // The last message that has come out: the source takes all up to there for kept.
  let acknowledged = 0
  let isWrong = false
  fs.mkdirSync(path, { mode: 0o700 })
  const follower = start(t, process.execPath, [program, '--follow', path], { timeoutMs: 500_000 })
  const followed = new Framer()
  let followedTo = 0
  follower.child.stdout!.on('data', (piece: Buffer) => {
    followed.push(piece)
    for (let m = followed.next(); m; m = followed.next())
      if (!m.equals(numberedMessage(++followedTo))) isWrong = true
  })
  for (let kill = 1; kill <= killsMax && !isWrong; kill++) {
    const args = ['--segment-size', '300K', '--sync', 'none', path]
    const { child, stdin, ended } = start(t, process.execPath, [program, ...args])
    const framer = new Framer()
    const before = acknowledged
    child.stdout!.on('data', (piece: Buffer) => {
      framer.push(piece)
      for (let m = framer.next(); m; m = framer.next()) {
        if (!m.equals(numberedMessage(seqOf(m))) || epochOf(m) !== 7) isWrong = true
        acknowledged = Math.max(acknowledged, seqOf(m))
      }
    })
    let next = Math.max(2, acknowledged + 1 - random.next(3) * random.next(40))
    const last = next + 1500
    stdin.write(numberedMessage(1))
    const send = () => {
      while (next < last && child.exitCode === null && child.signalCode === null)
        if (!stdin.write(numberedMessage(next++))) return void stdin.once('drain', send)
    }
    send()
    while (acknowledged === before && child.exitCode === null) await sleep(1)
    await sleep(random.next(30))
    child.kill('SIGKILL')
    t.match(await ended, {
      signal: 'SIGKILL',
      stderr: /^(tfs-spool: .*cut off what a crash.*\n)?$/,
    })
  }
  t.notOk(isWrong)
  const spool = new Spool(path)
  const reader = new SpoolReader(spool)
  let seq = 0
  for (let block = reader.next(); block; block = reader.next())
    for (let at = 0; at < block.length; at += numberedMessage(seq).length)
      if (!block.subarray(at, at + numberedMessage(++seq).length).equals(numberedMessage(seq)))
        return t.fail(`message ${seq} is not what was sent`)
  t.ok(seq >= acknowledged, `${seq} are kept, ${acknowledged} were seen`)
  t.ok(seq > killsMax)
  const until = Date.now() + 30_000
  while (followedTo < seq && Date.now() < until) await sleep(10)
  t.equal(followedTo, seq, 'one that follows has all of it, in order, once')
  t.notOk(isWrong)
  follower.child.kill('SIGTERM')
  t.match(await follower.ended, { signal: 'SIGTERM', stderr: '' })
  reader.close()
  spool.close()
})

void t.test('no room: the input waits, and all is there when there is room again', async (t) => {
  const { path: place } = tempDirectory(t)
  t.equal(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'spool', place]).status, 0)
  t.teardown(() => spawnSync('umount', ['-l', place]))
  const ballast = join(place, 'ballast')
  fs.writeFileSync(ballast, Buffer.alloc(2 << 20))
  const path = join(place, 'spool')
  const stream = new StreamWriter()
  for (let i = 0; i < 200; i++) stream.add('write', { path: 'f', data: Buffer.alloc(9000 + i, i) })
  const bytes = stream.bye().bytes
  const running = start(t, process.execPath, [program, '--segment-size', '200K', path])
  running.stdin.end(bytes)
  await running.said(/takes nothing, so the input waits: ENOSPC/)
  const kept = readSpool(path)
  t.ok(kept.length > 500_000 && kept.equals(bytes.subarray(0, kept.length)))
  fs.unlinkSync(ballast)
  const { code, stderr, stdout } = await running.ended
  t.equal(code, 0, stderr)
  t.match(stderr, /: goes on\n/)
  t.ok(stdout.equals(bytes))
  t.ok(readSpool(path).equals(bytes))
})

const largeSize = 256 << 20
const memoryMax = 150 << 20

void t.test('a reader that stalls gets it from disk; memory is flat', async (t) => {
  const path = join(tempDirectory(t).path, 'spool')
  const source = spawn(process.execPath, [emitStreamPath, `${largeSize}`, '16384'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 120_000,
  })
  t.teardown(() => source.kill('SIGKILL'))
  const args = [program, '--sync', 'none', path]
  const child = spawn(process.execPath, args, {
    stdio: [source.stdout, 'pipe', 'pipe'],
    timeout: 300_000,
    killSignal: 'SIGKILL',
  })
  t.teardown(() => child.kill('SIGKILL'))
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  const exited = new Promise((resolve) => source.on('exit', resolve))
  const peak = () => {
    const status = fs.readFileSync(`/proc/${child.pid}/status`, 'utf8')
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]) * 1024
  }
  await exited
  t.ok(peak() < memoryMax, `${peak() >> 20} MiB with all of it unread`)
  let size = 0
  let crc = 0
  let highest = 0
  child.stdout!.on('data', (piece: Buffer) => {
    if (size >> 24 !== (size + piece.length) >> 24) highest = Math.max(highest, peak())
    size += piece.length
    crc = crc32(piece, crc)
  })
  t.equal(await ended, 0)
  t.ok(highest < memoryMax, `${highest >> 20} MiB while it catches up`)
  t.ok(size >= largeSize)
  const spool = new Spool(path)
  const reader = new SpoolReader(spool)
  let kept = 0
  for (let block = reader.next(); block; block = reader.next()) kept = crc32(block, kept)
  t.equal(kept, crc)
  reader.close()
  spool.close()
})
