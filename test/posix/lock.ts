import t from 'tap'
import { close, errno, flock, LOCK_EX, LOCK_NB, LOCK_SH, LOCK_UN, O_RDONLY, openat } from '#posix'
import { tempDirectory } from '../support/temp-directory.js'

void t.test('flock', (t) => {
  const { fd: root } = tempDirectory(t)
  const open = () => openat(root, Buffer.from('.'), O_RDONLY)
  const [a, b] = [open(), open()]
  t.equal(flock(a, LOCK_EX | LOCK_NB), 0)
  t.equal(flock(b, LOCK_SH | LOCK_NB), -errno.EAGAIN)
  t.equal(flock(a, LOCK_UN), 0)
  t.equal(flock(b, LOCK_EX), 0)
  t.equal(flock(a, LOCK_EX | LOCK_NB), -errno.EAGAIN)
  t.equal(close(b), 0, 'closing frees it')
  t.equal(flock(a, LOCK_EX | LOCK_NB), 0)
  close(a)
  t.equal(flock(a, LOCK_EX), -errno.EBADF)
  t.end()
})
