import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import t from 'tap'
import * as posix from '#posix'
import { tempDirectory } from '../support/temp-directory.js'

const { errno, noName, O_PATH, O_NOFOLLOW } = posix
const bytes = (text: string) => Buffer.from(text, 'latin1')

function tree(t: { teardown(end: () => void): void }) {
  const { fd: root, path } = tempDirectory(t)
  writeFileSync(`${path}/file`, '')
  mkdirSync(`${path}/dir`)
  symlinkSync('file', `${path}/link`)
  return root
}

const listed = (out: Buffer, length: number) =>
  out
    .toString('latin1', 0, length)
    .split('\0')
    .filter((name) => name.startsWith('user.') || name.startsWith('trusted.'))
    .sort()

void t.test('of a descriptor, O_PATH or not', (t) => {
  const root = tree(t)
  const out = Buffer.alloc(posix.XATTR_LIST_MAX)
  for (const [which, flags] of [
    ['file', O_PATH],
    ['file', posix.O_RDONLY],
    ['dir', O_PATH],
  ] as const) {
    const fd = posix.check(posix.openat(root, bytes(which), flags | O_NOFOLLOW), 'openat')
    const attribute = bytes('user.\xff\n')
    const value = bytes('v\0\xff')
    t.equal(posix.fgetxattr(fd, attribute, out), -errno.ENODATA)
    t.equal(posix.fsetxattr(fd, attribute, value), 0)
    t.equal(posix.fsetxattr(fd, attribute, value, posix.XATTR_CREATE), -errno.EEXIST)
    t.equal(posix.fsetxattr(fd, bytes('user.b'), value, posix.XATTR_REPLACE), -errno.ENODATA)
    t.equal(posix.fsetxattr(fd, bytes('user.empty'), noName), 0)
    t.equal(posix.fgetxattr(fd, attribute, noName), 3)
    t.equal(posix.fgetxattr(fd, attribute, Buffer.alloc(2)), -errno.ERANGE)
    t.equal(posix.fgetxattr(fd, attribute, out), 3)
    t.same(out.subarray(0, 3), value)
    t.equal(posix.fgetxattr(fd, bytes('user.empty'), out), 0)
    const size = posix.flistxattr(fd, noName)
    t.equal(posix.flistxattr(fd, out), size)
    t.same(listed(out, size), ['user.empty', 'user.\xff\n'])
    t.equal(posix.flistxattr(fd, Buffer.alloc(3)), -errno.ERANGE)
    t.equal(posix.fremovexattr(fd, attribute), 0)
    t.equal(posix.fremovexattr(fd, attribute), -errno.ENODATA)
    t.equal(posix.fremovexattr(fd, bytes('user.empty')), 0)
    posix.close(fd)
    t.equal(posix.fgetxattr(fd, attribute, out), -errno.ENOENT)
  }
  t.end()
})

void t.test('of a name', (t) => {
  const root = tree(t)
  const out = Buffer.alloc(64)
  const file = bytes('file')
  t.equal(posix.setxattrat(root, file, bytes('user.a'), bytes('1')), 0)
  t.equal(
    posix.setxattrat(root, file, bytes('user.a'), bytes('1'), posix.XATTR_CREATE),
    -errno.EEXIST,
  )
  t.equal(posix.getxattrat(root, file, bytes('user.a'), out), 1)
  t.equal(out.toString('latin1', 0, 1), '1')
  t.same(listed(out, posix.listxattrat(root, file, out)), ['user.a'])
  t.equal(posix.removexattrat(root, file, bytes('user.a')), 0)
  t.equal(posix.removexattrat(root, file, bytes('user.a')), -errno.ENODATA)
  t.equal(posix.listxattrat(root, bytes('none'), out), -errno.ENOENT)
  const odd = Buffer.alloc(255, 0xff)
  posix.close(posix.openat(root, odd, posix.O_CREAT, 0o600))
  t.equal(posix.setxattrat(root, odd, bytes('user.a'), bytes('1')), 0)
  t.equal(posix.getxattrat(root, odd, bytes('user.a'), out), 1)
  t.end()
})

void t.test('a symlink is never followed', (t) => {
  const root = tree(t)
  const out = Buffer.alloc(64)
  const link = bytes('link')
  t.equal(posix.setxattrat(root, link, bytes('user.a'), bytes('1')), -errno.EPERM)
  posix.setxattrat(root, bytes('file'), bytes('user.a'), bytes('file'))
  t.equal(posix.getxattrat(root, link, bytes('user.a'), out) < 0, true)
  t.equal(posix.removexattrat(root, link, bytes('user.a')), -errno.EPERM)
  t.same(listed(out, posix.listxattrat(root, link, out)), [])
  const fd = posix.openat(root, link, O_PATH | O_NOFOLLOW)
  t.equal(posix.fsetxattr(fd, bytes('user.b'), bytes('1')), -errno.EPERM)
  t.same(listed(out, posix.flistxattr(fd, out)), [])
  posix.close(fd)
  const trusted = posix.setxattrat(root, link, bytes('trusted.t'), bytes('1'))
  if (posix.hasCapability('CAP_SYS_ADMIN')) {
    t.equal(trusted, 0)
    t.same(listed(out, posix.listxattrat(root, link, out)), ['trusted.t'])
  } else t.equal(trusted, -errno.EPERM)
  t.same(listed(out, posix.listxattrat(root, bytes('file'), out)), ['user.a'])
  t.end()
})

void t.test('names that are none', (t) => {
  const root = tree(t)
  const value = bytes('1')
  const set = (name: Buffer, attribute: Buffer) => posix.setxattrat(root, name, attribute, value)
  const longest = Buffer.concat([bytes('user.'), Buffer.alloc(250, 'a')])
  t.equal(set(bytes('file'), Buffer.concat([longest, value])), -errno.ERANGE)
  t.equal(set(bytes('file'), bytes('user.a\0b')), -errno.EINVAL)
  t.equal(set(bytes('file'), bytes('nonsense.a')), -errno.EOPNOTSUPP)
  t.equal(set(bytes('file\0'), bytes('user.a')), -errno.EINVAL)
  t.equal(set(bytes('dir/../file'), bytes('user.a')), -errno.EINVAL)
  t.equal(set(noName, bytes('user.a')), -errno.ENOENT)
  t.equal(set(Buffer.alloc(256, 'x'), bytes('user.a')), -errno.ENAMETOOLONG)
  t.equal(posix.setxattrat(posix.AT_FDCWD, bytes('file'), bytes('user.a'), value), -errno.EBADF)
  t.equal(set(bytes('file'), longest), 0)
  t.end()
})
