import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import t from 'tap'
import * as posix from '#posix'
import { tempDirectory } from '../support/temp-directory.js'

const { errno, O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_PATH, O_NOFOLLOW, O_DIRECTORY } = posix
const closeOnExec = (fd: number) => posix.fcntl(fd, posix.F_GETFD) === 1

void t.test('openat', (t) => {
  const { fd: root } = tempDirectory(t)
  const name = Buffer.from('file')
  t.equal(posix.openat(root, name, O_RDONLY), -errno.ENOENT)
  const fd = posix.openat(root, name, O_RDWR | O_CREAT | O_EXCL, 0o600)
  t.ok(fd > 2)
  t.ok(closeOnExec(fd))
  t.equal(posix.openat(root, name, O_RDWR | O_CREAT | O_EXCL, 0o600), -errno.EEXIST)
  t.equal(posix.close(fd), 0)
  t.equal(posix.close(fd), -errno.EBADF)
  t.end()
})

void t.test('names are bytes', (t) => {
  const { fd: root, path } = tempDirectory(t)
  const names = [
    Buffer.from([0xff, 0xfe, 0x0a, 0x1b]),
    Buffer.alloc(255, 0xff),
    Buffer.from(' -\t\\"'),
    // Within a larger one.
    Buffer.from('xx/inner/xx').subarray(3, 8),
  ]
  for (const name of names) {
    const fd = posix.openat(root, name, O_RDWR | O_CREAT, 0o600)
    t.ok(fd >= 0, name.toString('latin1').slice(0, 20))
    t.equal(posix.close(fd), 0)
    t.ok(readFileSync(Buffer.concat([Buffer.from(`${path}/`), name])))
  }
  const found = [...posix.readDirectory(root)].map((entry) => entry.name.toString('hex'))
  t.same(found.sort(), names.map((name) => name.toString('hex')).sort())
  t.end()
})

void t.test('names that the kernel cannot take', (t) => {
  const { fd: root } = tempDirectory(t)
  const open = (name: Buffer) => posix.openat(root, name, O_RDWR | O_CREAT, 0o600)
  t.equal(open(Buffer.alloc(256, 'a')), -errno.ENAMETOOLONG)
  t.equal(open(Buffer.alloc(4095, 'a')), -errno.ENAMETOOLONG)
  t.equal(open(Buffer.alloc(4096, 'a')), -errno.ENAMETOOLONG)
  t.equal(open(Buffer.alloc(100_000, './')), -errno.ENAMETOOLONG)
  t.equal(open(Buffer.from('a\0b')), -errno.EINVAL)
  t.equal(open(Buffer.concat([Buffer.alloc(100, 'a'), Buffer.from([0])])), -errno.EINVAL)
  t.equal(open(Buffer.alloc(0)), -errno.ENOENT)
  t.same([...posix.readDirectory(root)], [])
  t.end()
})

void t.test('a path of 4095 bytes', (t) => {
  const { fd: root, path } = tempDirectory(t)
  writeFileSync(`${path}/a`, '')
  const long = Buffer.concat([Buffer.alloc(4094, './'), Buffer.from('a')])
  const fd = posix.openat(root, long, O_RDONLY)
  t.ok(fd >= 0)
  posix.close(fd)
  t.end()
})

