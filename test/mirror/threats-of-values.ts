// Rows 12 to 50 of THREATS.md that concern a mirror: what streams would do inside the root.

import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { limits, renameFlag, sealChecksum, type MessageName } from '#wire'
import { me, operation, refuses, scene } from '../support/scene.js'
import { messageOf, StreamWriter } from '../support/stream-writer.js'
import { listTree } from '../support/tree-listing.js'

void t.test('12, 13: devices, set-id bits and attributes of somebody else', async (t) => {
  const { root, play } = scene(t)
  const stream = new StreamWriter()
    .add('mknod', { path: 'sda', mode: 0o060666, major: 8, ...me })
    .add('mknod', { path: 'mem', mode: 0o020666, major: 1, minor: 1, ...me })
    .add('mknod', { path: 'fifo', mode: 0o010600, ...me })
    .add('create', { path: 'suid', mode: 0o6755, ...me })
    .add('mkdir', { path: 'sticky', mode: 0o3777, ...me })
    .add('setattr', { path: 'suid', which: 1, mode: 0o4755 })
    .add('setxattr', { path: 'suid', name: 'security.capability', value: 'x' })
    .add('setxattr', { path: 'suid', name: 'trusted.x', value: 'x' })
    .add('setxattr', { path: 'suid', name: 'system.posix_acl_access', value: 'x' })
    .add('removexattr', { path: 'suid', name: 'trusted.y' })
    .add('setxattr', { path: 'suid', name: 'user.x', value: 'x' })
    // What was not made stays away without being missed.
    .add('setattr', { path: 'sda', which: 31, mode: 0o600 })
    .add('rename', { path: 'sda', newPath: 'sdb' })
    .add('link', { path: 'sdb', newPath: 'sdc' })
    .add('mkdir', { path: 'dev', mode: 0o755, ...me })
    .add('rename', { path: 'mem', newPath: 'dev/mem' })
    .add('rename', { path: 'dev', newPath: 'device' })
    .add('unlink', { path: 'device/mem' })
    .add('unlink', { path: 'sdb' })
    .bye()
  const { error, result, said } = await play(stream, { untrusted: true })
  t.equal(error, undefined)
  t.equal(result?.suspects, 0)
  t.strictSame(
    [...(result?.leftOut ?? [])],
    [
      ['devices', 2],
      ['set-id bits', 3],
      ['extended attributes', 4],
    ],
  )
  t.equal(said.length, 3, 'each said once')
  t.strictSame(fs.readdirSync(root).toSorted(), ['.tfs', 'device', 'fifo', 'sticky', 'suid'])
  t.equal(fs.lstatSync(join(root, 'suid')).mode, 0o100755)
  t.equal(fs.lstatSync(join(root, 'sticky')).mode, 0o040777)
  t.match(listTree(root).join('\n'), /"suid" .*user\.x=78$/m)
  // What is left out is known to the next run too.
  const next = new StreamWriter(8, { epoch: 7, seq: stream.seq })
    .add('rename', { path: 'sdc', newPath: 'sdd' })
    .add('unlink', { path: 'sdd' })
    .bye()
  t.match(await play(next, { untrusted: true }), { error: undefined, result: { suspects: 0 } })
})

void t.test('14: attributes beyond the limits of the kernel', async (t) => {
  const name = `user.${'x'.repeat(251)}`
  refuses(
    t,
    await scene(t).play(operation('setxattr', { path: '', name, value: 'x' })),
    'EWIRE_FIELD',
    /name/,
  )
  const value = Buffer.alloc(limits.xattrValueSizeMax + 1)
  refuses(
    t,
    await scene(t).play(operation('setxattr', { path: '', name: 'user.x', value })),
    'EWIRE_FIELD',
    /value/,
  )
})

void t.test('15: sizes that no message has, before anything is set aside for them', async (t) => {
  for (const size of [0, 16, 31, 33, 0x7ffffff0, 0xffffffff, limits.messageSizeMax + 16]) {
    const stream = operation('create', { path: 'a' })
    const head = Buffer.alloc(4096)
    head.writeUInt32LE(size)
    const before = process.memoryUsage().rss
    const outcome = await scene(t).play(Buffer.concat([stream.bytes, head]))
    t.match(outcome.error, { code: 'EWIRE_SIZE', message: /^byte \d+: / })
    t.ok(process.memoryUsage().rss - before < 64 << 20)
  }
})

