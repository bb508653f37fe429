// A mirror that an ordinary user runs: exact for what is the user's own, and clear about the rest.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { renameFlag } from '#wire'
import { RandomStream } from '../support/random-stream.js'
import { mirrorProgram, runMirror } from '../support/run-mirror.js'
import { seeded } from '../support/seed.js'
import { StreamWriter } from '../support/stream-writer.js'
import { tempDirectory } from '../support/temp-directory.js'
import { listTree } from '../support/tree-listing.js'

t.setTimeout(300_000)

const user = 65_534
const under = ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups']
const mine = { uid: user, gid: user, mtimeSec: 1, dirMtimeSec: 2 }

// linux/capability.h: struct vfs_cap_data, version 2, without any.
const capability = Buffer.from('0100000200000000000000000000000000000000', 'hex')

function place(t: Test): string {
  const { path } = tempDirectory(t)
  fs.chownSync(path, user, user)
  return path
}

void t.test("a tree of the user's own, with modes that keep its owner out", async (t) => {
  const path = place(t)
  const stream = new RandomStream(seeded(t), { plain: true, uid: user, gid: user })
  const input = stream.run(4000).settle().writer.bye().bytes
  const asRoot = runMirror(['--sync=none', join(path, 'root')], { input })
  t.match(asRoot, { status: 0, stderr: '' })
  const asUser = runMirror(['--sync=none', join(path, 'user')], { input, under })
  t.match(asUser, { status: 0, stderr: '' })
  t.strictSame(
    listTree(join(path, 'user'), { root: false }),
    listTree(join(path, 'root'), { root: false }),
  )
  const state = fs.readdirSync(join(path, 'user/.tfs')).toSorted()
  t.strictSame(state.slice(0, 3), ['hello', 'lock', 'position'])
})

void t.test('what only root may do is left out, counted and said once', async (t) => {
  const path = place(t)
  const root = join(path, 'mirror')
  const stream = new StreamWriter()
    .add('create', { path: 'own', mode: 0o4755, ...mine })
    .add('write', { path: 'own', data: 'x' })
    .add('create', { path: 'foreign', mode: 0o6755, ...mine, uid: 0, gid: 0 })
    .add('create', { path: 'foreign2', mode: 0o644, ...mine, uid: 0 })
    .add('setattr', { path: 'own', which: 2, uid: 0 })
    .add('mknod', { path: 'null', mode: 0o020666, major: 1, minor: 3, ...mine })
    .add('mknod', { path: 'fifo', mode: 0o010666, ...mine })
    .add('setattr', { path: 'null', which: 31, mode: 0o600 })
    .add('unlink', { path: 'null' })
    .add('setxattr', { path: 'own', name: 'trusted.x', value: 'x' })
    .add('setxattr', { path: 'own', name: 'security.capability', value: capability })
    .add('setxattr', { path: 'own', name: 'user.x', value: 'x' })
    .bye()
  const { status, stderr } = runMirror(['--sync=none', '--stats', root], {
    input: stream.bytes,
    under,
  })
  t.equal(status, 0, stderr)
  t.match(stderr, /owners stay as they are/)
  t.match(stderr, /device nodes are left out/)
  t.match(stderr, /Left out, owners: 4/)
  t.match(stderr, /Left out, devices: 1/)
  t.match(stderr, /Left out, set-id bits: 1/)
  t.match(stderr, /Left out, extended attributes: 2/)
  t.equal(fs.statSync(join(root, 'foreign')).mode & 0o7777, 0o755, 'set-id of somebody else')
  t.equal(fs.statSync(join(root, 'own')).mode & 0o7777, 0o755, 'chown would have cleared it')
  t.notOk(fs.existsSync(join(root, 'null')))
  t.equal(fs.statSync(join(root, 'own')).uid, user)
  const quiet = runMirror(['--sync=none', '--ids=ignore', join(path, 'quiet')], {
    input: new StreamWriter().add('create', { path: 'f', mode: 0o644, uid: 0 }).bye().bytes,
    under,
  })
  t.match(quiet, { status: 0, stderr: '' })
})

