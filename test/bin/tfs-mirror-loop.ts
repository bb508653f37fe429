// A mirror in its own source, or around it, is refused before it has applied anything.

import { spawn } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { JournalPlace } from '../support/journal-place.js'
import { runMirror } from '../support/run-mirror.js'

t.setTimeout(120_000)

void t.test('27: in the store, in the mount, around the store', async (t) => {
  const place = new JournalPlace(t)
  const { dir, store, mount, stream } = place
  t.equal(place.record('echo 1 >one').status, 0)
  const journal = join(import.meta.dirname, '../../bin/tfs-journal.js')
  const live = spawn(process.execPath, [journal, store, mount], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  t.teardown(() => live.kill('SIGKILL'))
  for (let waited = 0; waited < 1000 && !fs.readFileSync('/proc/mounts').includes(mount); waited++)
    await new Promise((resolve) => setTimeout(resolve, 10))
  for (const [where, reason] of [
    [store, /lies in '.*store' itself/],
    [join(store, 'copy'), /lies in '.*store' itself/],
    [dir, /store' itself lies in/],
  ] as const) {
    const refused = runMirror(['--force', '--sync=none', stream, where])
    t.match(refused, { status: 100, stderr: reason }, where)
  }
  // A process of its own, as all that touches a mount.
  const inside = runMirror(['--sync=none', stream, join(mount, 'inside')])
  t.match(inside, { status: 100, stderr: /lies in the mount of '.*store' itself/ })
  t.strictSame(fs.readFileSync(join(store, 'one'), 'utf8'), '1\n')
  t.strictSame(fs.readdirSync(join(store, 'copy')), ['.tfs'])
  t.notOk(fs.existsSync(join(dir, 'one')))
  t.match(runMirror(['--sync=none', stream, join(dir, 'beside')]), { status: 0, stderr: '' })
  live.kill('SIGTERM')
  await new Promise((resolve) => live.once('exit', resolve))
  fs.rmSync(store, { recursive: true })
  t.match(runMirror(['--sync=none', stream, store]), { status: 0, stderr: '' }, 'restored in place')
  t.strictSame(fs.readFileSync(join(store, 'one'), 'utf8'), '1\n')
})
