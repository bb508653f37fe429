// What the kernel tells about files beside their data: inotify, statfs, statx, ioctls, handles.

import { conform } from '../support/conform.js'
import type { Process } from '../support/process-calls.js'
import { statRecord, STATX_BTIME, statxSize } from '../support/stat-record.js'
import type { Case } from '../support/stage.js'

const IN_ALL = 0xfff & ~(1 | 32 | 16) // without ACCESS, OPEN and CLOSE_NOWRITE
const FS_IOC_GETFLAGS = 0x80086601
const FS_IOC_SETFLAGS = 0x40086602
const FS_IOC_FSSETXATTR = 0x401c5820
const FICLONE = 0x40049409
const FIONREAD = 0x541b
const noFlags = 'no message carries inode flags'

async function watched(p: Process, path: string): Promise<number> {
  const fd = await p.inotify()
  await p.inotifyAddWatch(fd, path, IN_ALL)
  return fd
}

const cases: Case[] = [
  {
    name: 'inotify tells of creations, writes, renames and removals by others',
    run: async (x) => {
      const [p, q] = [await x.process(), await x.process()]
      await p.mkdir('d')
      const fd = await watched(p, 'd')
      await q.put('d/f', 'x')
      await q.mkdir('d/sub')
      await q.symlink('f', 'd/l')
      await q.rename('d/f', 'd/g')
      await q.rename('d/g', 'away')
      await q.link('away', 'd/h')
      await q.chmod('d/h', 0o600)
      await q.truncate('d/h', 0)
      await q.unlink('d/h')
      await q.rmdir('d/sub')
      await p.inotifyEvents(fd)
      await p.fails('EAGAIN').inotifyEvents(fd)
    },
  },
  {
    name: 'inotify on a file follows it, and tells when it goes',
    run: async (x) => {
      const [p, q] = [await x.process(), await x.process()]
      await q.put('f', 'x')
      const fd = await watched(p, 'f')
      await q.rename('f', 'g')
      await q.put('g', 'y')
      await q.setxattr('g', 'user.x', 'y')
      await q.unlink('g')
      await p.inotifyEvents(fd)
      await q.mkdir('d')
      const dir = await watched(p, 'd')
      await q.rmdir('d')
      await p.inotifyEvents(dir)
    },
  },
  {
    name: 'tail -f sees appended lines',
    run: async (x) => {
      const p = await x.process()
      await p.put('log', 'first\n')
      const script =
        'timeout 20 tail -f -n +1 log | { read a; echo second >>log; read b; echo $a $b; } & wait'
      await p.run(['sh', '-c', `${script.replace(' & wait', '')}; true`])
    },
  },
  {
    name: 'statfs, of files, directories and descriptors',
    run: async (x) => {
      const p = await x.process()
      await p.put('f', 'x')
      await p.statfs('.')
      await p.statfs('f')
      const raw = await p.statfs('f')
      x.is(raw.readBigInt64LE(64) >= 255n, true, 'f_namelen')
      x.is(raw.readBigInt64LE(16) > 0n, true, 'f_blocks')
      await p.fails('ENOENT').statfs('none')
      await p.run(['sh', '-c', 'df . >/dev/null && df -i . >/dev/null && echo df'])
    },
  },
  {
    name: 'statx promises only what it has',
    run: async (x) => {
      const p = await x.process()
      await p.put('f', 'x')
      await p.mkdir('d')
      for (const name of ['f', 'd']) {
        const hex = Buffer.from(name).toString('hex')
        const { out } = await p.unrecorded('statx', `statx n-100 s${hex} n0 n4095 o${statxSize}`)
        const stat = statRecord(out[0] ?? Buffer.alloc(statxSize))
        x.is(stat.mask & 0x7ff, 0x7ff, 'basic fields')
        const born = stat.mask & STATX_BTIME ? stat.btime.sec > 1_600_000_000n : true
        x.is(born, true, 'a time of birth that is told is true')
        x.is(stat.ctime.sec > 1_600_000_000n, true, 'ctime')
      }
      await p.fails('EINVAL').raw('statx(bad mask)', `statx n-100 s66 n0 n2147483648 o${statxSize}`)
      await p.fails('EINVAL').raw('statx(bad flags)', `statx n-100 s66 n65536 n1 o${statxSize}`)
    },
  },
  {
    name: 'ctime moves with every change of the inode',
    run: async (x) => {
      const p = await x.process()
      await p.put('f', 'x')
      const changes: [string, () => Promise<unknown>][] = [
        ['chmod', () => p.chmod('f', 0o600)],
        ['chown', () => p.chown('f', 1, 1)],
        ['link', () => p.link('f', 'g')],
        ['unlink of a link', () => p.unlink('g')],
        ['rename', () => p.rename('f', 'h')],
        ['rename back', () => p.rename('h', 'f')],
        ['utimens', () => p.utimens('f', { sec: 1n, nsec: 0 }, { sec: 1n, nsec: 0 })],
        ['setxattr', () => p.setxattr('f', 'user.x', 'y')],
        ['removexattr', () => p.removexattr('f', 'user.x')],
        ['truncate', () => p.truncate('f', 10)],
        ['write', () => p.put('f', 'y')],
      ]
      for (const [what, change] of changes) {
        const before = (await p.stat(what === 'rename back' ? 'h' : 'f')).ctime
        await new Promise((resolve) => setTimeout(resolve, 12))
        await change()
        const after = (await p.stat(what === 'rename' ? 'h' : 'f')).ctime
        const moved = after.sec > before.sec || after.nsec !== before.nsec
        x.is(moved, true, what)
      }
    },
  },
  {
    name: 'ioctls on flags are refused cleanly',
    run: async (x) => {
      const p = await x.process()
      await p.put('f', 'x')
      await p.mkdir('d')
      const immutable = Buffer.alloc(8)
      immutable.writeUInt32LE(0x40, 0) // FS_NODUMP_FL: harmless where it is set
      for (const name of ['f', 'd']) {
        const fd = await p.open(name, 'RDONLY')
        await p.differs(noFlags).ioctl(fd, FS_IOC_SETFLAGS, immutable)
        await p.differs(noFlags).ioctl(fd, FS_IOC_GETFLAGS, Buffer.alloc(8))
        await p.differs(noFlags).ioctl(fd, FS_IOC_FSSETXATTR, Buffer.alloc(28))
      }
      await p.stat('f')
    },
  },
  {
    name: 'FICLONE is refused, cp falls back to copying',
    run: async (x) => {
      const p = await x.process()
      await p.put('a', 'data')
      const [a, b] = [await p.open('a', 'RDONLY'), await p.open('b', 'RDWR|CREAT')]
      await p.differs('no message carries a clone').ioctlNumber(b, FICLONE, a)
      await p.close(b)
      await p.run(['cp', '--reflink=auto', 'a', 'b'])
      x.is((await p.get('b')).toString(), 'data', 'copied')
    },
  },
  {
    name: 'other ioctls',
    run: async (x) => {
      const p = await x.process()
      await p.put('f', '12345')
      const fd = await p.open('f', 'RDONLY')
      await p.read(fd, 2)
      const count = await p.ioctl(fd, FIONREAD, Buffer.alloc(4))
      x.note('FIONREAD', count.readInt32LE(0))
      await p.fails('ENOTTY').ioctl(fd, 0x12345678, Buffer.alloc(8))
      await p.fails('ENOTTY').ioctl(fd, 0x5401, Buffer.alloc(64))
    },
  },
  {
    name: 'the mount is a mount, with the options asked for',
    run: async (x) => {
      const p = await x.process()
      const { output } = await p.run(['sh', '-c', 'df --output=target . | tail -1 | wc -l'])
      x.is(output, '1\n', 'df')
      await p.run(['sh', '-c', 'stat -f -c %l .'])
      await p.put('f', 'x')
      await p.run(['sync', 'f'])
      await p.run(['sync', '-f', '.'])
    },
  },
]

await conform('notices', cases)
