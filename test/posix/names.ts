import { lstatSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import t from 'tap'
import * as posix from '#posix'
import { tempDirectory } from '../support/temp-directory.js'

const { errno, noName, O_PATH, O_NOFOLLOW } = posix
const name = (text: string) => Buffer.from(text, 'latin1')
const isRoot = posix.hasCapability('CAP_MKNOD')

void t.test('mkdirat and unlinkat', (t) => {
  const { fd: root, path } = tempDirectory(t)
  const odd = name('d\xff\n')
  t.equal(posix.mkdirat(root, odd, 0o751), 0)
  t.equal(posix.mkdirat(root, odd, 0o751), -errno.EEXIST)
  const mode = lstatSync(Buffer.concat([Buffer.from(`${path}/`), odd])).mode
  t.equal(mode & ~process.umask(), 0o40751 & ~process.umask())
  t.equal(posix.unlinkat(root, odd), -errno.EISDIR)
  t.equal(posix.unlinkat(root, odd, posix.AT_REMOVEDIR), 0)
  t.equal(posix.unlinkat(root, odd, posix.AT_REMOVEDIR), -errno.ENOENT)
  writeFileSync(`${path}/f`, '')
  t.equal(posix.unlinkat(root, name('f'), posix.AT_REMOVEDIR), -errno.ENOTDIR)
  t.equal(posix.unlinkat(root, name('f')), 0)
  t.end()
})

void t.test('mknodat', (t) => {
  const { fd: root, path } = tempDirectory(t)
  t.equal(posix.mknodat(root, name('fifo'), posix.S_IFIFO | 0o600, 0), 0)
  t.ok(lstatSync(`${path}/fifo`).isFIFO())
  t.equal(posix.mknodat(root, name('sock'), posix.S_IFSOCK | 0o600, 0), 0)
  t.ok(lstatSync(`${path}/sock`).isSocket())
  t.equal(posix.mknodat(root, name('fifo'), posix.S_IFIFO | 0o600, 0), -errno.EEXIST)
  const device = posix.mknodat(
    root,
    name('dev'),
    posix.S_IFCHR | 0o600,
    posix.makedev(259, 0x12345),
  )
  if (isRoot) {
    t.equal(device, 0)
    const { rdev } = lstatSync(`${path}/dev`, { bigint: true })
    t.equal(rdev, 0x12310345n)
  } else t.equal(device, -errno.EPERM)
  t.end()
})

void t.test('symlinkat and readlinkat', (t) => {
  const { fd: root, path } = tempDirectory(t)
  const target = name('/no\xffwhere')
  t.equal(posix.symlinkat(target, root, name('l')), 0)
  t.same(readlinkSync(`${path}/l`, 'buffer'), target)
  t.equal(posix.symlinkat(target, root, name('l')), -errno.EEXIST)
  const out = Buffer.alloc(posix.PATH_MAX)
  t.equal(posix.readlinkat(root, name('l'), out), target.length)
  t.same(out.subarray(0, target.length), target)
  t.equal(posix.readlinkat(root, name('l'), out.subarray(0, 3)), 3)
  t.equal(posix.readlinkat(root, name('none'), out), -errno.ENOENT)
  const fd = posix.openat(root, name('l'), O_PATH | O_NOFOLLOW)
  t.equal(posix.readlinkat(fd, noName, out), target.length)
  posix.close(fd)
  const longest = Buffer.alloc(4095, 'x')
  t.equal(posix.symlinkat(longest, root, name('long')), 0)
  t.equal(posix.readlinkat(root, name('long'), out), 4095)
  t.equal(posix.symlinkat(Buffer.alloc(4096, 'x'), root, name('longer')), -errno.ENAMETOOLONG)
  t.equal(posix.symlinkat(noName, root, name('empty')), -errno.ENOENT)
  t.equal(posix.symlinkat(name('a\0b'), root, name('nul')), -errno.EINVAL)
  t.end()
})

void t.test('linkat links a symlink itself', (t) => {
  const { fd: root, path } = tempDirectory(t)
  writeFileSync(`${path}/a`, '')
  posix.symlinkat(name('a'), root, name('l'))
  t.equal(posix.linkat(root, name('a'), root, name('b')), 0)
  t.equal(lstatSync(`${path}/a`).ino, lstatSync(`${path}/b`).ino)
  t.equal(posix.linkat(root, name('l'), root, name('m')), 0)
  t.equal(lstatSync(`${path}/l`).ino, lstatSync(`${path}/m`).ino)
  t.equal(posix.linkat(root, name('a'), root, name('b')), -errno.EEXIST)
  t.equal(posix.linkat(root, name('none'), root, name('c')), -errno.ENOENT)
  t.equal(posix.linkat(root, name('a'), root, Buffer.alloc(256, 'x')), -errno.ENAMETOOLONG)
  t.end()
})

void t.test('linkFd names a file that has no name', (t) => {
  const { fd: root, path } = tempDirectory(t)
  const fd = posix.openat(root, name('.'), posix.O_TMPFILE | posix.O_RDWR, 0o600)
  t.ok(fd >= 0)
  t.equal(posix.write(fd, name('text'), 0, 4), 4)
  t.equal(posix.linkFd(fd, root, name('named')), 0)
  t.equal(posix.linkFd(fd, root, name('named')), -errno.EEXIST)
  t.equal(readFileSync(`${path}/named`, 'utf8'), 'text')
  posix.close(fd)
  t.equal(posix.linkFd(fd, root, name('other')), -errno.ENOENT)
  t.end()
})

void t.test('renameat2', (t) => {
  const { fd: root, path } = tempDirectory(t)
  writeFileSync(`${path}/a`, 'a')
  writeFileSync(`${path}/b`, 'b')
  const rename = (from: string, to: string, flags?: number) =>
    posix.renameat2(root, name(from), root, name(to), flags)
  t.equal(rename('a', 'b', posix.RENAME_NOREPLACE), -errno.EEXIST)
  t.equal(rename('a', 'b', posix.RENAME_EXCHANGE), 0)
  t.equal(readFileSync(`${path}/a`, 'utf8'), 'b')
  t.equal(rename('a', 'c\xff', posix.RENAME_NOREPLACE), 0)
  t.equal(rename('c\xff', 'b'), 0)
  t.equal(readFileSync(`${path}/b`, 'utf8'), 'b')
  t.equal(rename('none', 'b'), -errno.ENOENT)
  t.equal(rename('b', 'd', posix.RENAME_EXCHANGE), -errno.ENOENT)
  t.equal(rename('b', 'd', posix.RENAME_EXCHANGE | posix.RENAME_NOREPLACE), -errno.EINVAL)
  t.equal(posix.renameat2(root, name('b'), root, Buffer.alloc(256, 'x')), -errno.ENAMETOOLONG)
  t.end()
})
