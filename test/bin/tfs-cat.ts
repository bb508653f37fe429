// tfs-cat as its users start it: what becomes of it when its reader is not there.

import { join } from 'node:path'
import t, { type Test } from 'tap'
import { start, type Running } from '../support/broadcast-process.js'
import { spoolOf } from '../support/spool-files.js'
import { StreamWriter } from '../support/stream-writer.js'

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
