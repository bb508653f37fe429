// What a machine that stops may leave: the position is never ahead of the data, and what is not
// known to be on disk is not taken for it.

import * as fs from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import t from 'tap'
import { clearFaults, errno, injectFault, type FaultCall } from '#posix'
import { renameFlag } from '#wire'
import { replay } from '../support/replay.js'
import { StreamWriter } from '../support/stream-writer.js'
import { tempDirectory } from '../support/temp-directory.js'
import { listTree } from '../support/tree-listing.js'

t.setTimeout(60_000)
t.afterEach(clearFaults)

const me = { mode: 0o644, mtimeSec: 1, dirMtimeSec: 2 }
const slots = [0, 4096]

/** Makes the position look as if another start of the machine had written it. */
function restart(root: string): void {
  const file = join(root, '.tfs/position')
  const bytes = fs.readFileSync(file)
  for (const at of slots) {
    bytes.fill(1, at + 88, at + 104)
    bytes.writeUInt32LE(crc32(bytes.subarray(at, at + 124)), at + 124)
  }
  fs.writeFileSync(file, bytes)
}

/** A file that is replaced over and over, as programs do that save. */
function saves(count: number): StreamWriter {
  const stream = new StreamWriter()
  for (let i = 0; i < count; i++)
    stream
      .add('create', { path: 'new', ...me })
      .add('write', { path: 'new', data: `${i}` })
      .add('setattr', { path: 'new', which: 16, mtimeSec: i })
      .add('rename', { path: 'new', newPath: 'file', dirMtimeSec: 2, newDirMtimeSec: 2 })
  return stream
}

void t.test('the machine stops: what was not yet durable is done over again', async (t) => {
  const { path } = tempDirectory(t)
  const [alone, root] = [join(path, 'alone'), join(path, 'mirror')]
  const { bytes } = saves(9).bye()
  t.equal((await replay(bytes, alone)).error, undefined)
  t.match((await replay(saves(9).bytes, root)).error, { code: 'EWIRE_TRUNCATED' })
  restart(root)
  const { error, result, said } = await replay(bytes, root)
  t.equal(error, undefined)
  t.equal(result?.counts.skipped, 1, 'since it joined nothing was durable')
  t.match(said, [/message 1: '\.'.*may not have reached the disk/])
  t.equal(result?.suspects, 1, 'nobody knows which')
  t.strictSame(listTree(root), listTree(alone))
})

void t.test('names that were used again since', async (t) => {
  const root = join(tempDirectory(t).path, 'mirror')
  const stream = new StreamWriter()
    .add('mkdir', { path: 'd', ...me, mode: 0o755 })
    .add('create', { path: 'd/f', ...me })
    .add('rename', { path: 'd', newPath: 'e', dirMtimeSec: 2, newDirMtimeSec: 2 })
    .add('mkdir', { path: 'd', ...me, mode: 0o755 })
    .add('create', { path: 'd/g', ...me })
    .add('rename', { path: 'd', newPath: 'e', flags: renameFlag.EXCHANGE })
    .add('rmdir', { path: 'x' })
  t.match((await replay(stream.bytes, root)).error, { code: 'EWIRE_TRUNCATED' })
  restart(root)
  const { error, result } = await replay(stream.bye().bytes, root)
  t.equal(error, undefined, 'it gets on')
  t.ok((result?.suspects ?? 0) > 0, 'and says that it may be wrong')
  t.match(fs.readFileSync(join(root, '.tfs/suspects'), 'latin1'), /^1 \.$/m)
})

void t.test('what is durable is not done over again', async (t) => {
  const root = join(tempDirectory(t).path, 'mirror')
  for (const sync of ['always', 5] as const) {
    await replay(saves(9).bytes, root, { sync })
    restart(root)
    const { error, result, said } = await replay(saves(9).bye().bytes, root, { sync })
    t.match({ error, said }, { error: undefined, said: [] })
    t.equal(result?.suspects, 0)
  }
})

void t.test('a sync that failed is not made good by another', async (t) => {
  for (const [call, nth] of [
    ['syncfs', 3],
    ['fdatasync', 3],
  ] as [FaultCall, number][]) {
    const root = join(tempDirectory(t).path, 'mirror')
    injectFault({ call, nth, errno: errno.EIO })
    const failed = await replay(saves(9).bytes, root, { sync: 'always' })
    clearFaults()
    t.match(failed.error, { code: 'EIO', syscall: call })
    const { error, said } = await replay(saves(9).bye().bytes, root)
    t.equal(error, undefined)
    if (call === 'syncfs') t.match(said, [/message 1: '\.'/], 'it may have been lost by the first')
  }
})

void t.test('a mirror joins when what it is and where it is are durable', async (t) => {
  for (const [call, nth] of [
    ['syncfs', 1],
    ['syncfs', 2],
    ['fdatasync', 2],
  ] as [FaultCall, number][]) {
    const root = join(tempDirectory(t).path, 'mirror')
    injectFault({ call, nth, errno: errno.EIO })
    const failed = await replay(saves(1).bytes, root, { sync: 5 })
    clearFaults()
    t.match(failed.error, { code: 'EIO' })
    t.strictSame(fs.readdirSync(root), ['.tfs'], 'nothing is applied')
    t.equal((await replay(saves(1).bye().bytes, root, { sync: 5 })).error, undefined)
  }
})

void t.test('25: a position that was never written, in a tree that was', async (t) => {
  const root = join(tempDirectory(t).path, 'mirror')
  await replay(saves(1).bytes, root)
  fs.truncateSync(join(root, '.tfs/position'))
  t.match((await replay(saves(1).bye().bytes, root)).error, { code: 'EMIRROR_ADOPT' })
})