void t.test('a write keeps set-id bits', async (t) => {
  const path = place(t)
  const root = join(path, 'mirror')
  const stream = new StreamWriter()
    .add('create', { path: 'f', mode: 0o6755, ...mine })
    .add('write', { path: 'f', data: 'x' })
    .add('truncate', { path: 'f', size: 9 })
    .add('create', { path: 'g', mode: 0o600, ...mine })
    .add('setattr', { path: 'g', which: 1, mode: 0o4755 })
    .add('write', { path: 'g', data: 'x' })
    .bye()
  t.equal(runMirror([root], { input: stream.bytes, under }).status, 0)
  t.equal(fs.statSync(join(root, 'f')).mode & 0o7777, 0o6755)
  t.equal(fs.statSync(join(root, 'g')).mode & 0o7777, 0o4755)
})

void t.test('repairs below directories that keep their owner out', async (t) => {
  const root = join(place(t), 'mirror')
  const stream = new StreamWriter()
    .add('mkdir', { path: 'd', mode: 0o555, ...mine })
    .add('mkdir', { path: 'd/e', mode: 0o500, ...mine })
    .add('write', { path: 'd/missing/f', data: 'x' })
    .add('rmdir', { path: 'd/missing', dirMtimeSec: 1 })
    .add('mkdir', { path: 'd/e/f', mode: 0o000, ...mine })
    .add('mkdir', { path: 'd/e/f/g', mode: 0o000, ...mine })
    .add('unlink', { path: 'd/e/f/g/h', dirMtimeSec: 5 })
    .bye()
  const { status, stderr } = runMirror(['--sync=none', root], { input: stream.bytes, under })
  t.equal(status, 1, stderr)
  t.match(stderr, /suspect/)
  t.strictSame(fs.readdirSync(join(root, 'd')), ['e'])
  t.equal(fs.statSync(join(root, 'd')).mode & 0o777, 0o555)
  t.equal(fs.statSync(join(root, 'd/e/f/g')).mtimeMs, 5000)
})

void t.test('--ids map', async (t) => {
  const root = join(place(t), 'mirror')
  const stream = new StreamWriter()
    .add('create', { path: 'a', mode: 0o600, uid: 1000, gid: 100 })
    .add('create', { path: 'b', mode: 0o600, uid: 1001, gid: 1001 })
    .add('setattr', { path: 'b', which: 6, uid: 100, gid: 7 })
    .bye()
  t.equal(runMirror(['--ids', 'map=1000:2000,100:200', root], { input: stream.bytes }).status, 0)
  const owner = (name: string) => {
    const { uid, gid } = fs.statSync(join(root, name))
    return `${uid}:${gid}`
  }
  t.equal(owner('a'), '2000:200')
  t.equal(owner('b'), '200:7')
})

void t.test('a kill while modes are widened', async (t) => {
  const path = place(t)
  const root = join(path, 'mirror')
  const stream = new StreamWriter()
    .add('mkdir', { path: 'a', mode: 0o555, ...mine })
    .add('mkdir', { path: 'a/b', mode: 0o500, ...mine })
    .add('mkdir', { path: 'c', mode: 0o555, ...mine })
  for (let i = 0; i < 4000; i++)
    stream
      .add('create', { path: `a/b/f${i}`, mode: 0o400, ...mine })
      .add('rename', { path: 'a/b', newPath: 'c/b', dirMtimeSec: 1, newDirMtimeSec: 1 })
      .add('rename', { path: 'a', newPath: 'c', flags: renameFlag.EXCHANGE })
  const file = join(path, 'stream')
  fs.writeFileSync(file, stream.bye().bytes)
  const alone = join(path, 'alone')
  t.match(runMirror(['--sync=none', file, alone], { under }), { status: 0, stderr: '' })
  for (let i = 0; i < 20; i++) {
    const args = [...under.slice(1), process.execPath, mirrorProgram, '--sync=none', file, root]
    const child = spawn('setpriv', args, { stdio: 'ignore' })
    const exited = once(child, 'exit')
    await setTimeout(150 + Math.random() * 200)
    child.kill('SIGKILL')
    await exited
  }
  t.match(runMirror(['--sync=none', file, root], { under }), { status: 0, stderr: '' })
  t.strictSame(listTree(root), listTree(alone))
})
