// --ids xattr: owners, modes, devices, links and attributes are kept as rsync --fake-super keeps
// them, and rsync brings them back.

import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { clearFaults, errno, injectFault, type FaultCall } from '#posix'
import { RandomStream } from '../support/random-stream.js'
import { replay } from '../support/replay.js'
import { runMirror } from '../support/run-mirror.js'
import { seeded } from '../support/seed.js'
import { StreamWriter } from '../support/stream-writer.js'
import { tempDirectory } from '../support/temp-directory.js'
import { listTree } from '../support/tree-listing.js'

t.setTimeout(300_000)
t.teardown(clearFaults)

const user = 65_534
const under = ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups']
const ids = { kind: 'xattr' } as const
const owned = { uid: 1000, gid: 100, mtimeSec: 1, dirMtimeSec: 2 }

function place(t: Test): string {
  const { path } = tempDirectory(t)
  fs.chownSync(path, user, user)
  return path
}

function run(command: string, args: string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, {
    encoding: 'latin1',
    timeout: 60_000,
  })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`)
  return stdout
}

/** What rsync makes of a copy: here, or there in the place of another machine. */
function restored(copy: string, to: string, isRemote = false): string[] {
  const rsh = ['-e', `sh -c 'shift; exec sh -c "$*"' sh`, '-M--fake-super']
  const sides = isRemote ? rsh : ['--fake-super', '-M--super']
  const from = `${isRemote ? 'host:' : ''}${copy}/`
  run('rsync', ['-aHAX', '--numeric-ids', ...sides, '--exclude=/.tfs', from, `${to}/`])
  return listTree(to, { root: false })
}

/** What a mirror is that may do everything. */
function real(input: Buffer, to: string): string[] {
  const { status, stderr } = runMirror(['--sync=none', to], { input })
  if (status !== 0) throw new Error(stderr)
  return listTree(to, { root: false })
}

function noted(path: string): string {
  return run('getfattr', ['-h', '--only-values', '-n', 'user.rsync.%stat', path])
}
const isNoted = (path: string) => run('getfattr', ['-h', '-m-', path]).includes('%stat')

void t.test('rsync brings everything back', async (t) => {
  const path = place(t)
  const input = new RandomStream(seeded(t)).run(3000).settle().writer.bye().bytes
  const expected = real(input, join(path, 'real'))
  for (const [name, as] of [['user', under] as const, ['root', []] as const]) {
    const copy = join(path, name)
    const args = ['--sync=none', '--ids=xattr', copy]
    const { status, stderr } = runMirror(args, { input, under: as })
    t.equal(status, 0, stderr)
    t.equal(stderr.trimEnd().split('\n').length, 1, 'one line')
    t.match(stderr, /kept as files/)
    t.strictSame(restored(copy, join(path, `${name}-restored`), name === 'user'), expected, name)
  }
})

void t.test('what is kept, and how', async (t) => {
  const path = place(t)
  const root = join(path, 'mirror')
  const stream = new StreamWriter()
    .add('create', { path: 'own', mode: 0o640, ...owned, uid: user, gid: user })
    .add('create', { path: 'foreign', mode: 0o4511, ...owned })
    .add('create', { path: 'given', mode: 0o6711, ...owned })
    .add('setattr', { path: 'given', which: 2, uid: 7 })
    .add('create', { path: 'returned', mode: 0o600, ...owned })
    .add('setattr', { path: 'returned', which: 6, uid: user, gid: user })
    .add('mkdir', { path: 'd', mode: 0o2055, ...owned })
    .add('create', { path: 'd/f', mode: 0o000, ...owned })
    .add('write', { path: 'd/f', data: 'x' })
    .add('mknod', { path: 'null', mode: 0o020666, major: 1, minor: 3, ...owned })
    .add('setattr', { path: 'null', which: 1, mode: 0o600 })
    .add('mknod', { path: 'fifo', mode: 0o010644, ...owned })
    .add('symlink', { path: 's', target: '/etc/passwd', ...owned })
    .add('setattr', { path: 's', which: 6, uid: 3, gid: 4 })
    .add('link', { path: 's', newPath: 's2' })
    .bye()
  const { status, stderr } = runMirror(['--ids=xattr', '--stats', root], {
    input: stream.bytes,
    under,
  })
  t.equal(status, 0, stderr)
  t.notMatch(stderr, /Left out/)
  const mode = (name: string) => fs.lstatSync(join(root, name)).mode
  t.notOk(isNoted(join(root, 'own')))
  t.equal(noted(join(root, 'foreign')), '104511 0,0 1000:100')
  t.equal(mode('foreign'), 0o100711)
  t.equal(noted(join(root, 'given')), '100711 0,0 7:100', 'chown clears set-id bits')
  t.notOk(isNoted(join(root, 'returned')))
  t.equal(noted(join(root, 'd')), '42055 0,0 1000:100')
  t.equal(mode('d'), 0o040755)
  t.equal(mode('d/f'), 0o100600)
  t.equal(noted(join(root, 'null')), '20600 1,3 1000:100')
  t.equal(noted(join(root, 'fifo')), '10644 0,0 1000:100')
  t.equal(noted(join(root, 's2')), '120777 0,0 3:4')
  t.equal(fs.readFileSync(join(root, 's'), 'latin1'), '/etc/passwd')
  t.equal(fs.lstatSync(join(root, 's')).nlink, 2)
})

// linux/capability.h: struct vfs_cap_data, version 2, without any but for CAP_CHOWN.
const capability = Buffer.from('0100000201000000000000000000000000000000', 'hex')

function acl(...entries: [tag: number, permissions: number, id?: number][]): Buffer {
  const out = Buffer.alloc(4 + entries.length * 8)
  out.writeUInt32LE(2)
  for (const [i, [tag, permissions, id = 0xffffffff]] of entries.entries()) {
    out.writeUInt16LE(tag, 4 + i * 8)
    out.writeUInt16LE(permissions, 6 + i * 8)
    out.writeUInt32LE(id, 8 + i * 8)
  }
  return out
}
const access = 'system.posix_acl_access'
const byDefault = 'system.posix_acl_default'
// prettier-ignore
const shared = acl([1, 7], [2, 6, 99], [2, 7, 100], [4, 5], [8, 4, 98], [16, 7], [32, 1])

void t.test('attributes that only root can give, and ACLs', async (t) => {
  const path = place(t)
  const stream = new StreamWriter()
  for (const name of ['a', 'b', 'c', 'e'])
    stream.add('create', { path: name, mode: 0o644, ...owned })
  stream
    .add('setxattr', { path: 'a', name: 'trusted.x', value: '1' })
    .add('setxattr', { path: 'a', name: 'trusted.gone', value: '1' })
    .add('removexattr', { path: 'a', name: 'trusted.gone' })
    .add('setxattr', { path: 'a', name: 'security.capability', value: capability })
    .add('setxattr', { path: 'b', name: 'security.capability', value: capability })
    .add('write', { path: 'b', data: 'takes the capability away' })
    .add('setxattr', { path: 'c', name: 'security.capability', value: capability })
    .add('setattr', { path: 'c', which: 2, uid: 5 })
    .add('setxattr', { path: 'e', name: access, value: shared })
    .add('setattr', { path: 'e', which: 1, mode: 0o4751 })
    .add('setattr', { path: 'e', which: 6, uid: 3, gid: 4 })
    .add('create', { path: 'equivalent', mode: 0o600, ...owned })
    .add('setxattr', { path: 'equivalent', name: access, value: shared })
    .add('setxattr', { path: 'equivalent', name: access, value: acl([1, 6], [4, 4], [32, 4]) })
    .add('create', { path: 'plain', mode: 0o600, ...owned })
    .add('setxattr', { path: 'plain', name: access, value: shared })
    .add('removexattr', { path: 'plain', name: access })
    .add('mkdir', { path: 'd', mode: 0o755, ...owned })
    .add('setxattr', { path: 'd', name: byDefault, value: shared })
    .add('create', { path: 'd/f', mode: 0o640, ...owned })
    .add('mkdir', { path: 'd/d', mode: 0o750, ...owned })
    .add('mkdir', { path: 'd/d/without', mode: 0o700, ...owned })
    .add('removexattr', { path: 'd/d/without', name: byDefault })
    .add('create', { path: 'd/d/without/f', mode: 0o600, ...owned })
    .add('mknod', { path: 'd/d/fifo', mode: 0o010620, ...owned })
    .add('symlink', { path: 'd/s', target: 'x', ...owned })
  for (const name of ['b', 'd/f']) stream.add('setattr', { path: name, which: 16, mtimeSec: 9 })
  const input = stream.bye().bytes
  const expected = real(input, join(path, 'real'))
  t.equal(expected.filter((line) => line.includes('posix_acl_access')).length, 5)
  const copy = join(path, 'copy')
  const { status, stderr } = runMirror(['--ids=xattr', '--stats', copy], { input, under })
  t.equal(status, 0, stderr)
  t.notMatch(stderr, /Left out/)
  t.strictSame(restored(copy, join(path, 'restored')), expected)
})

void t.test('a stream cannot say what a file stands for', async (t) => {
  const path = place(t)
  const names = ['%stat', '%aacl', '%dacl', 'security.capability', 'trusted.x', 'x', 'user.rsync.x']
  const stream = new StreamWriter().add('create', { path: 'f', mode: 0o600, ...owned })
  for (const name of names)
    stream.add('setxattr', { path: 'f', name: `user.rsync.${name}`, value: '104755 0,0 0:0' })
  stream.add('removexattr', { path: 'f', name: 'user.rsync.x' })
  const input = stream.bye().bytes
  const copy = join(path, 'copy')
  t.equal(runMirror(['--ids=xattr', copy], { input, under }).status, 0)
  t.equal(noted(join(copy, 'f')), '100600 0,0 1000:100')
  const [line, ...others] = restored(copy, join(path, 'restored'))
  t.strictSame(others, [])
  const found = line?.split(' ').filter((word) => /^(user|security|trusted|system)\./.test(word))
  // Those with a % rsync itself copies only with -X given twice.
  t.strictSame(
    found?.map((word) => word.split('=')[0]),
    ['user.rsync.security.capability', 'user.rsync.trusted.x', 'user.rsync.user.rsync.x'],
  )
  const long = `user.rsync.${'x'.repeat(240)}`
  const tooLong = new StreamWriter(9)
    .add('create', { path: 'g', mode: 0o600, ...owned })
    .add('setxattr', { path: 'g', name: long, value: 'x' })
  const second = runMirror(['--ids=xattr', join(path, 'second')], {
    input: tooLong.bye().bytes,
    under,
  })
  t.equal(second.status, 0)
  t.match(second.stderr, /some extended attributes are left out/)
})

void t.test('contents of what stands for something else', async (t) => {
  const { path } = tempDirectory(t)
  const start = () =>
    new StreamWriter()
      .add('create', { path: 'file', mode: 0o600, ...owned })
      .add('write', { path: 'file', data: 'x' })
      .add('symlink', { path: 's', target: 'file', ...owned })
      .add('mknod', { path: 'n', mode: 0o020600, major: 1, minor: 3, ...owned })
  const through = { code: 'EMIRROR_REFUSED', message: /not a directory/ }
  const on = { code: 'EMIRROR_REFUSED', message: /not a regular file/ }
  const bad = [
    start().add('write', { path: 's', data: 'x' }),
    start().add('truncate', { path: 'n', size: 3 }),
    start().add('fallocate', { path: 'n', length: 3 }),
    start().add('copy', { path: 'file', from: 's', length: 1 }),
    start().add('copy', { path: 's', from: 'file', length: 1 }),
  ]
  for (const [i, stream] of bad.entries()) {
    const { error } = await replay(stream.bye().bytes, join(path, `on-${i}`), { ids })
    t.match(error, on)
  }
  const stream = start()
    .add('create', { path: 's/f', mode: 0o600, ...owned })
    .bye().bytes
  t.match((await replay(stream, join(path, 'through'), { ids })).error, through)
  const invalid = new StreamWriter()
    .add('create', { path: 'f', mode: 0o600, ...owned })
    .add('setxattr', { path: 'f', name: access, value: acl([1, 7], [2, 6, 99], [4, 5], [32, 1]) })
  const { error } = await replay(invalid.bye().bytes, join(path, 'invalid'), { ids })
  t.match(error, { code: 'EMIRROR_REFUSED', message: /invalid/ })
})

void t.test('an end anywhere within an operation', async (t) => {
  const { path } = tempDirectory(t)
  const random = seeded(t)
  const { bytes } = new RandomStream(random).run(400).settle().writer.bye()
  const alone = join(path, 'alone')
  t.equal((await replay(bytes, alone, { ids })).error, undefined)
  const expected = listTree(alone)
  const calls: FaultCall[] = [
    'setxattr',
    'removexattr',
    'fchmodat',
    'utimensat',
    'pwrite',
    'openat',
  ]
  let struck = 0
  for (const call of calls)
    for (let i = 0; i < 8; i++) {
      const root = join(path, `${call}-${i}`)
      injectFault({ call, nth: 5 + random.next(100), errno: errno.EIO, times: 3 })
      const cut = await replay(bytes, root, { ids, onDivergence: 'stop' })
      clearFaults()
      if (!cut.error) continue
      struck++
      const again = await replay(bytes, root, { ids, onDivergence: 'stop' })
      if (again.error || again.result?.suspects) t.fail(`after ${call}: ${again.error}`)
      const found = listTree(root)
      if (found.join() !== expected.join()) t.strictSame(found, expected, call)
    }
  t.ok(struck > 30, `${struck} ends`)
})

void t.test('a mirror is kept one way or the other', async (t) => {
  const { path } = tempDirectory(t)
  const numeric = { kind: 'numeric' } as const
  const { bytes } = new StreamWriter().add('create', { path: 'f', mode: 0o644, ...owned }).bye()
  for (const [i, [one, other]] of (
    [
      [ids, numeric],
      [numeric, ids],
    ] as const
  ).entries()) {
    const root = join(path, `${i}`)
    t.equal((await replay(bytes, root, { ids: one })).error, undefined)
    const refused = { code: 'EMIRROR_ADOPT', message: /--ids xattr, and without --force/ }
    t.match((await replay(bytes, root, { ids: other })).error, refused)
    t.equal((await replay(bytes, root, { ids: one })).error, undefined)
    t.equal((await replay(bytes, root, { ids: other, force: true })).error, undefined)
    t.equal((await replay(bytes, root, { ids: other })).error, undefined)
  }
})