void t.test('16, 18: offsets and sizes out of bounds', async (t) => {
  const max = limits.offsetMax
  const beyond: [MessageName, object][] = [
    ['write', { path: 'f', offset: max, data: 'x' }],
    ['fallocate', { path: 'f', offset: max - 5, length: 6 }],
    ['fallocate', { path: 'f', offset: 5, length: 0 }],
    ['copy', { path: 'f', from: 'f', offset: max, length: 1 }],
    ['copy', { path: 'f', from: 'f', fromOffset: max, length: 1 }],
  ]
  for (const [name, body] of beyond) {
    const { play, root } = scene(t)
    const stream = operation('create', { path: 'f' }).add(name, body)
    refuses(t, await play(stream), 'EMIRROR_REFUSED', /beyond/)
    t.equal(fs.statSync(join(root, 'f')).size, 0)
  }
  // Two's complement: -1 and the like.
  for (const high of [0xffffffff, 0x80000000, 0x00200000]) {
    const stream = operation('create', { path: 'f' })
    const message = messageOf('truncate', { path: 'f', size: 5 }, { seq: 3 })
    message.writeUInt32LE(high, 36)
    sealChecksum(message)
    const outcome = await scene(t).play(Buffer.concat([stream.bytes, message]))
    refuses(t, outcome, 'EWIRE_FIELD', /size: -?\d+.* is out of range/)
  }
})

void t.test('17: files larger than they may be', async (t) => {
  const ways: [MessageName, object][] = [
    ['truncate', { size: 1001 }],
    ['write', { offset: 1000, data: 'x' }],
    ['fallocate', { offset: 1000, length: 1 }],
    ['fallocate', { offset: 1000, length: 1, mode: 1 }],
    ['fallocate', { offset: 1000, length: 1, mode: 17 }],
    ['copy', { from: 'f', offset: 1000, length: 1 }],
  ]
  for (const [name, body] of ways) {
    const { play, root } = scene(t)
    const stream = operation('create', { path: 'f' }).add(name, { path: 'f', ...body })
    const { error } = await play(stream, { maxFileSize: 1000 })
    t.match(error, { code: 'EFBIG', message: /^message 3, byte \d+: / })
    t.equal(fs.statSync(join(root, 'f')).size, 0)
  }
})

void t.test('19: values out of range', async (t) => {
  const bad: [object, RegExp][] = [
    [{ uid: 0xffffffff }, /uid/],
    [{ gid: 0xffffffff }, /gid/],
    [{ mtimeNsec: 1_000_000_000 }, /mtimeNsec/],
    [{ mtimeNsec: 0x3fffffff }, /mtimeNsec/],
    [{ mode: 0o200000 }, /mode/],
  ]
  for (const [body, field] of bad)
    refuses(
      t,
      await scene(t).play(operation('create', { path: 'f', ...body })),
      'EWIRE_FIELD',
      field,
    )
  for (const mode of [0, 0o100600, 0o040700, 0o120777, 0o170000])
    refuses(
      t,
      await scene(t).play(operation('mknod', { path: 'f', mode })),
      'EMIRROR_REFUSED',
      /mode/,
    )
  for (const mode of [2, 8, 18, 19, 4]) {
    const stream = operation('create', { path: 'f' }).add('fallocate', {
      path: 'f',
      mode,
      length: 1,
    })
    t.match((await scene(t).play(stream)).error, {
      code: /^(EMIRROR_REFUSED|EWIRE_FIELD)$/,
      message: /^message 3, byte \d+: .*mode/,
    })
  }
})

void t.test('20: what only a newer version knows', async (t) => {
  const make = (type: number, flags: number) => {
    const message = messageOf('tick', {}, { seq: 3 })
    message.writeUInt16LE(type, 4)
    message.writeUInt16LE(flags, 6)
    sealChecksum(message)
    return message
  }
  const stream = operation('create', { path: 'a' })
  const rest = messageOf('create', { path: 'b', ...me }, { seq: 4 })
  const required = Buffer.concat([stream.bytes, make(0x0333, 1), rest])
  refuses(t, await scene(t).play(required), 'EWIRE_TYPE', /newer version/)
  const { play, root } = scene(t)
  const bye = messageOf('bye', {}, { seq: 5 })
  const optional = Buffer.concat([stream.bytes, make(0x0333, 0), rest, bye])
  t.match(await play(optional), { error: undefined, result: { counts: { unknown: 1 } } })
  t.ok(fs.existsSync(join(root, 'b')))
})

