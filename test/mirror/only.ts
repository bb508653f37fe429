// A mirror of a part of its source: what of the stream it takes, what becomes of renames across the
// part's edge, and what it asks for.

import * as fs from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { renameFlag } from '#wire'
import { replay } from '../support/replay.js'
import { StreamWriter } from '../support/stream-writer.js'
import { tempDirectory } from '../support/temp-directory.js'

const me = { uid: 0, gid: 0, mtimeSec: 1, dirMtimeSec: 2 }
const part = { only: Buffer.from('a/b/c') }
const tree = (root: string) =>
  fs
    .readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((path) => !path.startsWith('.tfs'))
    .toSorted()
const suspects = (root: string) =>
  fs.existsSync(join(root, '.tfs/suspects'))
    ? fs
        .readFileSync(join(root, '.tfs/suspects'), 'utf8')
        .split('\n')
        .filter(Boolean)
        .map((line) => line.replace(/^\d+ /, ''))
    : []

const directory = (stream: StreamWriter, ...paths: string[]) => {
  for (const path of paths) stream.add('mkdir', { path, mode: 0o750, ...me })
  return stream
}

const file = (stream: StreamWriter, path: string, data = 'x') =>
  stream.add('create', { path, mode: 0o640, ...me }).add('write', { path, data })

/** A tree with the part and as much beside it. */
function begun(): StreamWriter {
  const stream = directory(new StreamWriter(), 'a', 'z', 'a/b', 'a/y', 'a/b/c', 'a/b/x')
  for (const path of ['f', 'a/f', 'a/b/f', 'a/b/c/f', 'a/b/x/f', 'z/f']) file(stream, path)
  return directory(stream, 'a/b/c/d')
}

const whole = ['a', 'a/b', 'a/b/c', 'a/b/c/d', 'a/b/c/f']

void t.test('the part is made, with the directories above it and their attributes', async (t) => {
  const root = join(tempDirectory(t).path, 'mirror')
  const stream = begun()
    .add('setattr', { path: 'a/b', which: 1, mode: 0o711 })
    .add('setattr', { path: 'a/b/f', which: 1, mode: 0o711 })
    .add('write', { path: 'a/b/f', data: 'y' })
    .add('create', { path: 'a/b/g', mode: 0o640, ...me, dirMtimeSec: 77 })
    .add('create', { path: 'g', mode: 0o640, ...me, dirMtimeSec: 78 })
    .bye()
  const { error, result } = await replay(stream.bytes, root, part)
  t.equal(error, undefined)
  t.equal(result?.suspects, 0)
  t.strictSame(tree(root), whole)
  t.equal(fs.statSync(join(root, 'a')).mode & 0o777, 0o750)
  t.equal(fs.statSync(join(root, 'a/b')).mode & 0o777, 0o711)
  t.equal(fs.statSync(join(root, 'a/b')).mtimeMs, 77_000)
  t.equal(fs.statSync(root).mtimeMs, 78_000)
  t.equal(fs.readFileSync(join(root, '.tfs/only'), 'utf8'), 'a/b/c')
})

const rename = (path: string, newPath: string, flags = 0) =>
  begun().add('rename', { path, newPath, flags })

/** What is there after each, and what is suspect then. */
const renames: Record<string, readonly [StreamWriter, readonly string[], readonly string[]]> = {
  'a file goes': [rename('a/b/c/f', 'a/f2'), ['a', 'a/b', 'a/b/c', 'a/b/c/d'], []],
  'a directory goes': [rename('a/b/c/d', 'd'), ['a', 'a/b', 'a/b/c', 'a/b/c/f'], []],
  'the part goes': [rename('a/b/c', 'a/b/e'), ['a', 'a/b'], []],
  'what leads to it goes': [rename('a', 'q'), [], []],
  'some of what leads to it goes': [rename('a/b', 'a/q'), ['a'], []],
  'what goes comes back': [rename('a', 'q').add('rename', { path: 'q', newPath: 'a' }), [], ['a']],
  'a file comes': [rename('z/f', 'a/b/c/g'), whole, ['a/b/c/g']],
  'a file comes over another': [
    rename('z/f', 'a/b/c/f'),
    ['a', 'a/b', 'a/b/c', 'a/b/c/d'],
    ['a/b/c/f'],
  ],
  'a directory comes over another': [
    rename('z', 'a/b/c/d'),
    ['a', 'a/b', 'a/b/c', 'a/b/c/f'],
    ['a/b/c/d'],
  ],
  'both change places': [
    rename('a/b/c/f', 'z/f', renameFlag.EXCHANGE),
    ['a', 'a/b', 'a/b/c', 'a/b/c/d'],
    ['a/b/c/f'],
  ],
  'what leads to it changes places': [rename('a', 'z', renameFlag.EXCHANGE), [], ['a']],
  'a part changes places with another': [
    rename('a/b/x', 'a/b/c', renameFlag.EXCHANGE),
    ['a', 'a/b'],
    ['a/b/c'],
  ],
  'what is beside it goes': [rename('a/b/x', 'x'), whole, []],
  'a link comes': [begun().add('link', { path: 'z/f', newPath: 'a/b/c/g' }), whole, ['a/b/c/g']],
}

