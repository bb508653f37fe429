// Somebody swaps a component, or a file, for a symlink that leads out of the root, again and again,
// while the stream is replayed: not one operation gets out.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { MessageName } from '#wire'
import { replay } from '../support/replay.js'
import { StreamWriter } from '../support/stream-writer.js'
import { tempDirectory } from '../support/temp-directory.js'
import { listTree } from '../support/tree-listing.js'

t.setTimeout(300_000)

const seconds = process.env.TFS_LONG === '1' ? 20 : 5
const me = { uid: 7, gid: 7, mtimeSec: 1, dirMtimeSec: 2 }
const flip = join(import.meta.dirname, '../support/flip.js')

const ways: [MessageName, object][] = [
  ['create', { path: 'd/new', mode: 0o666, ...me }],
  ['write', { path: 'd/victim', data: 'overwritten' }],
  ['truncate', { path: 'd/victim', size: 3 }],
  ['setattr', { path: 'd/victim', which: 31, mode: 0o4777, ...me }],
  ['setxattr', { path: 'd/victim', name: 'user.x', value: 'x' }],
  ['rename', { path: 'd/new', newPath: 'd/newer' }],
  ['link', { path: 'd/victim', newPath: 'd/hard' }],
  ['unlink', { path: 'd/hard' }],
  ['unlink', { path: 'd/newer' }],
  ['mkdir', { path: 'd/sub/deep', mode: 0o777, ...me }],
  ['rmdir', { path: 'd/sub/deep' }],
  ['symlink', { path: 'd/sub/s', target: 'x', ...me }],
  ['unlink', { path: 'd/sub/s' }],
  ['write', { path: 'file', data: 'overwritten' }],
  ['truncate', { path: 'file', size: 3 }],
  ['setattr', { path: 'file', which: 31, mode: 0o4777, ...me }],
  ['copy', { path: 'file', from: 'd/victim', length: 3 }],
]

async function race(t: Test, a: string, b: string): Promise<void> {
  const { path } = tempDirectory(t)
  const [root, outside] = [join(path, 'mirror'), join(path, 'outside')]
  fs.mkdirSync(join(outside, 'sub'), { recursive: true })
  fs.writeFileSync(join(outside, 'victim'), 'precious', { mode: 0o600 })
  const before = listTree(outside)
  const start = new StreamWriter()
    .add('mkdir', { path: 'd', mode: 0o755, ...me })
    .add('mkdir', { path: 'd/sub', mode: 0o755, ...me })
    .add('create', { path: 'd/victim', mode: 0o644, ...me })
    .add('create', { path: 'file', mode: 0o644, ...me })
    .add('symlink', { path: 'evil-d', target: outside, ...me })
    .add('symlink', { path: 'evil-file', target: join(outside, 'victim'), ...me })
  t.equal((await replay(start.bye().bytes, root)).error, undefined)
  const child = spawn(process.execPath, [flip, root, a, b], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  const ends = new Map<string, number>()
  const until = Date.now() + seconds * 1000
  for (let epoch = 100; Date.now() < until; epoch++) {
    const stream = new StreamWriter(epoch)
    for (let i = 0; i < 20; i++) for (const [name, body] of ways) stream.add(name, body)
    const { error } = await replay(stream.bye().bytes, root, { force: true })
    const end = error?.code ?? 'none'
    ends.set(end, (ends.get(end) ?? 0) + 1)
  }
  child.kill('SIGKILL')
  t.strictSame(listTree(outside), before, 'nothing outside has changed')
  t.comment([...ends].map(([name, n]) => `${name}: ${n}`).join(', '))
  t.ok((ends.get('EMIRROR_REFUSED') ?? 0) > 0, 'the trap was met')
}

void t.test('7: a directory', (t) => race(t, 'd', 'evil-d'))
void t.test('7: a file', (t) => race(t, 'file', 'evil-file'))
