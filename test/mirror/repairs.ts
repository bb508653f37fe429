// A mirror that somebody else has changed: what the stream says is made right as far as it can be,
// nothing is deleted that no message asks for, and the paths are noted.

import * as fs from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { renameFlag, type MessageName } from '#wire'
import { replay, type Outcome } from '../support/replay.js'
import { StreamWriter, type Loose } from '../support/stream-writer.js'
import { tempDirectory } from '../support/temp-directory.js'

const me = { uid: 0, gid: 0, mtimeSec: 1, dirMtimeSec: 2 }

interface Mirror {
  readonly root: string
  readonly at: (path: string) => string
  /** Replays what the first stream is followed by. */
  readonly repair: <K extends MessageName>(name: K, body: Loose<K>) => Promise<Outcome>
  readonly stop: <K extends MessageName>(name: K, body: Loose<K>) => Promise<Outcome>
}

/**
 * A mirror with a directory `d`, which holds `f` and `full/x`, that is then changed by `change`.
 */
async function mirror(t: Test, change: (at: (path: string) => string) => void): Promise<Mirror> {
  const root = join(tempDirectory(t).path, 'mirror')
  const at = (path: string) => join(root, path)
  const stream = new StreamWriter()
    .add('mkdir', { path: 'd', mode: 0o755, ...me })
    .add('create', { path: 'd/f', mode: 0o644, ...me })
    .add('write', { path: 'd/f', data: 'content' })
    .add('mkdir', { path: 'd/full', mode: 0o755, ...me })
    .add('create', { path: 'd/full/x', mode: 0o644, ...me })
    .add('mkdir', { path: 'd/empty', mode: 0o755, ...me })
  await replay(stream.bytes, root)
  change(at)
  const next = (onDivergence: 'repair' | 'stop') => {
    return <K extends MessageName>(name: K, body: Loose<K>) => {
      const more = new StreamWriter()
      more.seq = stream.seq
      return replay(more.add(name, { ...me, ...body }).bye().bytes, root, { onDivergence })
    }
  }
  return { root, at, repair: next('repair'), stop: next('stop') }
}

const listOf = (path: string) => (fs.existsSync(path) ? fs.readdirSync(path).toSorted() : [])

/** It went on, and noted `paths` and no other. */
function suspects(t: Test, { at }: Mirror, outcome: Outcome, paths: readonly string[]): void {
  t.equal(outcome.error, undefined, outcome.error?.message ?? 'repaired')
  const noted = fs.existsSync(at('.tfs/suspects'))
    ? fs.readFileSync(at('.tfs/suspects'), 'utf8')
    : ''
  const found = noted.split('\n').filter(Boolean)
  const listed = new Set(found.map((line) => line.split(' ')[1] ?? ''))
  t.strictSame([...listed].toSorted(), paths.toSorted())
  t.ok(found.every((line) => line.startsWith('8 ')))
  t.equal(outcome.result?.suspects, found.length)
  t.match(outcome.said.join('\n'), paths[0] ?? 'nothing')
}

/** Nothing happened, and the message is named. */
function stopped(t: Test, { error }: Outcome, code = 'EMIRROR_DIVERGED'): void {
  t.equal(error?.code, code)
  t.match(error?.message, /^message 8, byte \d+: /)
}

const nothing = () => undefined
const remove = (path: string) => (at: Mirror['at']) => fs.rmSync(at(path), { recursive: true })
type Case = [
  what: string,
  change: (at: Mirror['at']) => void,
  name: MessageName,
  body: object,
  noted: string[],
  check: (t: Test, mirror: Mirror) => void,
]

const file = (at: string) => fs.readFileSync(at, 'utf8')

