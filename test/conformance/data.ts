// Reading and writing: offsets, vectors, copies within the kernel, syncs and advice.

import { compiled } from '../support/compiled.js'
import { conform } from '../support/conform.js'
import type { Case } from '../support/stage.js'

const RWF_APPEND = 16
const RWF_DSYNC = 2

const cases: Case[] = [
  {
    name: 'pread and pwrite at odd offsets and sizes',
    run: async (x) => {
      const p = await x.process()
      const fd = await p.open('f', 'RDWR|CREAT')
      const places = [
        [0, 1],
        [1, 4095],
        [4095, 2],
        [4097, 8191],
        [65_535, 65_537],
        [131_071, 3],
        [1_000_003, 131_073],
        [3, 262_147],
      ] as const
      for (const [seed, [offset, size]] of places.entries()) {
        x.is(await p.pwritePattern(fd, size, offset, seed), size, 'written')
        await p.preadHash(fd, size + 10, Math.max(0, offset - 5))
      }
      x.is((await p.fstat(fd)).size, 1_131_076, 'size')
      await p.preadHash(fd, 1 << 21, 0)
    },
  },
  {
    name: 'one write of 8 MiB and one read of it',
    run: async (x) => {
      const p = await x.process()
      const fd = await p.open('f', 'RDWR|CREAT')
      x.is(await p.pwritePattern(fd, 8 << 20, 12_345, 1), 8 << 20, 'written')
      await p.preadHash(fd, 8 << 20, 12_345)
      const q = await x.process()
      await q.preadHash(await q.open('f', 'RDONLY'), 9 << 20, 0)
    },
  },
  {
    name: 'read and write move the offset, also beyond the end',
    run: async (x) => {
      const p = await x.process()
      const fd = await p.open('f', 'RDWR|CREAT')
      await p.write(fd, 'abcdef')
      x.is(await p.lseek(fd, 0, 'CUR'), 6, 'offset')
      await p.lseek(fd, 10, 'SET')
      await p.write(fd, 'x')
      x.is((await p.pread(fd, 20, 0)).toString('latin1'), 'abcdef\0\0\0\0x', 'a hole of four')
      await p.lseek(fd, -3, 'END')
      x.is((await p.read(fd, 10)).length, 3, 'to the end')
      x.is((await p.read(fd, 10)).length, 0, 'at the end')
      x.is((await p.pread(fd, 10, 1000)).length, 0, 'beyond')
      await p.fails('EINVAL').lseek(fd, -1, 'SET')
      await p.fails('EINVAL').pread(fd, 1, -1)
      await p.fails('EINVAL').pwrite(fd, 'x', -1)
    },
  },
  {
    name: 'writes of nothing change nothing',
    run: async (x) => {
      const p = await x.process()
      await p.put('f', 'data')
      await p.utimens('f', { sec: 1n, nsec: 0 }, { sec: 2n, nsec: 0 })
      const fd = await p.open('f', 'RDWR')
      x.is(await p.write(fd, ''), 0, 'written')
      x.is(await p.pwrite(fd, '', 1000), 0, 'written far out')
      x.is((await p.read(fd, 0)).length, 0, 'read')
      await p.writev(fd, ['', ''])
      x.is((await p.fstat(fd)).size, 4, 'size')
    },
  },
  {
    name: 'readv and writev',
    run: async (x) => {
      const p = await x.process()
      const fd = await p.open('f', 'RDWR|CREAT')
      x.is(
        await p.writev(fd, ['one ', '', 'two ', Buffer.alloc(5000, 'x'), ' end']),
        5012,
        'written',
      )
      await p.lseek(fd, 2, 'SET')
      await p.readv(fd, [1, 4, 6000, 10])
      await p.pwritev2(fd, ['A', 'BC'], 1, 0)
      await p.pwritev2(fd, ['durable'], 100, RWF_DSYNC)
      await p.pwritev2(fd, ['at the end'], 0, RWF_APPEND)
      await p.preadHash(fd, 6000, 0)
      await p.fstat(fd)
    },
  },
  {
    name: 'a second process reads what the first has written, at once',
    run: async (x) => {
      const [p, q] = [await x.process(), await x.process()]
      const [w, r] = [await p.open('f', 'RDWR|CREAT'), await q.open('f', 'RDONLY')]
      for (let i = 0; i < 50; i++) {
        await p.pwrite(w, `value ${i}`, 4090)
        x.is((await q.pread(r, 20, 4090)).toString(), `value ${i}`, 'read')
        if (i % 7 === 0) {
          await p.ftruncate(w, 4092)
          x.is((await q.fstat(r)).size, 4092, 'size')
          x.is((await q.pread(r, 20, 4090)).toString(), 'va', 'cut')
        }
      }
    },
  },
  {
    name: 'grown again after a cut, the rest is zeros',
    run: async (x) => {
      const p = await x.process()
      const fd = await p.open('f', 'RDWR|CREAT')
      for (const size of [1, 100, 4095, 4096, 4097, 10_000]) {
        await p.pwritePattern(fd, 20_000, 0, size)
        await p.pread(fd, 100, 5000)
        await p.ftruncate(fd, size)
        await p.ftruncate(fd, 20_000)
        x.is((await p.pread(fd, 10, size)).equals(Buffer.alloc(10)), true, 'zeros')
        await p.preadHash(fd, 20_000, 0)
      }
    },
  },
  {
    name: 'truncate by path and by descriptor, to all kinds of sizes',
    run: async (x) => {
      const p = await x.process()
      await p.put('f', '0123456789')
      const fd = await p.open('f', 'RDWR')
      for (const size of [10, 5, 0, 5, 4096, 1_000_001]) {
        await p.truncate('f', size)
        x.is((await p.fstat(fd)).size, size, 'by path')
        await p.ftruncate(fd, size + 1)
        x.is((await p.stat('f')).size, size + 1, 'by descriptor')
      }
      await p.fails('EINVAL').truncate('f', -1)
      await p.fails('EINVAL').ftruncate(fd, -1)
      await p.fails('ENOENT').truncate('none', 0)
      await p.maybe().truncate('f', 2n ** 62n)
      await p.stat('f')
    },
  },
  {
    name: 'copy_file_range within a file and between two',
    run: async (x) => {
      const p = await x.process()
      const [a, b] = [await p.open('a', 'RDWR|CREAT'), await p.open('b', 'RDWR|CREAT')]
      await p.pwritePattern(a, 300_000, 0, 1)
      x.is(await p.copyFileRange(a, 0, b, 0, 300_000), 300_000, 'all')
      await p.preadHash(b, 300_000, 0)
      await p.copyFileRange(a, 100, b, 5001, 4999)
      await p.copyFileRange(a, 299_000, b, 400_000, 5000)
      await p.preadHash(b, 500_000, 0)
      await p.copyFileRange(a, 0, a, 200_000, 50_000)
      await p.preadHash(a, 400_000, 0)
      await p.fails('EINVAL').copyFileRange(a, 0, a, 10, 100)
      x.is(await p.copyFileRange(a, 1_000_000, b, 0, 10), 0, 'beyond the end')
      const r = await p.open('a', 'RDONLY')
      await p.fails('EBADF').copyFileRange(a, 0, r, 0, 10)
      await p.fstat(b)
    },
  },
  {
    name: 'copy_file_range from elsewhere, to a renamed and to a nameless file',
    run: async (x) => {
      const p = await x.process()
      await p.mkdir('d')
      const [a, b] = [await p.open('a', 'RDWR|CREAT'), await p.open('b', 'RDWR|CREAT')]
      await p.pwritePattern(a, 10_000, 0, 3)
      await p.rename('b', 'd/b')
      await p.rename('a', 'd/a')
      await p.copyFileRange(a, 1, b, 2, 5000)
      await p.unlink('d/a')
      await p.copyFileRange(a, 5000, b, 5000, 5000)
      await p.copyFileRange(b, 0, a, 0, 100)
      await p.preadHash(b, 20_000, 0)
      const tmp = await p.open('.', 'RDWR|TMPFILE')
      await p.copyFileRange(b, 0, tmp, 0, 10_000)
      await p.link(`/proc/self/fd/${tmp}`, 'tmp', 'SYMLINK_FOLLOW')
      const proc = await p.open('/dev/zero', 'RDONLY')
      await p.fails('EINVAL').copyFileRange(proc, 0, b, 0, 10)
    },
  },
  {
    name: 'sendfile and splice, from and to the file',
    run: async (x) => {
      const p = await x.process()
      const [a, b] = [await p.open('a', 'RDWR|CREAT'), await p.open('b', 'RDWR|CREAT')]
      await p.pwritePattern(a, 40_000, 0, 5)
      await p.lseek(a, 0, 'SET')
      x.is(await p.sendfile(b, a, 30_000), 30_000, 'sent')
      await p.preadHash(b, 40_000, 0)
      const [r, w] = await p.pipe()
      await p.lseek(a, 100, 'SET')
      const moved = await p.splice(a, w, 5000)
      await p.lseek(b, 1000, 'SET')
      x.is(await p.splice(r, b, 5000), moved, 'spliced')
      await p.preadHash(b, 40_000, 0)
    },
  },
  {
    name: 'every kind of sync, on files and directories',
    run: async (x) => {
      const p = await x.process()
      await p.mkdir('d')
      const fd = await p.open('d/f', 'RDWR|CREAT')
      await p.pwritePattern(fd, 100_000, 0, 6)
      for (const call of ['fsync', 'fdatasync', 'syncfs'] as const) await p.fsync(fd, call)
      await p.syncFileRange(fd, 4096, 8192)
      const dir = await p.open('d', 'RDONLY')
      for (const call of ['fsync', 'fdatasync', 'syncfs'] as const) await p.fsync(dir, call)
      await p.unlink('d/f')
      await p.fsync(fd)
      const r = await p.open('d', 'RDONLY')
      await p.rmdir('d')
      await p.fsync(r)
      const [end] = await p.pipe()
      await p.fails('EINVAL').fsync(end)
      await p.fails('EBADF').fsync(99)
    },
  },
  {
    name: 'advice and readahead change nothing that can be read',
    run: async (x) => {
      const p = await x.process()
      const fd = await p.open('f', 'RDWR|CREAT')
      await p.pwritePattern(fd, 500_000, 0, 7)
      for (const advice of [0, 1, 2, 3, 4, 5]) {
        await p.fadvise(fd, advice)
        await p.preadHash(fd, 100_000, advice * 70_000)
      }
      await p.readahead(fd, 0, 1 << 20)
      await p.pwrite(fd, 'fresh', 100)
      await p.pread(fd, 10, 98)
      await p.fails('EINVAL').fadvise(fd, 77)
    },
  },
  {
    name: 'many small appends, then a look from elsewhere',
    run: async (x) => {
      const [p, q] = [await x.process(), await x.process()]
      const fd = await p.open('log', 'WRONLY|CREAT|APPEND')
      for (let i = 0; i < 1000; i++) await p.write(fd, `${i}\n`)
      await q.get('log')
      await q.truncate('log', 10)
      await p.write(fd, 'after the cut\n')
      x.is((await q.get('log')).toString(), '0\n1\n2\n3\n4\nafter the cut\n', 'data')
    },
  },
  {
    name: 'two writers of one file at neighbouring bytes',
    run: async (x) => {
      const [p, q] = [await x.process(), await x.process()]
      const [a, b] = [await p.open('f', 'RDWR|CREAT'), await q.open('f', 'RDWR')]
      for (let i = 0; i < 64; i++) {
        await Promise.all([p.pwrite(a, 'p', i * 2), q.pwrite(b, 'q', i * 2 + 1)])
      }
      x.is((await p.get('f')).toString(), 'pq'.repeat(64), 'data')
    },
  },
  ...[1, 2, 3, 4].map((seed): Case => ({
    name: `3,000 operations on one file, checked against memory, seed ${seed}`,
    run: async (x) => {
      const p = await x.process()
      const { output } = await p.run([compiled('fsx'), 'f', '3000', `${seed}`])
      x.is(output, 'equal\n', 'the file and what it must hold')
    },
  })),
  {
    name: 'operations by io_uring and by kernel AIO',
    run: async (x) => {
      const p = await x.process()
      await p.run([compiled('uring'), '.'])
    },
  },
]

await conform('data', cases)
