// Rows 1 to 11 of THREATS.md: streams that would leave the root, with a tree outside of it that
// must not change.

import * as fs from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { renameFlag, type MessageName } from '#wire'
import { isReservedSpelling } from '../../packages/mirror/operation-faults.js'
import { me, operation, refuses, scene } from '../support/scene.js'
import { replay } from '../support/replay.js'
import { StreamWriter } from '../support/stream-writer.js'

void t.test('1, 2, 3: paths that are none, and targets with a NUL', async (t) => {
  const bad = ['..', 'a/../b', '.', 'a/.', '/etc', 'a//b', 'a/', 'a\0b', 'x'.repeat(256)]
  for (const path of bad) {
    const { root, play } = scene(t)
    refuses(t, await play(operation('create', { path })), 'EWIRE_FIELD', /path/)
    t.strictSame(fs.readdirSync(root), ['.tfs'], JSON.stringify(path))
  }
  for (const target of ['', 'a\0b', 'x'.repeat(4096)]) {
    const { play } = scene(t)
    refuses(t, await play(operation('symlink', { path: 's', target })), 'EWIRE_FIELD', /target/)
  }
})

void t.test('4: names are escaped in what is said', async (t) => {
  const { play } = scene(t)
  const path = Buffer.from('evil\n\x1b[31m\u202e\xff', 'latin1')
  const stream = operation('mkdir', { path }).add('write', { path, data: 'x' })
  const { error } = await play(stream)
  // oxlint-disable-next-line no-control-regex
  t.notMatch(error?.message ?? '\n', /[\n\x1b\u202e]/)
  t.match(error?.message, /evil\\n\\x1b\[31m/)
})

void t.test('5: every operation through a symlink, or on it', async (t) => {
  const through: [MessageName, object][] = [
    ['create', { path: 'evil/x' }],
    ['mkdir', { path: 'evil/x' }],
    ['mknod', { path: 'evil/x', mode: 0o010600 }],
    ['symlink', { path: 'evil/x', target: 'y' }],
    ['link', { path: 'evil/victim', newPath: 'mine' }],
    ['link', { path: 'file', newPath: 'evil/mine' }],
    ['unlink', { path: 'evil/victim' }],
    ['rmdir', { path: 'evil/sub' }],
    ['rename', { path: 'evil/victim', newPath: 'mine' }],
    ['rename', { path: 'file', newPath: 'evil/victim' }],
    ['rename', { path: 'file', newPath: 'evil/victim', flags: renameFlag.EXCHANGE }],
    ['write', { path: 'evil/victim', data: 'x' }],
    ['truncate', { path: 'evil/victim' }],
    ['fallocate', { path: 'evil/victim', length: 5 }],
    ['copy', { path: 'evil/victim', from: 'file', length: 1 }],
    ['copy', { path: 'file', from: 'evil/victim', length: 1 }],
    ['setattr', { path: 'evil/victim', which: 31, mode: 0o777 }],
    ['setxattr', { path: 'evil/victim', name: 'user.x', value: 'x' }],
    ['removexattr', { path: 'evil/victim', name: 'user.x' }],
  ]
  for (const onDivergence of ['repair', 'stop'] as const)
    for (const [name, body] of through) {
      const { outside, play } = scene(t)
      const stream = new StreamWriter()
        .add('create', { path: 'file', mode: 0o600, ...me })
        .add('symlink', { path: 'evil', target: outside, ...me })
        .add(name, { ...me, ...body })
      refuses(t, await play(stream, { onDivergence }), 'EMIRROR_REFUSED', /symbolic link/)
    }
  const on: [MessageName, object][] = [
    ['write', { path: 'evil', data: 'x' }],
    ['truncate', { path: 'evil' }],
    ['fallocate', { path: 'evil', length: 5 }],
    ['copy', { path: 'evil', from: 'file', length: 1 }],
    ['copy', { path: 'file', from: 'evil', length: 1 }],
  ]
  for (const [name, body] of on) {
    const { outside, play } = scene(t)
    const stream = new StreamWriter()
      .add('create', { path: 'file', mode: 0o600, ...me })
      .add('write', { path: 'file', data: 'x' })
      .add('symlink', { path: 'evil', target: join(outside, 'victim'), ...me })
      .add(name, { ...me, ...body })
    refuses(t, await play(stream), 'EMIRROR_REFUSED', /not a regular file/)
  }
})

void t.test('6: a directory replaced by a symlink after it was used', async (t) => {
  const { outside, play } = scene(t)
  const stream = new StreamWriter()
    .add('mkdir', { path: 'd', mode: 0o755, ...me })
    .add('mkdir', { path: 'd/sub', mode: 0o755, ...me })
    .add('create', { path: 'd/sub/f', mode: 0o644, ...me })
    .add('rename', { path: 'd', newPath: 'moved' })
    .add('symlink', { path: 'd', target: outside, ...me })
    .add('create', { path: 'd/sub/g', mode: 0o644, ...me })
  refuses(t, await play(stream), 'EMIRROR_REFUSED', /symbolic link/)

  const again = scene(t)
  const removed = new StreamWriter()
    .add('mkdir', { path: 'sub', mode: 0o755, ...me })
    .add('create', { path: 'sub/f', mode: 0o644, ...me })
    .add('unlink', { path: 'sub/f' })
    .add('rmdir', { path: 'sub' })
    .add('symlink', { path: 'sub', target: outside, ...me })
    .add('write', { path: 'sub/victim', data: 'x' })
  refuses(t, await again.play(removed), 'EMIRROR_REFUSED', /symbolic link/)
  const exchanged = scene(t)
  const swap = new StreamWriter()
    .add('mkdir', { path: 'd', mode: 0o755, ...me })
    .add('create', { path: 'd/victim', mode: 0o644, ...me })
    .add('write', { path: 'd/victim', data: '1' })
    .add('symlink', { path: 's', target: exchanged.outside, ...me })
    .add('rename', { path: 'd', newPath: 's', flags: renameFlag.EXCHANGE })
    .add('write', { path: 'd/victim', data: '2' })
  refuses(t, await exchanged.play(swap), 'EMIRROR_REFUSED', /symbolic link/)
})

void t.test('8: a root that is a symlink', async (t) => {
  const { root, outside, play } = scene(t)
  fs.symlinkSync(outside, root)
  for (const name of [root, `${root}/`, `${root}///`]) {
    const { error } = await replay(operation('create', { path: 'x' }).bytes, name)
    t.match(error, { code: 'EMIRROR_ROOT', message: /not a directory/ })
  }
  await play(operation('create', { path: 'x' }))
})

void t.test('9: targets of symlinks are data', async (t) => {
  const { root, play } = scene(t)
  for (const [i, target] of ['/etc/passwd', '../../..', '/proc/self/root'].entries()) {
    const stream = new StreamWriter(i + 1)
      .add('symlink', { path: `s${i}`, target, ...me })
      .add('setattr', { path: `s${i}`, which: 30, uid: 5, gid: 6, mtimeSec: 7 })
    t.equal((await play(stream.bye(), { force: true })).error, undefined)
    t.equal(fs.readlinkSync(join(root, `s${i}`)), target)
  }
})

void t.test('10: hard links to what lies outside', async (t) => {
  const { root, outside, play } = scene(t)
  const stream = new StreamWriter()
    .add('symlink', { path: 's', target: join(outside, 'victim'), ...me })
    .add('link', { path: 's', newPath: 'hard' })
    .add('write', { path: 'hard', data: 'x' })
  refuses(t, await play(stream), 'EMIRROR_REFUSED', /not a regular file/)
  t.ok(fs.lstatSync(join(root, 'hard')).isSymbolicLink(), 'a link to the symlink itself')
  const directory = scene(t)
  const two = new StreamWriter()
    .add('mkdir', { path: 'd', ...me })
    .add('link', { path: 'd', newPath: 'e' })
  refuses(t, await directory.play(two), 'EMIRROR_REFUSED', /invalid/)
})

void t.test('11: contents of what is no regular file', { timeout: 20_000 }, async (t) => {
  const kinds: [MessageName, object][] = [
    ['mknod', { mode: 0o010600 }],
    ['mknod', { mode: 0o140600 }],
    ['mknod', { mode: 0o020600, major: 1, minor: 3 }],
    ['mkdir', { mode: 0o700 }],
  ]
  const ways: [MessageName, object][] = [
    ['write', { data: 'x' }],
    ['truncate', { size: 5 }],
    ['fallocate', { length: 5 }],
    ['copy', { from: 'file', length: 1 }],
  ]
  for (const [kind, made] of kinds)
    for (const [name, body] of ways) {
      const { play } = scene(t)
      const stream = new StreamWriter()
        .add('create', { path: 'file', mode: 0o600, ...me })
        .add('write', { path: 'file', data: 'x' })
        .add(kind, { path: 'it', ...me, ...made })
        .add(name, { path: 'it', ...body })
      refuses(t, await play(stream), 'EMIRROR_REFUSED', /not a regular file/)
    }
})

void t.test('26: the reserved name in other spellings, where they mean the same', async (t) => {
  for (const path of ['.tfs', '.TFS', '.Tfs/position'])
    t.ok(isReservedSpelling(Buffer.from(path)), path)
  for (const path of ['', '.tf', '.tfsx', 'a/.tfs', '.TFSX/a'])
    t.notOk(isReservedSpelling(Buffer.from(path)), path)
})