const cases: Case[] = [
  [
    'write to a file that is missing',
    remove('d/f'),
    'write',
    { path: 'd/f', offset: 3, data: 'x' },
    ['d/f'],
    (t, { at }) => t.equal(file(at('d/f')), '\0\0\0x'),
  ],
  [
    'write below directories that are missing',
    remove('d'),
    'write',
    { path: 'd/f', data: 'x' },
    ['d', 'd/f'],
    (t, { at }) => t.equal(file(at('d/f')), 'x'),
  ],
  [
    'truncate of a file that is missing',
    remove('d/f'),
    'truncate',
    { path: 'd/f', size: 3 },
    ['d/f'],
    (t, { at }) => t.equal(file(at('d/f')), '\0\0\0'),
  ],
  [
    'create where there is a file already',
    nothing,
    'create',
    { path: 'd/f', mode: 0o600 },
    ['d/f'],
    (t, { at }) => {
      t.equal(file(at('d/f')), '')
      const [kept] = listOf(at('.tfs/displaced'))
      t.equal(file(at(`.tfs/displaced/${kept}`)), 'content')
    },
  ],
  [
    'create where there is a directory with things in it',
    nothing,
    'create',
    { path: 'd/full', mode: 0o600 },
    ['d/full'],
    (t, { at }) => {
      t.ok(fs.statSync(at('d/full')).isFile())
      const [kept] = listOf(at('.tfs/displaced'))
      t.strictSame(listOf(at(`.tfs/displaced/${kept}`)), ['x'])
    },
  ],
  [
    'create below directories that are missing',
    remove('d'),
    'create',
    { path: 'd/sub/new', mode: 0o600 },
    ['d', 'd/sub', 'd/sub/new'],
    (t, { at }) => t.ok(fs.existsSync(at('d/sub/new'))),
  ],
  [
    'mkdir where there is a directory with things in it',
    nothing,
    'mkdir',
    { path: 'd/full', mode: 0o700 },
    ['d/full'],
    (t, { at }) => {
      t.strictSame(listOf(at('d/full')), ['x'], 'which stay')
      t.equal(fs.statSync(at('d/full')).mode & 0o777, 0o700)
    },
  ],
  [
    'mkdir where there is a file',
    nothing,
    'mkdir',
    { path: 'd/f', mode: 0o700 },
    ['d/f'],
    (t, { at }) => t.ok(fs.statSync(at('d/f')).isDirectory()),
  ],
  [
    'symlink where there is another',
    (at) => fs.symlinkSync('other', at('d/s')),
    'symlink',
    { path: 'd/s', target: 'right' },
    ['d/s'],
    (t, { at }) => t.equal(fs.readlinkSync(at('d/s')), 'right'),
  ],
  [
    'mknod where there is a file',
    nothing,
    'mknod',
    { path: 'd/f', mode: 0o010600 },
    ['d/f'],
    (t, { at }) => t.ok(fs.statSync(at('d/f')).isFIFO()),
  ],
  [
    'link of a file that is missing',
    remove('d/f'),
    'link',
    { path: 'd/f', newPath: 'd/g' },
    ['d/f', 'd/g'],
    (t, { at }) => t.equal(fs.statSync(at('d/f')).ino, fs.statSync(at('d/g')).ino),
  ],
  [
    'link to a name that is taken',
    nothing,
    'link',
    { path: 'd/f', newPath: 'd/full/x' },
    ['d/f', 'd/full/x'],
    (t, { at }) => t.equal(file(at('d/full/x')), 'content'),
  ],
  [
    'unlink of what is missing',
    remove('d/f'),
    'unlink',
    { path: 'd/f', dirMtimeSec: 77 },
    ['d/f'],
    (t, { at }) => t.equal(fs.statSync(at('d')).mtimeMs, 77_000),
  ],
  [
    'unlink below what is missing',
    remove('d'),
    'unlink',
    { path: 'd/f' },
    ['d/f'],
    (t, { at }) => t.notOk(fs.existsSync(at('d'))),
  ],
  [
    'unlink of a directory',
    nothing,
    'unlink',
    { path: 'd/full' },
    ['d/full'],
    (t, { at }) => {
      t.notOk(fs.existsSync(at('d/full')))
      t.strictSame(listOf(at(`.tfs/displaced/${listOf(at('.tfs/displaced'))[0]}`)), ['x'])
    },
  ],
  [
    'rmdir of a directory with things in it',
    nothing,
    'rmdir',
    { path: 'd/full', dirMtimeSec: 77 },
    ['d/full'],
    (t, { at }) => {
      t.notOk(fs.existsSync(at('d/full')))
      t.strictSame(listOf(at(`.tfs/displaced/${listOf(at('.tfs/displaced'))[0]}`)), ['x'])
      t.equal(fs.statSync(at('d')).mtimeMs, 77_000)
    },
  ],
  [
    'rmdir of a file',
    nothing,
    'rmdir',
    { path: 'd/f' },
    ['d/f'],
    (t, { at }) => t.notOk(fs.existsSync(at('d/f'))),
  ],
  [
    'rename of what is missing',
    remove('d/f'),
    'rename',
    { path: 'd/f', newPath: 'd/g', newDirMtimeSec: 2 },
    ['d/f', 'd/g'],
    (t, { at }) => t.strictSame(listOf(at('d')), ['empty', 'full']),
  ],
  [
    'rename into a directory that is missing',
    nothing,
    'rename',
    { path: 'd/f', newPath: 'new/g' },
    ['d/f', 'new', 'new/g'],
    (t, { at }) => t.equal(file(at('new/g')), 'content'),
  ],
  [
    'rename of a file to a directory',
    nothing,
    'rename',
    { path: 'd/f', newPath: 'd/full' },
    ['d/f', 'd/full'],
    (t, { at }) => t.equal(file(at('d/full')), 'content'),
  ],
  [
    'rename of a directory to a file',
    nothing,
    'rename',
    { path: 'd/full', newPath: 'd/f' },
    ['d/f', 'd/full'],
    (t, { at }) => t.strictSame(listOf(at('d/f')), ['x']),
  ],
  [
    'rename that replaces nothing, to a name that is taken',
    nothing,
    'rename',
    { path: 'd/f', newPath: 'd/full/x', flags: renameFlag.NOREPLACE },
    ['d/f', 'd/full/x'],
    (t, { at }) => t.equal(file(at('d/full/x')), 'content'),
  ],
  [
    'exchange with what is missing',
    remove('d/full'),
    'rename',
    { path: 'd/f', newPath: 'd/full', flags: renameFlag.EXCHANGE },
    ['d/f', 'd/full'],
    (t, { at }) => t.equal(file(at('d/full')), 'content'),
  ],
  [
    'exchange of what is missing',
    remove('d/f'),
    'rename',
    { path: 'd/f', newPath: 'd/full', flags: renameFlag.EXCHANGE },
    ['d/f', 'd/full'],
    (t, { at }) => t.strictSame(listOf(at('d/f')), ['x']),
  ],
  [
    'copy from what is missing',
    remove('d/f'),
    'copy',
    { path: 'd/full/x', from: 'd/f', offset: 5, length: 5 },
    ['d/f', 'd/full/x'],
    (t, { at }) => t.equal(fs.statSync(at('d/full/x')).size, 10),
  ],
  [
    'copy of more than there is',
    (at) => fs.truncateSync(at('d/f'), 3),
    'copy',
    { path: 'd/full/x', from: 'd/f', length: 7 },
    ['d/f', 'd/full/x'],
    (t, { at }) => t.equal(file(at('d/full/x')), 'con\0\0\0\0'),
  ],
  [
    'attributes of what is missing',
    remove('d/f'),
    'setattr',
    { path: 'd/f', which: 1, mode: 0o600 },
    ['d/f'],
    (t, { at }) => t.notOk(fs.existsSync(at('d/f'))),
  ],
  [
    'an extended attribute that is missing',
    nothing,
    'removexattr',
    { path: 'd/f', name: 'user.x' },
    ['d/f'],
    () => undefined,
  ],
]

