// What a source states as data though this mirror cannot ask: it helps one that knows that it is
// wrong somewhere, and no other.

import * as fs from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { encodeNames } from '#wire'
import { replay } from '../support/replay.js'
import { StreamWriter } from '../support/stream-writer.js'
import { tempDirectory } from '../support/temp-directory.js'

const file = 0o100644
const about = { id: 77, uid: 0, gid: 0, mtimeSec: 5, mtimeNsec: 0, xattrs: Buffer.alloc(0) }
const none = Buffer.alloc(0)

function stated(path: string): Buffer {
  const names = encodeNames([
    { name: Buffer.from('a'), type: file },
    { name: Buffer.from('b'), type: file },
  ])
  const said = (name: string) => ({
    ...about,
    path: name,
    mode: file,
    major: 0,
    minor: 0,
    size: 3,
    group: 0,
    content: 0,
    linkOf: none,
    target: none,
    data: name.repeat(3),
  })
  return new StreamWriter()
    .add('create', { path: 'a', mode: 0o644 })
    .add('doubt', { path: 'b' })
    .add('assert-begin', { id: 77, depth: 1, form: 0, path })
    .add('assert-dir', { ...about, path: '', mode: 0o755, after: none, upto: none, names })
    .add('assert-file', said('a'))
    .add('assert-file', said('b'))
    .add('assert-end', { id: 77, errno: 0 })
    .bye().bytes
}

void t.test('a mirror with suspects takes what is stated', async (t) => {
  const root = join(tempDirectory(t).path, 'mirror')
  const { error, result } = await replay(stated(''), root)
  t.equal(error, undefined)
  t.equal(result?.suspects, 0)
  t.equal(fs.readFileSync(join(root, 'b'), 'utf8'), 'bbb')
  t.equal(fs.readFileSync(join(root, 'a'), 'utf8'), 'aaa')
  t.notOk(fs.existsSync(join(root, '.tfs/suspects')))
})

void t.test('a part of it leaves the list as it is', async (t) => {
  const root = join(tempDirectory(t).path, 'mirror')
  const { error, result } = await replay(stated('b'), root)
  t.equal(error, undefined)
  t.equal(result?.suspects, 1)
  t.equal(fs.readFileSync(join(root, 'b'), 'utf8'), 'bbb')
})
