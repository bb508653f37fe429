// tfs-cat --on-request: nothing comes before a position was asked for, so that what its reader has
// already does not travel.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { Framer, refusal, subscribedTo, subscribeTo, typeOf } from '#wire'
import { spoolOf } from '../support/spool-files.js'
import { StreamWriter } from '../support/stream-writer.js'

const program = join(import.meta.dirname, '../../bin/tfs-cat.js')
const cat = (input: Buffer, ...args: string[]) =>
  spawnSync(process.execPath, [program, ...args], { input, timeout: 30_000 })

void t.test('what follows the position, and nothing before it', (t) => {
  const stream = new StreamWriter(7)
  for (let i = 0; i < 50; i++) stream.add('mkdir', { path: `d${i}` })
  const { messages } = stream
  const position = { epoch: 7, seq: 40 }
  const path = spoolOf(t, messages)
  const started = cat(subscribeTo(position), '--on-request', join(path, '0000000001-1.tfs'))
  t.match(started, { status: 111 }, 'errors are told')
  const file = spawnSync('bash', ['-c', 'cat "$1"/*.tfs >"$1.all"', 'bash', path])
  t.equal(file.status, 0)
  const { status, stdout, stderr } = cat(subscribeTo(position), '--on-request', `${path}.all`)
  t.equal(stderr.toString(), '')
  t.equal(status, 0)
  t.ok(stdout.equals(Buffer.concat([subscribedTo(position), ...messages.slice(40)])))
  const foreign = cat(subscribeTo({ epoch: 8, seq: 1 }), '--on-request', `${path}.all`)
  const framer = new Framer()
  framer.push(foreign.stdout)
  t.equal(typeOf(framer.next()!), typeOf(refusal(61, '')), 'a refusal is for who asked')
  t.equal(framer.next(), undefined)
  t.end()
})

void t.test('where nobody asks', (t) => {
  const path = spoolOf(t, new StreamWriter(7).messages)
  t.match(cat(Buffer.alloc(0), '--on-request', path), { status: 0, stdout: Buffer.alloc(0) })
  t.equal(cat(Buffer.alloc(0), '--on-request', '--from', 'oldest', path).status, 100)
  t.end()
})