for (const [name, [stream, left, suspect]] of Object.entries(renames))
  void t.test(`across the edge: ${name}`, async (t) => {
    const root = join(tempDirectory(t).path, 'mirror')
    const { error } = await replay(stream.bye().bytes, root, part)
    t.equal(error, undefined)
    t.strictSame(tree(root), left)
    t.strictSame([...new Set(suspects(root))], suspect)
  })

void t.test("what is not the source's stays", async (t) => {
  const root = join(tempDirectory(t).path, 'mirror')
  const first = begun()
  t.equal((await replay(first.bytes, root, part)).error?.code, 'EWIRE_TRUNCATED')
  fs.mkdirSync(join(root, 'mine'))
  fs.writeFileSync(join(root, 'a/mine'), 'x')
  const stream = first.add('rename', { path: 'a', newPath: 'q' })
  t.equal((await replay(directory(stream, 'a').bye().bytes, root, part)).error, undefined)
  t.strictSame(tree(root), ['a', 'a/mine', 'mine'])
})

void t.test('a file in the place of a directory that led to it', async (t) => {
  const root = join(tempDirectory(t).path, 'mirror')
  const stream = rename('a', 'q')
  file(stream, 'a')
    .add('setattr', { path: 'a', which: 1, mode: 0o711 })
    .add('truncate', { path: 'a', size: 7 })
    .add('setxattr', { path: 'a', name: 'user.x', value: 'x' })
    .add('unlink', { path: 'a' })
  directory(stream, 'a', 'a/b')
  const { error, result } = await replay(stream.bye().bytes, root, part)
  t.equal(error, undefined)
  t.equal(result?.suspects, 0)
  t.strictSame(tree(root), ['a', 'a/b'])
})

void t.test('a file with names on both sides', async (t) => {
  const root = join(tempDirectory(t).path, 'mirror')
  const stream = begun()
    .add('link', { path: 'a/b/c/f', newPath: 'z/l' })
    .add('write', { path: 'z/l', offset: 1, data: 'y' })
    .add('rename', { path: 'z', newPath: 'w' })
  // What is known outlives a run.
  t.equal((await replay(stream.bytes, root, part)).error?.code, 'EWIRE_TRUNCATED')
  stream
    .add('truncate', { path: 'w/l', size: 3 })
    .add('setattr', { path: 'w/l', which: 1, mode: 0o604 })
    .add('create', { path: 'a/b/c/copied', mode: 0o640, ...me })
    .add('copy', { path: 'a/b/c/copied', from: 'w/l', length: 3 })
    .add('rename', { path: 'a/b/c/f', newPath: 'a/b/c/g' })
    .add('link', { path: 'w/l', newPath: 'a/b/c/h' })
    .add('rename', { path: 'w/l', newPath: 'a/b/c/d/l', newDirMtimeSec: 55 })
    .add('unlink', { path: 'a/b/c/g' })
    .add('write', { path: 'a/b/c/h', offset: 2, data: 'z' })
  const { error, result } = await replay(stream.bye().bytes, root, part)
  t.equal(error, undefined)
  t.equal(result?.suspects, 0)
  const [one, other] = ['a/b/c/h', 'a/b/c/d/l'].map((path) => fs.statSync(join(root, path)))
  t.equal(one?.ino, other?.ino)
  t.equal(one?.nlink, 2)
  t.equal((one?.mode ?? 0) & 0o777, 0o604)
  t.equal(fs.readFileSync(join(root, 'a/b/c/h'), 'latin1'), 'xyz')
  t.equal(fs.readFileSync(join(root, 'a/b/c/copied'), 'latin1'), 'xy\0')
  t.equal(fs.statSync(join(root, 'a/b/c/d')).mtimeMs, 55_000)
})

void t.test('a mirror goes on with its own part alone', async (t) => {
  const root = join(tempDirectory(t).path, 'mirror')
  const stream = begun()
  await replay(stream.bytes, root, part)
  for (const only of [undefined, Buffer.from('a/b')]) {
    const { error } = await replay(stream.bytes, root, { only })
    t.equal(error?.code, 'EMIRROR_ADOPT')
    t.match(error?.message, "keeps 'a/b/c' alone, with --only: start it with --only 'a/b/c', or")
  }
  t.equal((await replay(stream.bye().bytes, root, part)).error, undefined)
  const all = join(root, '../all')
  await replay(begun().bytes, all)
  const { error } = await replay(begun().bytes, all, part)
  t.match(error?.message, 'keeps all of its source: start it with no --only')
})