for (const [what, change, name, body, noted, check] of cases)
  void t.test(what, async (t) => {
    const first = await mirror(t, change)
    const before = listOf(first.at('d'))
    stopped(t, await first.stop(name, body))
    t.strictSame(listOf(first.at('d')), before, 'nothing is done with --on-divergence stop')
    suspects(t, first, await first.repair(name, body), noted)
    check(t, first)
  })

void t.test('suspects are told until the list is removed', async (t) => {
  const { root, at, repair } = await mirror(t, remove('d/f'))
  await repair('write', { path: 'd/f', data: 'x' })
  const next = new StreamWriter(8, { epoch: 7, seq: 9 }).bye()
  t.equal((await replay(next.bytes, root)).result?.suspects, 2)
  fs.rmSync(at('.tfs/suspects'))
  t.equal((await replay(next.bytes, root)).result?.suspects, 0)
})

void t.test('a million suspects are counted, and the first of them listed', async (t) => {
  const root = join(tempDirectory(t).path, 'mirror')
  const stream = new StreamWriter()
  for (let i = 0; i < 12_000; i++) stream.add('unlink', { path: `missing-${i}` })
  const { result, said } = await replay(stream.bye().bytes, root)
  t.equal(result?.suspects, 12_000)
  t.equal(file(join(root, '.tfs/suspects')).split('\n').length, 10_001)
  t.ok(said.length < 20, 'and not all of them said')
  t.match(said.at(-1), /more of the kind/)
})

void t.test('a file that somebody else writes to between our writes', async (t) => {
  const root = join(tempDirectory(t).path, 'mirror')
  const one = new StreamWriter()
    .add('create', { path: 'f', mode: 0o600 })
    .add('write', { path: 'f', data: 'ours' })
    .add('create', { path: 'linked', mode: 0o600 })
    .add('link', { path: 'linked', newPath: 'other' })
    .add('write', { path: 'linked', data: 'ours' })
  const { length } = one.messages
  one.add('write', { path: 'f', offset: 4, data: 'more' })
  one.add('write', { path: 'other', data: 'x' }).add('write', { path: 'linked', data: 'y' }).bye()
  async function* pieces() {
    yield Buffer.concat(one.messages.slice(0, length))
    await new Promise((resolve) => setTimeout(resolve, 50))
    fs.appendFileSync(join(root, 'f'), 'theirs')
    for (const piece of one.messages.slice(length)) {
      yield piece
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
  const { Readable } = await import('node:stream')
  const { result } = await replay([], root, { source: Readable.from(pieces()) })
  t.equal(result?.suspects, 1)
  t.match(file(join(root, '.tfs/suspects')), / f$/m)
})
