import t from 'tap'
import * as posix from '#posix'

const { errno, ioctl } = posix
const FIONREAD = 0x541b
const FIONBIO = 0x5421
// _IOR('f', 1, long): its bits 16 to 29 say 8 bytes.
const FS_IOC_GETFLAGS = 0x80086601

void t.test('ioctl', (t) => {
  const ends: [number, number] = [-1, -1]
  posix.pipe2(ends)
  const [reader, writer] = ends
  posix.write(writer, Buffer.from('abc'), 0, 3)
  const out = Buffer.alloc(4)
  t.equal(ioctl(reader, FIONREAD, out), 0)
  t.equal(out.readInt32LE(0), 3)
  t.equal(ioctl(reader, FIONBIO, Buffer.from([1, 0, 0, 0])), 0)
  t.ok(posix.fcntl(reader, posix.F_GETFL) & posix.O_NONBLOCK)
  t.equal(ioctl(reader, FS_IOC_GETFLAGS, Buffer.alloc(8)), -errno.ENOTTY)
  t.equal(ioctl(reader, FS_IOC_GETFLAGS, Buffer.alloc(7)), -errno.EFAULT)
  t.equal(ioctl(reader, FIONREAD, 0), -errno.EFAULT, 'a number that is no address')
  posix.close(reader)
  posix.close(writer)
  t.equal(ioctl(reader, FIONREAD, out), -errno.EBADF)
  t.end()
})
