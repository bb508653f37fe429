import t from 'tap'
import * as posix from '#posix'

const { errno, POLLHUP, POLLIN, POLLNVAL, POLLOUT, PollSet } = posix

void t.test('poll', (t) => {
  const pipe: [number, number] = [-1, -1]
  t.equal(posix.pipe2(pipe), 0)
  const [reader, writer] = pipe
  const set = new PollSet(3)
  t.equal(posix.poll(set, 0), 0, 'nothing is watched')
  set.set(0, reader, POLLIN)
  set.set(2, writer, POLLOUT)
  t.equal(posix.poll(set, -1), 1)
  t.same([set.revents(0), set.revents(1), set.revents(2)], [0, 0, POLLOUT])
  set.set(2, -1, 0)
  t.equal(posix.poll(set, 1), 0)
  posix.write(writer, Buffer.from('x'), 0, 1)
  t.equal(posix.poll(set, 60_000), 1)
  t.equal(set.revents(0), POLLIN)
  posix.close(writer)
  t.equal(posix.poll(set, 60_000), 1)
  t.equal(set.revents(0), POLLIN | POLLHUP)
  posix.close(reader)
  t.equal(posix.poll(set, 60_000), 1)
  t.equal(set.revents(0), POLLNVAL)
  for (const bad of [-2, 0.5, NaN, 2 ** 31]) t.equal(posix.poll(set, bad), -errno.EINVAL)
  for (const bad of [-1, 3, 0.5, NaN]) t.throws(() => set.set(bad, 0, POLLIN), RangeError)
  t.end()
})

void t.test('eventfd', (t) => {
  const fd = posix.eventfd()
  const set = new PollSet(1)
  set.set(0, fd, POLLIN)
  t.equal(posix.poll(set, 0), 0)
  t.equal(posix.eventfdClear(fd), 0)
  t.equal(posix.eventfdSignal(fd), 0)
  t.equal(posix.eventfdSignal(fd), 0)
  t.equal(posix.poll(set, 0), 1)
  t.equal(posix.eventfdClear(fd), 1)
  t.equal(posix.eventfdClear(fd), 0)
  t.equal(posix.poll(set, 0), 0)
  t.equal(posix.fcntl(fd, posix.F_GETFD), 1)
  // One below its limit, where one more would block.
  t.equal(posix.write(fd, Buffer.from('feffffffffffffff', 'hex'), 0, 8), 8)
  t.equal(posix.eventfdSignal(fd), 0)
  posix.close(fd)
  t.equal(posix.eventfdSignal(fd), -errno.EBADF)
  t.equal(posix.eventfdClear(fd), -errno.EBADF)
  t.end()
})
