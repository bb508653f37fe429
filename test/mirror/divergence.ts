// What is noticed, and what is kept, where a mirror is not as the stream takes it to be.

import * as fs from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { replay } from '../support/replay.js'
import { StreamWriter } from '../support/stream-writer.js'
import { tempDirectory } from '../support/temp-directory.js'

void t.test('somebody else writes to a file that is being written', async (t) => {
  const { path } = tempDirectory(t)
  for (const onDivergence of ['repair', 'stop'] as const) {
    const root = join(path, onDivergence)
    const stream = new StreamWriter()
      .add('create', { path: 'f', mode: 0o644 })
      .add('write', { path: 'f', data: 'abc' })
    const first = stream.bytes
    stream.add('write', { path: 'f', data: 'xyz' }).bye()
    async function* source() {
      yield first
      await setImmediate()
      fs.appendFileSync(join(root, 'f'), 'mine')
      yield stream.bytes.subarray(first.length)
    }
    const { error, said } = await replay([], root, {
      onDivergence,
      source: Readable.from(source()),
    })
    t.match(said, [/message 4: 'f'.*somebody else changed it/])
    t.equal(error?.code, onDivergence === 'stop' ? 'EMIRROR_DIVERGED' : undefined)
    t.equal(fs.readFileSync(join(root, 'f'), 'utf8'), error ? 'abcmine' : 'xyzmine')
  }
})

void t.test('a directory keeps its mtime where something missing is made in it', async (t) => {
  const root = join(tempDirectory(t).path, 'mirror')
  const stream = new StreamWriter()
    .add('mkdir', { path: 'd', mode: 0o755, mtimeSec: 5, dirMtimeSec: 6 })
    .add('write', { path: 'd/f', data: 'x' })
    .add('write', { path: 'd/e/f', data: 'x' })
  t.match((await replay(stream.bye().bytes, root)).result, { suspects: 5 })
  t.equal(fs.statSync(join(root, 'd')).mtimeMs, 5000)
  t.equal(fs.statSync(root).mtimeMs, 6000)
})

void t.test('an attribute of something else than is there', async (t) => {
  const root = join(tempDirectory(t).path, 'mirror')
  const acl = Buffer.alloc(4 + 3 * 8)
  acl.writeUInt32LE(2)
  for (const [i, tag] of [1, 4, 0x20].entries()) {
    acl.writeUInt16LE(tag, 4 + 8 * i)
    acl.writeUInt16LE(7, 6 + 8 * i)
    acl.writeUInt32LE(0xffffffff, 8 + 8 * i)
  }
  const stream = new StreamWriter()
    .add('create', { path: 'f', mode: 0o644 })
    .add('symlink', { path: 'l', target: 'f' })
    .add('setxattr', { path: 'f', name: 'system.posix_acl_default', value: acl })
    .add('setxattr', { path: 'l', name: 'user.a', value: 'b' })
    .bye()
  const { error, said } = await replay(stream.bytes, root)
  t.equal(error, undefined)
  t.match(said, [/'f'.*differed \(setxattr: ENODATA/, /'l'.*differed \(setxattr: ENODATA/])
})
