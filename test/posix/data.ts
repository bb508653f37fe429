import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import t from 'tap'
import * as posix from '#posix'
import { tempDirectory } from '../support/temp-directory.js'

const { errno, O_CREAT, O_RDWR } = posix

function file(t: { teardown(end: () => void): void }, name = 'file') {
  const { fd: root, path } = tempDirectory(t)
  const fd = posix.check(posix.openat(root, Buffer.from(name), O_RDWR | O_CREAT, 0o600), 'openat')
  t.teardown(() => posix.close(fd))
  return { root, fd, path: `${path}/${name}` }
}

const notSizes = [-1, 0.5, NaN, Infinity, 2 ** 53, -(2 ** 63)]

void t.test('read and write', (t) => {
  const { fd, path } = file(t)
  const bytes = Buffer.from('..hello..')
  t.equal(posix.write(fd, bytes, 2, 5), 5)
  t.equal(posix.write(fd, bytes, 2, 2), 2)
  t.equal(readFileSync(path, 'utf8'), 'hellohe')
  t.equal(posix.lseek(fd, 1, posix.SEEK_SET), 1)
  const out = Buffer.alloc(9, '-')
  t.equal(posix.read(fd, out, 3, 3), 3)
  t.equal(out.toString(), '---ell---')
  t.equal(posix.lseek(fd, 0, posix.SEEK_CUR), 4)
  t.equal(posix.read(fd, out, 0, 9), 3)
  t.equal(posix.read(fd, out, 0, 9), 0)
  t.equal(posix.read(-1, out, 0, 1), -errno.EBADF)
  t.equal(posix.write(-1, out, 0, 1), -errno.EBADF)
  t.end()
})

void t.test('pread and pwrite', (t) => {
  const { fd, path } = file(t)
  const bytes = Buffer.from('..hello..')
  t.equal(posix.pwrite(fd, bytes, 2, 5, 3), 5)
  t.equal(readFileSync(path, 'latin1'), '\0\0\0hello')
  const out = Buffer.alloc(9, '-')
  t.equal(posix.pread(fd, out, 1, 4, 4), 4)
  t.equal(out.toString(), '-ello----')
  t.equal(posix.pread(fd, out, 0, 9, 8), 0)
  t.equal(posix.pwrite(fd, bytes, 0, 0, 0), 0)
  const far = 2 ** 40 + 5
  t.equal(posix.pwrite(fd, bytes, 2, 5, far), 5)
  t.equal(statSync(path).size, far + 5)
  t.equal(posix.pread(fd, out, 0, 9, far + 1), 4)
  t.equal(posix.pwrite(fd, bytes, 0, 1, Number.MAX_SAFE_INTEGER), -errno.EFBIG)
  t.end()
})

void t.test('what is not in the buffer, or no position, is refused', (t) => {
  const { fd, path } = file(t)
  const bytes = Buffer.alloc(10)
  const ranges = [
    [-1, 1],
    [0, 11],
    [10, 1],
    [11, 0],
    [0, -1],
    [NaN, 1],
    [0.5, 1],
    [0, 2 ** 53],
  ]
  for (const [offset, length] of ranges as [number, number][]) {
    t.equal(posix.pwrite(fd, bytes, offset, length, 0), -errno.EFAULT, `${offset}, ${length}`)
    t.equal(posix.pread(fd, bytes, offset, length, 0), -errno.EFAULT)
    t.equal(posix.write(fd, bytes, offset, length), -errno.EFAULT)
    t.equal(posix.read(fd, bytes, offset, length), -errno.EFAULT)
  }
  for (const position of notSizes) {
    t.equal(posix.pwrite(fd, bytes, 0, 1, position), -errno.EINVAL, `at ${position}`)
    t.equal(posix.pread(fd, bytes, 0, 1, position), -errno.EINVAL)
    t.equal(posix.ftruncate(fd, position), -errno.EINVAL)
    t.equal(posix.fallocate(fd, 0, position, 1), -errno.EINVAL)
    t.equal(posix.fallocate(fd, 0, 0, position), -errno.EINVAL)
    t.equal(posix.copyFileRange(fd, position, fd, 0, 1), -errno.EINVAL)
    t.equal(posix.copyFileRange(fd, 0, fd, position, 1), -errno.EINVAL)
    t.equal(posix.copyFileRange(fd, 0, fd, 0, position), -errno.EINVAL)
    if (position !== -1) t.equal(posix.lseek(fd, position, 0), -errno.EINVAL)
  }
  t.equal(statSync(path).size, 0)
  const gone = new Uint8Array(8)
  structuredClone(gone.buffer, { transfer: [gone.buffer] })
  t.equal(posix.pwrite(fd, gone, 0, 8, 0), -errno.EFAULT, 'memory that was given away')
  t.end()
})

