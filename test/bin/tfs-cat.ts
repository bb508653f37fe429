// tfs-cat as its users start it: what becomes of it when its reader is not there.

import { readdirSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { listening, start, startBroadcast, type Running } from '../support/broadcast-process.js'
import { history, spoolOf } from '../support/spool-files.js'
import { StreamWriter } from '../support/stream-writer.js'
import { tempDirectory } from '../support/temp-directory.js'

t.setTimeout(120_000)

const program = join(import.meta.dirname, '../../bin/tfs-cat.js')
const cat = (t: Test, ...args: string[]): Running => start(t, process.execPath, [program, ...args])

void t.test('a signal ends it also where its reader takes nothing', async (t) => {
  const large = new StreamWriter()
  for (let i = 0; i < 30; i++) large.add('write', { path: 'f', data: Buffer.alloc(100_000, i) })
  const { child } = cat(t, spoolOf(t, large.messages, 1 << 20))
  await new Promise((resolve) => child.stdout!.once('readable', resolve))
  // Not its output's end, which comes when that is read.
  const exited = new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)))
  child.kill('SIGTERM')
  t.equal(await exited, 'SIGTERM')
})

/** The spool of two epochs, 7 and 8, of 40 messages each, without its first segments. */
function trimmedSpool(t: Test, removed: number): string {
  const first = history(40, 7).bye()
  const second = history(40, 8)
  const path = spoolOf(t, [...first.messages, ...second.messages])
  const segments = readdirSync(path)
    .filter((name) => name.endsWith('.tfs'))
    .sort()
  for (const name of segments.slice(0, removed)) unlinkSync(join(path, name))
  return path
}

void t.test('what follows the position is not there any more', async (t) => {
  const path = trimmedSpool(t, 1)
  const lost = await cat(t, '--from', '7:3', path).ended
  t.equal(lost.code, 2)
  t.equal(lost.stdout.length, 0)
  t.match(lost.stderr, /has messages 7:4 to 7:\d+ no more/)
  const gone = await cat(t, '--from', '7:3', trimmedSpool(t, 4)).ended
  t.match(gone, { code: 2, stderr: /does not have what follows message 3/ })
  const { child } = cat(t, '--from', '7:30', path)
  await new Promise((resolve) => child.stdout!.once('readable', resolve))
  const fromOldest = cat(t, '--from', 'oldest', path).child
  await new Promise((resolve) => fromOldest.stdout!.once('readable', resolve))
  t.equal(fromOldest.exitCode, null)
})

void t.test('a relay has forgotten what follows the position', async (t) => {
  const socket = join(tempDirectory(t).path, 'socket')
  const relay = startBroadcast(t, ['--backlog', '1152K', socket])
  await listening(socket, relay)
  const first = history(40, 7).bye()
  const second = new StreamWriter(8, { epoch: 7, seq: first.seq })
  for (let i = 0; i < 2000; i++) second.add('write', { path: 'f', data: Buffer.alloc(4000, i) })
  const bytes = Buffer.concat([...first.messages, ...second.messages])
  await new Promise((resolve) => relay.stdin.write(bytes, resolve))
  const missing: Record<string, RegExp> = {
    '7:3': /does not have what follows 7:3 any more/,
    [`7:${first.seq}`]: /has messages 8:2 to 8:\d+ no more/,
    '8:3': /has messages 8:4 to 8:\d+ no more/,
  }
  for (const [from, why] of Object.entries(missing)) {
    const { code, stdout, stderr } = await cat(t, '--from', from, socket).ended
    t.equal(code, 2, from)
    t.equal(stdout.length, 0)
    t.match(stderr, why)
  }
})