void t.test("26: the mirror's own files", async (t) => {
  const paths = ['.tfs', '.tfs/position', '.tfs/x/y']
  const ways: MessageName[] = ['create', 'mkdir', 'unlink', 'rmdir', 'write', 'truncate', 'setattr']
  for (const path of paths)
    for (const name of ways)
      refuses(t, await scene(t).play(operation(name, { path })), 'EMIRROR_REFUSED', /reserved/)
  const two: [MessageName, object][] = [
    ['rename', { path: 'a', newPath: '.tfs' }],
    ['rename', { path: '.tfs', newPath: 'a' }],
    ['link', { path: '.tfs/position', newPath: 'a' }],
    ['copy', { path: 'a', from: '.tfs/position', length: 1 }],
  ]
  for (const [name, body] of two)
    refuses(t, await scene(t).play(operation(name, body)), 'EMIRROR_REFUSED', /reserved/)
  const { play, root } = scene(t)
  const names = operation('mkdir', { path: '.tfsx' }).add('create', { path: '.tfsx/.tfs' })
  t.equal((await play(names.add('create', { path: '.tf' }).bye())).error, undefined)
  t.ok(fs.existsSync(join(root, '.tfsx/.tfs')))
})

void t.test('28: what is mounted inside', async (t) => {
  const { root, outside, play } = scene(t)
  const made = operation('mkdir', { path: 'd' }).add('create', { path: 'f' })
  t.equal((await play(made.bye())).error, undefined)
  const mounts: [string, string][] = [
    [outside, join(root, 'd')],
    [join(outside, 'victim'), join(root, 'f')],
  ]
  try {
    for (const [from, to] of mounts) {
      const { status } = spawnSync('mount', ['--bind', from, to], { timeout: 10_000 })
      t.equal(status, 0, 'mounted')
    }
    const into: [MessageName, object][] = [
      ['create', { path: 'd/x' }],
      ['write', { path: 'd/victim', data: 'x' }],
      ['write', { path: 'f', data: 'x' }],
      ['setattr', { path: 'f', which: 31, mode: 0o777 }],
      ['setattr', { path: 'd', which: 31, mode: 0o777 }],
      ['setxattr', { path: 'f', name: 'user.x', value: 'x' }],
    ]
    for (const [name, body] of into) {
      const stream = new StreamWriter(9).add(name, { ...me, ...body })
      refuses(t, await play(stream, { force: true }), 'EMIRROR_REFUSED', /mount/)
    }
  } finally {
    for (const [, to] of mounts) spawnSync('umount', ['-l', to], { timeout: 10_000 })
  }
})

void t.test('32: renames that cannot be', async (t) => {
  const stream = () =>
    new StreamWriter()
      .add('mkdir', { path: 'a', ...me })
      .add('mkdir', { path: 'a/b', ...me })
      .add('mkdir', { path: 'full', ...me })
      .add('create', { path: 'full/x', ...me })
  const rename = (path: string, newPath: string, flags = 0) =>
    stream().add('rename', { path, newPath, flags })
  const refused: [StreamWriter, RegExp][] = [
    [rename('a', 'a/c'), /into itself/],
    [rename('a', 'a/b'), /into itself|not empty/],
    [rename('a', 'full'), /not empty/],
    [rename('a', 'a/b', renameFlag.EXCHANGE), /into itself/],
    [rename('a', 'b', 3), /flags/],
    [rename('a', 'b', 4), /flags/],
  ]
  for (const [bad, reason] of refused)
    t.match((await scene(t).play(bad)).error, {
      code: /EMIRROR_REFUSED|EWIRE_FIELD/,
      message: reason,
    })
  for (const flags of [0, renameFlag.EXCHANGE])
    for (const [path, newPath] of [
      ['', 'x'],
      ['a', ''],
      ['', ''],
    ] as const)
      refuses(t, await scene(t).play(rename(path, newPath, flags)), 'EWIRE_FIELD', /[pP]ath/)
})

void t.test('50: a directory that holds something and is no mirror', async (t) => {
  const { root, play } = scene(t)
  fs.mkdirSync(root)
  fs.writeFileSync(join(root, 'mine'), 'mine')
  const stream = operation('create', { path: 'f' }).bye()
  t.match(await play(stream), { error: { code: 'EMIRROR_ADOPT', message: /--force/ } })
  t.strictSame(fs.readdirSync(root), ['mine'], 'not even .tfs')
  t.equal((await play(stream, { force: true })).error, undefined)
  t.equal(fs.readFileSync(join(root, 'mine'), 'utf8'), 'mine')
  t.equal((await play(stream)).error, undefined, 'a mirror from now on')
})