void t.test('holes', (t) => {
  const { fd, path } = file(t)
  const chunk = 1 << 20
  const { FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE, SEEK_DATA, SEEK_HOLE } = posix
  posix.pwrite(fd, Buffer.alloc(3 * chunk, 1), 0, 3 * chunk, 0)
  t.equal(posix.lseek(fd, 0, SEEK_HOLE), 3 * chunk)
  t.equal(posix.fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, chunk, chunk), 0)
  t.equal(posix.lseek(fd, 0, SEEK_HOLE), chunk)
  t.equal(posix.lseek(fd, chunk, SEEK_DATA), 2 * chunk)
  t.equal(posix.lseek(fd, 3 * chunk, SEEK_DATA), -errno.ENXIO)
  t.equal(statSync(path).size, 3 * chunk)
  t.equal(posix.fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, chunk), -errno.EOPNOTSUPP)
  t.equal(posix.fallocate(fd, 0, 0, 4 * chunk), 0)
  t.equal(statSync(path).size, 4 * chunk)
  t.equal(posix.fallocate(fd, 0, 0, 0), -errno.EINVAL)
  t.equal(posix.lseek(fd, 0, posix.SEEK_END), 4 * chunk)
  t.equal(posix.lseek(-1, 0, posix.SEEK_END), -errno.EBADF)
  t.end()
})

void t.test('ftruncate', (t) => {
  const { fd, path } = file(t)
  t.equal(posix.ftruncate(fd, 5_000_000_000), 0)
  t.equal(statSync(path).size, 5_000_000_000)
  t.equal(posix.ftruncate(fd, 3), 0)
  t.equal(statSync(path).size, 3)
  t.equal(posix.ftruncate(-1, 3), -errno.EBADF)
  t.end()
})

void t.test('copyFileRange', (t) => {
  const { fd, path } = file(t)
  writeFileSync(path, 'abcdef')
  const other = file(t)
  t.equal(posix.copyFileRange(fd, 1, other.fd, 2, 3), 3)
  t.equal(readFileSync(other.path, 'latin1'), '\0\0bcd')
  t.equal(posix.copyFileRange(fd, 4, other.fd, 0, 100), 2, 'to the end')
  t.equal(posix.copyFileRange(fd, 6, other.fd, 0, 100), 0)
  t.equal(posix.copyFileRange(-1, 0, other.fd, 0, 1), -errno.EBADF)
  truncateSync(path, 5_000_000_000)
  t.equal(posix.copyFileRange(fd, 4_999_999_990, other.fd, 0, 100), 10, 'beyond 4 GiB')
  t.end()
})

void t.test('syncing', (t) => {
  const { fd, root } = file(t)
  for (const sync of [posix.fsync, posix.fdatasync]) {
    t.equal(sync(fd), 0)
    t.equal(sync(root), 0)
    t.equal(sync(-1), -errno.EBADF)
  }
  t.equal(posix.syncfs(-1), -errno.EBADF)
  t.equal(posix.writePages(-1), -errno.EBADF)
  t.equal(posix.writePages(fd), 0)
  const proc = posix.openat(posix.AT_FDCWD, Buffer.from('/proc'), posix.O_RDONLY)
  t.equal(posix.syncfs(proc), 0)
  posix.close(proc)
  t.end()
})