void t.test('openat2 keeps to what it is told', (t) => {
  const { fd: root, path } = tempDirectory(t)
  mkdirSync(`${path}/dir`)
  writeFileSync(`${path}/dir/file`, '')
  symlinkSync('dir', `${path}/link`)
  symlinkSync('/etc', `${path}/out`)
  symlinkSync('../..', `${path}/up`)
  const open = (name: string, resolve: number, flags = O_RDONLY) => {
    const fd = posix.openat2(root, Buffer.from(name), flags, 0, resolve)
    if (fd >= 0) {
      t.ok(closeOnExec(fd))
      posix.close(fd)
    }
    return Math.min(fd, 0)
  }
  const { RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_XDEV } = posix
  t.equal(open('dir/file', RESOLVE_BENEATH), 0)
  t.equal(open('link/file', RESOLVE_BENEATH), 0)
  t.equal(open('dir/../dir/file', RESOLVE_BENEATH), 0)
  t.equal(open('..', RESOLVE_BENEATH), -errno.EXDEV)
  t.equal(open('/etc/passwd', RESOLVE_BENEATH), -errno.EXDEV)
  t.equal(open('out/passwd', RESOLVE_BENEATH), -errno.EXDEV)
  t.equal(open('up', RESOLVE_BENEATH), -errno.EXDEV)
  t.equal(open('link/file', RESOLVE_NO_SYMLINKS), -errno.ELOOP)
  t.equal(open('link', RESOLVE_NO_SYMLINKS), -errno.ELOOP)
  t.equal(open('link', RESOLVE_NO_SYMLINKS, O_PATH | O_NOFOLLOW), 0)
  t.equal(open(`/proc/self/fd/${root}`, RESOLVE_NO_MAGICLINKS), -errno.ELOOP)
  t.equal(open('/proc/self', RESOLVE_NO_XDEV, O_PATH), -errno.EXDEV)
  t.equal(open('dir', 1 << 20), -errno.EINVAL)
  t.equal(open('dir/file', RESOLVE_BENEATH, O_RDONLY | O_DIRECTORY), -errno.ENOTDIR)
  const made = posix.openat2(root, Buffer.from('new'), O_RDWR | O_CREAT, 0o640, RESOLVE_BENEATH)
  t.ok(made >= 0)
  posix.close(made)
  t.equal(posix.openat2(root, Buffer.from('dir'), O_RDONLY, 0o640, 0), -errno.EINVAL)
  t.end()
})

void t.test('dup and reopen', (t) => {
  const { fd: root, path } = tempDirectory(t)
  writeFileSync(`${path}/a`, 'data')
  const held = posix.openat(root, Buffer.from('a'), O_PATH | O_NOFOLLOW)
  const readable = posix.reopen(held, O_RDONLY)
  const out = Buffer.alloc(8)
  t.equal(posix.pread(held, out, 0, 8, 0), -errno.EBADF)
  t.equal(posix.pread(readable, out, 0, 8, 0), 4)
  const second = posix.dup(readable)
  t.ok(second > readable)
  t.ok(closeOnExec(readable) && closeOnExec(second))
  for (const fd of [held, readable, second]) t.equal(posix.close(fd), 0)
  t.equal(posix.dup(second), -errno.EBADF)
  t.equal(posix.reopen(second, O_RDONLY), -errno.ENOENT)
  for (const bad of [-1, 1.5, NaN, 2 ** 31]) t.equal(posix.reopen(bad, O_RDONLY), -errno.EBADF)
  t.end()
})

void t.test('descriptors beyond one digit find their way through /proc', (t) => {
  const { fd: root, path } = tempDirectory(t)
  writeFileSync(`${path}/a`, '')
  const fds: number[] = []
  while (fds.length < 120) {
    const fd = posix.openat(root, Buffer.from('a'), O_PATH)
    const again = posix.reopen(fd, O_RDONLY)
    if (fd < 0 || again < 0) t.fail(`reopening ${fd}: ${again}`)
    fds.push(fd, again)
  }
  t.ok(Math.max(...fds) > 99)
  for (const fd of fds) posix.close(fd)
  t.end()
})

void t.test('dupOver takes a number over', (t) => {
  const { fd: root, path } = tempDirectory(t)
  writeFileSync(`${path}/a`, 'data')
  const from = posix.openat(root, Buffer.from('a'), O_RDONLY)
  const taken = posix.openat(root, Buffer.from('.'), O_RDONLY)
  t.equal(posix.dupOver(from, taken), taken)
  t.ok(closeOnExec(taken))
  const out = Buffer.alloc(4)
  t.equal(posix.pread(taken, out, 0, 4, 0), 4)
  t.equal(posix.dupOver(from, from), -errno.EINVAL)
  posix.close(from)
  posix.close(taken)
  t.equal(posix.dupOver(from, taken), -errno.EBADF)
  t.end()
})
