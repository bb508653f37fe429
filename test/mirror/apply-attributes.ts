// Operations on attributes, compared by lstat and getxattr.

import { execFileSync } from 'node:child_process'
import { lstatSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { which } from '#wire'
import { listTree } from '../support/tree-listing.js'
import { replay } from '../support/replay.js'
import { StreamWriter } from '../support/stream-writer.js'
import { tempDirectory } from '../support/temp-directory.js'

const big = (path: string) => lstatSync(path, { bigint: true })
const all = which.MODE | which.UID | which.GID | which.ATIME | which.MTIME

void t.test('each attribute alone, on each kind of object', async (t) => {
  const root = join(tempDirectory(t).path, 'mirror')
  const stream = new StreamWriter()
    .add('create', { path: 'file', mode: 0o600, mtimeSec: 1 })
    .add('mkdir', { path: 'dir', mode: 0o700, mtimeSec: 1 })
    .add('symlink', { path: 'symlink', target: '/etc/passwd', mtimeSec: 1 })
    .add('mknod', { path: 'fifo', mode: 0o010600, mtimeSec: 1 })
  const paths = ['file', 'dir', 'symlink', 'fifo', '']
  for (const path of paths)
    stream
      .add('setattr', { path, which: which.UID, uid: 77, gid: 5, mode: 0o777, mtimeSec: 9 })
      .add('setattr', { path, which: which.MTIME, mtimeSec: -1, mtimeNsec: 5, uid: 9 })
      .add('setattr', { path, which: which.ATIME, atimeSec: 1e9, atimeNsec: 999_999_999 })
  for (const path of paths.filter((p) => p !== 'symlink'))
    stream.add('setattr', { path, which: which.MODE, mode: 0o5751 })
  for (const path of paths) stream.add('setattr', { path, which: which.GID, gid: 88 })
  const passwd = JSON.stringify(big('/etc/passwd'), (_, v) => String(v))
  t.equal((await replay(stream.bye().bytes, root)).error, undefined)
  for (const path of paths) {
    const stat = big(join(root, path))
    t.strictSame([stat.uid, stat.gid, stat.mtimeNs], [77n, 88n, -999_999_995n], path)
    t.equal(stat.atimeNs, 1_000_000_000_999_999_999n, path)
  }
  t.equal(Number(big(join(root, 'dir')).mode) & 0o7777, 0o5751)
  // chown(2) clears the set-id bits of a file, on the source as here.
  t.equal(Number(big(join(root, 'file')).mode) & 0o7777, 0o1751)
  t.equal(
    JSON.stringify(big('/etc/passwd'), (_, v) => String(v)),
    passwd,
    'not through the symlink',
  )
})

void t.test('the owner first, so that the mode keeps its set-id bits', async (t) => {
  const root = join(tempDirectory(t).path, 'mirror')
  const stream = new StreamWriter()
    .add('create', { path: 'f', mode: 0o600 })
    .add('setattr', { path: 'f', which: all, mode: 0o6711, uid: 5, gid: 6, mtimeSec: 7 })
    .add('write', { path: 'f', data: 'x' })
    .add('setattr', { path: 'f', which: which.MTIME, mtimeSec: 8, mtimeNsec: 1 })
  t.equal((await replay(stream.bye().bytes, root)).error, undefined)
  const stat = big(join(root, 'f'))
  t.equal(Number(stat.mode), 0o106711)
  t.equal(stat.mtimeNs, 8_000_000_001n)
})

void t.test('extended attributes and ACLs', async (t) => {
  const root = join(tempDirectory(t).path, 'mirror')
  const value = Buffer.from([0, 1, 2, 255])
  // linux/posix_acl_xattr.h: version 2; user::rw-, user:1000:r--, group::r--, mask::r--, other::---
  const acl = Buffer.from(
    '02000000' +
      '01000600ffffffff' +
      '02000400e8030000' +
      '04000400ffffffff' +
      '10000400ffffffff' +
      '20000000ffffffff',
    'hex',
  )
  const stream = new StreamWriter()
    .add('create', { path: 'f', mode: 0o600 })
    .add('mkdir', { path: 'd', mode: 0o755 })
    .add('symlink', { path: 's', target: 'f' })
    .add('setxattr', { path: 'f', name: 'user.a', value })
    .add('setxattr', { path: 'f', name: 'user.a', value: Buffer.from('again') })
    .add('setxattr', { path: 'f', name: 'user.gone', value })
    .add('removexattr', { path: 'f', name: 'user.gone' })
    .add('setxattr', { path: 'f', name: 'user.empty', value: '' })
    .add('setxattr', { path: 'f', name: 'trusted.t', value })
    .add('setxattr', { path: 's', name: 'trusted.s', value })
    .add('setxattr', { path: '', name: 'user.root', value })
    .add('setxattr', { path: 'f', name: 'system.posix_acl_access', value: acl })
    .add('setxattr', { path: 'd', name: 'system.posix_acl_default', value: acl })
    .add('create', { path: 'd/inherits', mode: 0o640 })
  t.equal((await replay(stream.bye().bytes, root)).error, undefined)
  const lines = listTree(root).join('\n')
  const has = (path: string, xattr: string) =>
    t.match(lines, new RegExp(`^"${path}" .*${xattr.replaceAll('.', '\\.')}`, 'm'))
  has('f', `user.a=${Buffer.from('again').toString('hex')}`)
  has('f', 'user.empty=')
  has('f', 'trusted.t=000102ff')
  has('s', 'trusted.s=000102ff')
  has('\\.', 'user.root=000102ff')
  t.notMatch(lines, 'user.gone')
  const text = execFileSync('getfacl', ['-cpn', join(root, 'f')], { encoding: 'utf8' })
  t.match(text, 'user:1000:r--')
  t.match(execFileSync('getfacl', ['-cpn', join(root, 'd/inherits')], { encoding: 'utf8' }), '1000')
})
