import { readdirSync, writeFileSync } from 'node:fs'
import t from 'tap'
import * as posix from '#posix'
import { addressOf, native } from '../../packages/posix/libc.js'
import { tempDirectory } from '../support/temp-directory.js'

const { errno, SOCK_SEQPACKET, SOCK_STREAM } = posix

function pair(t: { teardown(end: () => void): void }, type: number): [number, number] {
  const ends: [number, number] = [-1, -1]
  posix.check(posix.socketpair(type, ends), 'socketpair')
  t.teardown(() => {
    for (const fd of ends) posix.close(fd)
  })
  return ends
}

void t.test('who is at the other end', (t) => {
  const [a] = pair(t, SOCK_STREAM)
  const peer = { pid: -1, uid: -1, gid: -1 }
  t.equal(posix.peerCredentials(a, peer), 0)
  t.same(peer, { pid: process.pid, uid: posix.geteuid(), gid: posix.getegid() })
  const { fd } = tempDirectory(t)
  t.equal(posix.peerCredentials(fd, peer), -errno.ENOTSOCK)
  t.end()
})

void t.test('descriptors travel with bytes', (t) => {
  const { fd: root, path } = tempDirectory(t)
  writeFileSync(`${path}/file`, 'content')
  const file = posix.openat(root, Buffer.from('file'), posix.O_RDONLY)
  const [a, b] = pair(t, SOCK_STREAM)
  t.equal(posix.fcntl(a, posix.F_GETFD), 1)
  t.equal(posix.fcntl(b, posix.F_GETFD), 1)
  const out = Buffer.alloc(16, '-')
  for (const fds of [[file], [file, root, file], []]) {
    t.equal(posix.sendmsg(a, Buffer.from('..hello..'), 2, 5, fds), 5)
    const received: number[] = []
    t.equal(posix.recvmsg(b, out, 1, 10, received), 5)
    t.equal(out.toString(), '-hello----------')
    t.equal(received.length, fds.length)
    const text = Buffer.alloc(7)
    if (received[0] !== undefined) t.equal(posix.pread(received[0], text, 0, 7, 0), 7)
    for (const fd of received) {
      t.notOk(fds.includes(fd))
      t.equal(posix.fcntl(fd, posix.F_GETFD), 1, 'close-on-exec')
      posix.close(fd)
    }
  }
  posix.close(file)
  t.end()
})

void t.test('sixteen at most', (t) => {
  const [a, b] = pair(t, SOCK_SEQPACKET)
  const byte = Buffer.from('x')
  t.equal(posix.sendmsg(a, byte, 0, 1, Array<number>(17).fill(a)), -errno.EINVAL)
  t.equal(posix.sendmsg(a, byte, 0, 1, Array<number>(16).fill(a)), 1)
  const received: number[] = []
  t.equal(posix.recvmsg(b, Buffer.alloc(1), 0, 1, received), 1)
  t.equal(new Set(received).size, 16)
  for (const fd of received) posix.close(fd)
  t.end()
})

void t.test('more than sixteen, as another program may send, are refused and closed', (t) => {
  const [a, b] = pair(t, SOCK_SEQPACKET)
  // struct msghdr at 0, struct iovec at 56, struct cmsghdr with 20 descriptors at 72.
  const area = Buffer.alloc(72 + 16 + 80)
  const base = addressOf(area)
  area.writeBigUInt64LE(BigInt(base + 56), 16)
  area.writeUInt32LE(1, 24)
  area.writeBigUInt64LE(BigInt(base + 72), 32)
  area.writeUInt32LE(16 + 80, 40)
  area.writeBigUInt64LE(BigInt(base), 56)
  area.writeUInt32LE(1, 64)
  area.writeUInt32LE(16 + 80, 72)
  area.writeUInt32LE(1, 80)
  area.writeUInt32LE(1, 84)
  for (let i = 0; i < 20; i++) area.writeInt32LE(a, 88 + 4 * i)
  t.equal(native('sendmsg', 'int64', ['int', 'int64', 'int'])(a, base, 0), 1)
  const before = readdirSync('/proc/self/fd').length
  const received: number[] = []
  t.equal(posix.recvmsg(b, Buffer.alloc(1), 0, 1, received), -errno.EMSGSIZE)
  t.same(received, [])
  t.equal(readdirSync('/proc/self/fd').length, before)
  t.end()
})

void t.test('send neither waits nor kills', (t) => {
  const ends: [number, number] = [-1, -1]
  t.equal(posix.socketpair(SOCK_STREAM, ends), 0)
  const [a, b] = ends
  const bytes = Buffer.alloc(1 << 16, 'x')
  let sent = 0
  for (;;) {
    const done = posix.send(a, bytes, 0, bytes.length, posix.MSG_DONTWAIT)
    if (done < 0) {
      t.equal(done, -errno.EAGAIN)
      break
    }
    sent += done
  }
  t.ok(sent > 0)
  t.equal(posix.recvmsg(b, bytes, 0, 10, [], posix.MSG_DONTWAIT), 10)
  posix.close(b)
  t.equal(posix.send(a, bytes, 0, 1), -errno.EPIPE)
  t.equal(posix.sendmsg(a, bytes, 0, 1, []), -errno.EPIPE)
  posix.close(a)
  t.end()
})

void t.test('the end, an empty socket, and errors', (t) => {
  const ends: [number, number] = [-1, -1]
  t.equal(posix.socketpair(99, ends), -errno.EINVAL)
  t.equal(posix.socketpair(SOCK_STREAM, ends), 0)
  const [a, b] = ends
  const out = Buffer.alloc(4)
  t.equal(posix.recvmsg(b, out, 0, 4, [], posix.MSG_DONTWAIT), -errno.EAGAIN)
  t.equal(posix.recvmsg(b, out, 2, 4, []), -errno.EFAULT)
  t.equal(posix.send(a, out, 2, 4), -errno.EFAULT)
  t.equal(posix.sendmsg(a, out, 2, 4, []), -errno.EFAULT)
  posix.close(a)
  t.equal(posix.recvmsg(b, out, 0, 4, []), 0)
  posix.close(b)
  t.equal(posix.recvmsg(b, out, 0, 4, []), -errno.EBADF)
  t.end()
})
