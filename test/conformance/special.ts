// FIFOs, sockets and device nodes: made, used, and never confused with files.

import { conform } from '../support/conform.js'
import { type Case } from '../support/stage.js'

const FIFO = 0o010000
const CHAR = 0o020000
const BLOCK = 0o060000
const FILE = 0o100000
const SOCKET = 0o140000
const device = (major: number, minor: number) => (major << 8) | minor

const cases: Case[] = [
  {
    name: 'mknod makes files, FIFOs, sockets and devices with owner and mode',
    run: async (x) => {
      const p = await x.process()
      await p.mknod('file', FILE | 0o640)
      await p.mknod('plain', 0o600)
      await p.mknod('fifo', FIFO | 0o666)
      await p.mknod('socket', SOCKET | 0o777)
      await p.mknod('char', CHAR | 0o600, device(1, 3))
      await p.mknod('block', BLOCK | 0o660, device(7, 200))
      for (const name of ['file', 'plain', 'fifo', 'socket', 'char', 'block']) await p.lstat(name)
      x.is((await p.stat('block')).rdev, '7:200', 'device number')
      await p.fails('EEXIST').mknod('fifo', FIFO | 0o600)
      await p.fails('EPERM').mknod('dir', 0o040755)
      await p.fails('EINVAL').mknod('odd', 0o150000)
    },
  },
  {
    name: 'device numbers over 255 and over 20 bits',
    run: async (x) => {
      const p = await x.process()
      // The kernel's encoding: 12 bits of major, 20 of minor.
      const encode = (major: number, minor: number) =>
        (minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)
      for (const [major, minor] of [
        [259, 7],
        [4095, 255],
        [8, 65_535],
        [0, 0],
      ] as const) {
        await p.mknod(`d-${major}-${minor}`, CHAR | 0o600, encode(major, minor))
        x.is((await p.stat(`d-${major}-${minor}`)).rdev, `${major}:${minor}`, 'device number')
      }
    },
  },
  {
    name: 'an ordinary user makes FIFOs and sockets but no devices',
    run: async (x) => {
      const [p, q] = [await x.process(), await x.user()]
      await p.chmod('.', 0o777)
      await q.mknod('fifo', FIFO | 0o600)
      await q.mknod('socket', SOCKET | 0o600)
      await q.mknod('file', FILE | 0o600)
      await q.fails('EPERM').mknod('char', CHAR | 0o666, device(1, 3))
      await q.fails('EPERM').mknod('block', BLOCK | 0o666, device(7, 0))
      for (const name of ['fifo', 'socket', 'file']) await q.stat(name)
    },
  },
  {
    name: 'the null device opened by a node on the mount',
    run: async (x) => {
      const p = await x.process()
      await p.mknod('null', CHAR | 0o666, device(1, 3))
      const fd = await p.open('null', 'RDWR')
      await p.write(fd, 'nothing')
      x.is((await p.read(fd, 10)).length, 0, 'end of file')
      await p.mknod('zero', CHAR | 0o666, device(1, 5))
      await p.read(await p.open('zero', 'RDONLY'), 4)
      await p.mknod('none', CHAR | 0o666, device(200, 77))
      await p.fails('ENXIO').open('none', 'RDONLY')
    },
  },
  {
    name: 'two processes talk through a FIFO',
    run: async (x) => {
      const [p, q] = [await x.process(), await x.process()]
      await p.mknod('fifo', FIFO | 0o600)
      const [r, w] = await Promise.all([p.open('fifo', 'RDONLY'), q.open('fifo', 'WRONLY')])
      for (let i = 0; i < 10; i++) {
        await q.write(w, `line ${i}`)
        x.is((await p.read(r, 100)).toString(), `line ${i}`, 'line')
      }
      await q.write(w, 'last')
      await q.close(w)
      await p.read(r, 100)
      x.is((await p.read(r, 100)).length, 0, 'the writer has gone')
      await p.stat('fifo')
    },
  },
  {
    name: 'FIFOs without a partner: ENXIO to write, nothing to read',
    run: async (x) => {
      const p = await x.process()
      await p.mknod('fifo', FIFO | 0o600)
      await p.fails('ENXIO').open('fifo', 'WRONLY|NONBLOCK')
      const r = await p.open('fifo', 'RDONLY|NONBLOCK')
      const w = await p.open('fifo', 'WRONLY|NONBLOCK')
      await p.fails('EAGAIN').read(r, 10)
      await p.write(w, 'x')
      await p.close(r)
      await p.fails('EPIPE').write(w, 'y')
      const both = await p.open('fifo', 'RDWR')
      await p.fails('ESPIPE').lseek(both, 0, 'CUR')
      await p.fails('EINVAL').ftruncate(both, 0)
      await p.fails('EINVAL').truncate('fifo', 0)
    },
  },
  {
    name: 'a FIFO renamed and unlinked while it is in use',
    run: async (x) => {
      const p = await x.process()
      await p.mknod('fifo', FIFO | 0o600)
      const fd = await p.open('fifo', 'RDWR')
      await p.rename('fifo', 'moved')
      await p.write(fd, 'x')
      const second = await p.open('moved', 'RDONLY|NONBLOCK')
      x.is((await p.read(second, 10)).toString(), 'x', 'the same pipe')
      await p.chmod('moved', 0o622)
      await p.unlink('moved')
      await p.write(fd, 'y')
      await p.read(second, 10)
    },
  },
  {
    name: 'a socket bound, reached, and left behind',
    run: async (x) => {
      const [p, q] = [await x.process(), await x.process()]
      const server = await p.unixSocket()
      await p.unixAddress('bind', server, 'socket')
      await p.listen(server)
      x.is((await p.lstat('socket')).type, 'socket', 'type')
      const client = await q.unixSocket()
      await q.unixAddress('connect', client, 'socket')
      const accepted = await p.accept(server)
      await q.write(client, 'hello')
      x.is((await p.read(accepted, 10)).toString(), 'hello', 'what came')
      await p.write(accepted, 'answer')
      await q.read(client, 10)
      const second = await p.unixSocket()
      await p.fails('EADDRINUSE').unixAddress('bind', second, 'socket')
      await p.close(server)
      const late = await q.unixSocket()
      await q.fails('ECONNREFUSED').unixAddress('connect', late, 'socket')
      await q.fails('ENXIO').open('socket', 'RDWR')
    },
  },
  {
    name: 'a socket is reached by its new name, not without the right to write',
    run: async (x) => {
      const [p, q] = [await x.process(), await x.user()]
      const server = await p.unixSocket()
      await p.unixAddress('bind', server, 's')
      await p.listen(server)
      await p.rename('s', 't')
      await p.chmod('t', 0o600)
      const client = await q.unixSocket()
      await q.fails('EACCES').unixAddress('connect', client, 't')
      await p.chmod('t', 0o666)
      await q.fails('ENOENT').unixAddress('connect', client, 's')
      await q.unixAddress('connect', client, 't')
      await p.unlink('t')
    },
  },
  {
    name: 'attributes of special files',
    run: async (x) => {
      const p = await x.process()
      await p.mknod('fifo', FIFO | 0o600)
      await p.mknod('char', CHAR | 0o600, device(1, 3))
      await p.mknod('socket', SOCKET | 0o600)
      for (const name of ['fifo', 'char', 'socket']) {
        await p.chmod(name, 0o4751)
        await p.chown(name, 3, 4)
        await p.utimens(name, { sec: 10n, nsec: 1 }, { sec: 20n, nsec: 2 })
        await p.stat(name)
        await p.times(name)
        await p.fails('EPERM').setxattr(name, 'user.x', 'no')
        await p.setxattr(name, 'trusted.x', 'yes')
        await p.getxattr(name, 'trusted.x')
        await p.fails('EINVAL').truncate(name, 5)
      }
    },
  },
]

await conform('special', cases)
