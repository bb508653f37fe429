// Patterns: what they leave out, and what becomes of renames across their border.

import * as fs from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { renameFlag, type PathRule } from '#wire'
import { replay } from '../support/replay.js'
import { StreamWriter } from '../support/stream-writer.js'
import { tempDirectory } from '../support/temp-directory.js'

const me = { uid: 0, gid: 0, mtimeSec: 1, dirMtimeSec: 2 }
const exclude = (pattern: string): PathRule => ({ exclude: true, pattern })
const include = (pattern: string): PathRule => ({ exclude: false, pattern })
const list = (path: string) => fs.readdirSync(path).toSorted()
const suspects = (root: string) =>
  fs.existsSync(join(root, '.tfs/suspects'))
    ? fs
        .readFileSync(join(root, '.tfs/suspects'), 'utf8')
        .split('\n')
        .filter(Boolean)
        .map((line) => line.replace(/^\d+ /, ''))
    : []

void t.test('what is excluded is not made, its parents keep their times', async (t) => {
  const root = join(tempDirectory(t).path, 'mirror')
  const stream = new StreamWriter()
    .add('mkdir', { path: 'tmp', mode: 0o755, ...me })
    .add('create', { path: 'tmp/f', mode: 0o644, ...me })
    .add('write', { path: 'tmp/f', data: 'x' })
    .add('mkdir', { path: 'src', mode: 0o755, ...me })
    .add('create', { path: 'src/a.c', mode: 0o644, ...me })
    .add('create', { path: 'src/a.o', mode: 0o644, ...me, dirMtimeSec: 77 })
    .add('write', { path: 'src/a.o', data: 'x' })
    .add('truncate', { path: 'src/a.o', size: 5 })
    .add('fallocate', { path: 'src/a.o', length: 5 })
    .add('copy', { path: 'src/a.o', from: 'src/a.c', length: 5 })
    .add('setattr', { path: 'src/a.o', which: 31, mode: 0o600 })
    .add('setxattr', { path: 'src/a.o', name: 'user.x', value: 'x' })
    .add('removexattr', { path: 'src/a.o', name: 'user.x' })
    .add('link', { path: 'src/a.c', newPath: 'src/b.o', newDirMtimeSec: 78 })
    .add('rename', { path: 'src/a.o', newPath: 'src/c.o', dirMtimeSec: 79, newDirMtimeSec: 79 })
    .add('symlink', { path: 'src/d.o', target: 'x', ...me, dirMtimeSec: 80 })
    .add('mknod', { path: 'src/e.o', mode: 0o010600, ...me, dirMtimeSec: 80 })
    .add('mkdir', { path: 'src/keep.o', mode: 0o755, ...me, dirMtimeSec: 80 })
    .add('unlink', { path: 'src/c.o', dirMtimeSec: 81 })
    .add('unlink', { path: 'tmp/f', dirMtimeSec: 81 })
    .add('rmdir', { path: 'tmp', dirMtimeSec: 99 })
    .bye()
  const rules = [exclude('/tmp/'), include('keep.o'), exclude('*.o')]
  const { error, result } = await replay(stream.bytes, root, { rules })
  t.equal(error, undefined)
  t.equal(result?.suspects, 0)
  t.strictSame(list(root), ['.tfs', 'src'])
  t.strictSame(list(join(root, 'src')), ['a.c', 'keep.o'])
  t.equal(fs.statSync(join(root, 'src')).mtimeMs, 81_000)
  t.equal(fs.statSync(root).mtimeMs, 99_000)
})

void t.test('what goes to an excluded place leaves, what comes from one is suspect', async (t) => {
  const root = join(tempDirectory(t).path, 'mirror')
  const stream = new StreamWriter()
    .add('mkdir', { path: 'x', mode: 0o755, ...me })
    .add('mkdir', { path: 'tree', mode: 0o755, ...me })
  let path = 'tree'
  for (let i = 0; i < 300; i++)
    stream
      .add('mkdir', { path: (path = `${path}/d`), mode: 0o555, ...me })
      .add('create', { path: `${path}/f`, mode: 0o644, ...me })
  stream
    .add('create', { path: 'file', mode: 0o644, ...me })
    .add('create', { path: 'x/secret', mode: 0o644, ...me })
    .add('create', { path: 'over', mode: 0o644, ...me })
    .add('rename', { path: 'tree', newPath: 'x/tree', dirMtimeSec: 5, newDirMtimeSec: 6 })
    .add('rename', { path: 'file', newPath: 'x/file', dirMtimeSec: 5 })
    .add('rename', { path: 'x/secret', newPath: 'over', newDirMtimeSec: 7 })
    .add('write', { path: 'over', offset: 2, data: 'x' })
    .add('link', { path: 'x/file', newPath: 'linked', newDirMtimeSec: 7 })
    .add('create', { path: 'swapped', mode: 0o644, ...me })
    .add('rename', { path: 'swapped', newPath: 'x/file', flags: renameFlag.EXCHANGE })
    .add('create', { path: 'copied', mode: 0o644, ...me })
    .add('copy', { path: 'copied', from: 'x/file', offset: 3, length: 9 })
    .bye()
  const { error } = await replay(stream.bytes, root, { rules: [exclude('/x/')] })
  t.equal(error, undefined)
  t.strictSame(list(root), ['.tfs', 'copied', 'over'])
  t.strictSame(list(join(root, '.tfs/trash')), [], 'the tree is gone, all 300 levels of it')
  t.equal(fs.readFileSync(join(root, 'over'), 'latin1'), '\0\0x')
  t.equal(fs.statSync(join(root, 'copied')).size, 12)
  t.strictSame([...new Set(suspects(root))], ['over', 'linked', 'swapped', 'copied'])
})

void t.test('what an earlier run has left in the trash', async (t) => {
  const root = join(tempDirectory(t).path, 'mirror')
  const stream = new StreamWriter().add('create', { path: 'f' })
  await replay(stream.bytes, root)
  fs.mkdirSync(join(root, '.tfs/trash/old/deep'), { recursive: true })
  fs.chmodSync(join(root, '.tfs/trash'), 0o700)
  fs.writeFileSync(join(root, '.tfs/trash/old/deep/f'), 'x')
  t.equal((await replay(stream.bye().bytes, root)).error, undefined)
  t.strictSame(list(join(root, '.tfs/trash')), [])
})
