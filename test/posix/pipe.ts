import t from 'tap'
import * as posix from '#posix'

const { errno } = posix

void t.test('size, and non-blocking for one holder alone', (t) => {
  const ends: [number, number] = [-1, -1]
  t.equal(posix.pipe2(ends), 0)
  const [reader, writer] = ends
  t.equal(posix.fcntl(reader, posix.F_GETFD), 1)
  t.equal(posix.fcntl(writer, posix.F_GETFD), 1)
  t.equal(posix.setPipeSize(writer, 8192), 8192)
  t.equal(posix.pipeSize(reader), 8192)
  const quick = posix.reopen(writer, posix.O_WRONLY | posix.O_NONBLOCK)
  t.ok(quick >= 0)
  t.ok(posix.fcntl(quick, posix.F_GETFL) & posix.O_NONBLOCK)
  t.notOk(posix.fcntl(writer, posix.F_GETFL) & posix.O_NONBLOCK)
  const bytes = Buffer.alloc(10_000, 'x')
  t.equal(posix.write(quick, bytes, 0, 10_000), 8192)
  t.equal(posix.write(quick, bytes, 0, 10_000), -errno.EAGAIN)
  for (const fd of [reader, writer, quick]) posix.close(fd)
  t.equal(posix.pipeSize(reader), -errno.EBADF)
  t.end()
})

void t.test('errors', (t) => {
  t.equal(posix.pipe2([-1, -1], 1), -errno.EINVAL)
  const fd = posix.openat(posix.AT_FDCWD, Buffer.from('/'), posix.O_RDONLY)
  t.equal(posix.setPipeSize(fd, 4096), -errno.EBADF)
  posix.close(fd)
  t.end()
})
