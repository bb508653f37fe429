// Operations on names, replayed one stream each; what is then there is compared with what the
// messages say, by lstat.

import { lstatSync, readdirSync, readlinkSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { renameFlag } from '#wire'
import { replay } from '../support/replay.js'
import { StreamWriter } from '../support/stream-writer.js'
import { tempDirectory } from '../support/temp-directory.js'

t.setTimeout(300_000)

const attributes = {
  uid: 1234,
  gid: 4321,
  mtimeSec: 1_600_000_000,
  mtimeNsec: 123_456_789,
  dirMtimeSec: 1_500_000_000,
  dirMtimeNsec: 987_654_321,
}
const mtime = 1_600_000_000_123_456_789n
const dirMtime = 1_500_000_000_987_654_321n
const big = (path: string) => lstatSync(path, { bigint: true })

void t.test(
  'what is made has its mode, owner and mtime, and its directory the mtime said',
  async (t) => {
    const root = join(tempDirectory(t).path, 'mirror')
    const stream = new StreamWriter()
      .add('mkdir', { path: 'd', mode: 0o2751, ...attributes })
      .add('create', { path: 'd/file', mode: 0o4711, ...attributes })
      .add('symlink', { path: 'd/symlink', target: '../../etc/passwd', ...attributes })
      .add('mknod', { path: 'd/fifo', mode: 0o010640, ...attributes })
      .add('mknod', { path: 'd/socket', mode: 0o140755, ...attributes })
      .add('mknod', { path: 'd/char', mode: 0o020666, major: 259, minor: 70_000, ...attributes })
      .add('mknod', { path: 'd/block', mode: 0o060600, major: 7, minor: 300, ...attributes })
      .bye()
    const { error, said } = await replay(stream.bytes, root)
    t.equal(error, undefined)
    t.strictSame(said, [])
    const modes = {
      'd/file': 0o104711,
      'd/symlink': 0o120777,
      'd/fifo': 0o010640,
      'd/socket': 0o140755,
      'd/char': 0o020666,
      'd/block': 0o060600,
    }
    for (const [path, mode] of Object.entries(modes)) {
      const stat = big(join(root, path))
      t.equal(Number(stat.mode).toString(8), mode.toString(8), path)
      t.strictSame([stat.uid, stat.gid, stat.mtimeNs], [1234n, 4321n, mtime], path)
    }
    const d = big(join(root, 'd'))
    t.equal(Number(d.mode), 0o042751)
    t.equal(d.mtimeNs, dirMtime, 'of the directory, after what was made in it')
    t.equal(big(root).mtimeNs, dirMtime)
    t.equal(readlinkSync(join(root, 'd/symlink')), '../../etc/passwd')
    t.equal(statSync(join(root, 'd/char')).rdev, makedev(259, 70_000))
    t.equal(statSync(join(root, 'd/block')).rdev, makedev(7, 300))
  },
)

// As glibc's makedev(3) and so lstat have it.
const makedev = (major: number, minor: number) =>
  (minor & 0xff) + ((major & 0xfff) << 8) + (minor >>> 8) * 2 ** 20

void t.test('names are any bytes', async (t) => {
  const root = join(tempDirectory(t).path, 'mirror')
  const names = [
    Buffer.from('line\nbreak \x1b[31m \u202e -rf'),
    Buffer.from('-rf'),
    Buffer.alloc(255, 0xff),
    Buffer.from([0xc3, 0x28]),
    Buffer.from(' '),
  ]
  const stream = new StreamWriter()
  for (const path of names) stream.add('create', { path, mode: 0o600, ...attributes })
  const { error } = await replay(stream.bye().bytes, root)
  t.equal(error, undefined)
  const found = readdirSync(root, { encoding: 'buffer' }).filter(
    (name) => name.toString() !== '.tfs',
  )
  const sorted = (list: Buffer[]) => list.map((name) => name.toString('hex')).toSorted()
  t.strictSame(sorted(found), sorted(names))
})

void t.test('links, renames and removals', async (t) => {
  const root = join(tempDirectory(t).path, 'mirror')
  const moved = { dirMtimeSec: 11, dirMtimeNsec: 1, newDirMtimeSec: 22, newDirMtimeNsec: 2 }
  const stream = new StreamWriter()
    .add('mkdir', { path: 'a', mode: 0o755, ...attributes })
    .add('mkdir', { path: 'b', mode: 0o755, ...attributes })
    .add('create', { path: 'a/1', mode: 0o644, ...attributes })
    .add('write', { path: 'a/1', data: 'one' })
    .add('link', { path: 'a/1', newPath: 'b/2', newDirMtimeSec: -7, newDirMtimeNsec: 3 })
    .add('symlink', { path: 'a/s', target: 'nowhere', ...attributes })
    .add('link', { path: 'a/s', newPath: 'b/s', newDirMtimeSec: -7, newDirMtimeNsec: 3 })
  t.equal((await replay(stream.bye().bytes, root)).error, undefined)
  t.equal(big(join(root, 'a/1')).ino, big(join(root, 'b/2')).ino)
  t.equal(big(join(root, 'a/s')).ino, big(join(root, 'b/s')).ino, 'a symlink, not what it names')
  t.equal(big(join(root, 'b')).mtimeNs, -7_000_000_000n + 3n, 'before 1970')

  const next = new StreamWriter(8, { epoch: 7, seq: stream.seq })
    .add('create', { path: 'b/over', mode: 0o644, ...attributes })
    .add('rename', { path: 'a/1', newPath: 'b/over', ...moved })
    .add('mkdir', { path: 'a/sub', mode: 0o700, ...attributes })
    .add('create', { path: 'a/sub/x', mode: 0o644, ...attributes })
    .add('rename', { path: 'a/sub', newPath: 'b/sub', ...moved })
    .add('write', { path: 'b/sub/x', data: 'x' })
    .add('rename', { path: 'b/sub', newPath: 'a/s', flags: renameFlag.EXCHANGE, ...moved })
    .add('unlink', { path: 'a/s/x', dirMtimeSec: 5 })
    .add('rmdir', { path: 'a/s', dirMtimeSec: 33, dirMtimeNsec: 3 })
    .add('rename', { path: 'b/2', newPath: 'b/3', flags: renameFlag.NOREPLACE, ...moved })
  t.equal((await replay(next.bye().bytes, root)).error, undefined)
  t.strictSame(readdirSync(join(root, 'a')), [])
  t.strictSame(readdirSync(join(root, 'b')).toSorted(), ['3', 'over', 's', 'sub'])
  t.ok(big(join(root, 'b/sub')).isSymbolicLink())
  t.equal(big(join(root, 'b/over')).ino, big(join(root, 'b/3')).ino)
  t.equal(big(join(root, 'a')).mtimeNs, 33_000_000_003n)
  t.equal(big(join(root, 'b')).mtimeNs, 11_000_000_001n, 'one directory, one time')
})

void t.test('a tree of 5,000 levels', async (t) => {
  const root = join(tempDirectory(t).path, 'mirror')
  const stream = new StreamWriter()
  let path = ''
  const levels: string[] = []
  for (let i = 0; i < 5000; i++) {
    path = path ? `${path}/dir` : 'dir'
    levels.push(path)
    stream.add('mkdir', { path, mode: 0o755, ...attributes })
  }
  stream.add('create', { path: `${path}/f`, mode: 0o644, ...attributes })
  stream.add('write', { path: `${path}/f`, data: 'deep' })
  // From the top again, so that nothing of the way is open any more.
  for (let i = 0; i < 600; i++) stream.add('create', { path: `f${i}`, mode: 0o644, ...attributes })
  for (const level of levels.filter((_, i) => i % 17 === 0))
    stream.add('setattr', { path: level, which: 16, mtimeSec: 77 })
  stream.add('unlink', { path: `${path}/f`, dirMtimeSec: 1 })
  for (const level of levels.toReversed()) stream.add('rmdir', { path: level, dirMtimeSec: 1 })
  const { error, result } = await replay(stream.bye().bytes, root)
  t.equal(error, undefined)
  t.equal(result?.suspects, 0)
  t.equal(readdirSync(root).length, 601)
})

void t.test('between a directory and each one far below it, neither of them open', async (t) => {
  const root = join(tempDirectory(t).path, 'mirror')
  const levels = Array.from({ length: 140 }, (_, i) => `d${'/e'.repeat(i)}`)
  const made = new StreamWriter()
  for (const path of levels) made.add('mkdir', { path, mode: 0o755, ...attributes })
  // What a descriptor mistaken for the top's would find.
  for (const level of levels)
    made.add('create', { path: `${level}/f`, mode: 0o644, ...attributes, mtimeSec: 5 })
  t.match((await replay(made.bytes, root)).error, { code: 'EWIRE_TRUNCATED' })
  const inode = lstatSync(join(root, 'd/f')).ino
  for (const level of levels.filter((_, i) => i % 64 === 1 || (i > 60 && i < 70))) {
    made.add('rename', { path: 'd/f', newPath: `${level}/g` })
    t.match((await replay(made.bytes, root)).error, { code: 'EWIRE_TRUNCATED' })
    made.add('link', { path: `${level}/g`, newPath: 'd/f' })
    const { error, said } = await replay(made.bytes, root)
    t.match(error, { code: 'EWIRE_TRUNCATED' })
    t.strictSame(said, [])
    t.equal(lstatSync(join(root, 'd/f')).ino, inode, level)
    t.equal(lstatSync(join(root, level, 'g')).ino, inode)
  }
})
