// Sizes, holes and preallocation: what is allocated, what reads as zeros, and how holes are found.

import { conform } from '../support/conform.js'
import type { Process } from '../support/process-calls.js'
import type { Case, Stage } from '../support/stage.js'

const MiB = 1 << 20
const byKernel = 'the kernel offers no such fallocate to a mount of this kind'

/** The extents lseek finds, on a file whose data is on disk. */
async function extents(x: Stage, p: Process, fd: number, what: string): Promise<void> {
  await p.fsync(fd)
  const { size } = await p.fstat(fd)
  const found: string[] = []
  for (let at = 0; at < size;) {
    const data = await p.maybe().lseek(fd, at, 'DATA')
    if (data < 0) break
    at = await p.lseek(fd, data, 'HOLE')
    found.push(`${data}-${at}`)
  }
  x.note(what, found)
}

const cases: Case[] = [
  {
    name: 'a file of holes with three islands',
    holes: true,
    run: async (x) => {
      const p = await x.process()
      const fd = await p.open('f', 'RDWR|CREAT')
      for (const at of [MiB, 5 * MiB, 11 * MiB]) await p.pwritePattern(fd, 65_536, at, at)
      await p.ftruncate(fd, 16 * MiB)
      await extents(x, p, fd, 'islands')
      await p.preadHash(fd, 16 * MiB, 0)
    },
  },
  {
    name: 'SEEK_DATA and SEEK_HOLE at the edges',
    run: async (x) => {
      const p = await x.process()
      const fd = await p.open('f', 'RDWR|CREAT')
      await p.fails('ENXIO').lseek(fd, 0, 'DATA')
      await p.fails('ENXIO').lseek(fd, 0, 'HOLE')
      await p.pwritePattern(fd, 8192, 0, 1)
      await p.fsync(fd)
      x.is(await p.lseek(fd, 100, 'DATA'), 100, 'data where it is')
      x.is(await p.lseek(fd, 100, 'HOLE'), 8192, 'the hole at the end')
      await p.fails('ENXIO').lseek(fd, 8192, 'DATA')
      await p.fails('ENXIO').lseek(fd, 9000, 'HOLE')
      await p.fails('ENXIO').lseek(fd, -1, 'DATA')
      await p.ftruncate(fd, MiB)
      await p.fails('ENXIO').lseek(fd, 20_000, 'DATA')
      x.is(await p.lseek(fd, 20_000, 'HOLE'), 20_000, 'in the hole')
      x.is(await p.lseek(fd, 0, 'CUR'), 20_000, 'the offset')
    },
  },
  {
    name: 'truncate past 4 GiB and a byte at its end',
    holes: true,
    run: async (x) => {
      const p = await x.process()
      await p.put('f', 'start')
      const size = 5 * 1024 * MiB + 12_345
      await p.truncate('f', size)
      const fd = await p.open('f', 'RDWR')
      x.is((await p.fstat(fd)).size, size, 'size')
      await p.pwrite(fd, 'end', size - 3)
      await p.pwrite(fd, 'middle', 4 * 1024 * MiB - 3)
      x.is((await p.pread(fd, 10, size - 3)).toString(), 'end', 'end')
      x.is((await p.pread(fd, 6, 4 * 1024 * MiB - 3)).toString(), 'middle', 'across 4 GiB')
      await p.lseek(fd, 0, 'END')
      await p.write(fd, '!')
      await p.ftruncate(fd, 3)
      await p.get('f')
    },
  },
  {
    name: 'offsets near the largest file',
    run: async (x) => {
      const p = await x.process()
      const fd = await p.open('f', 'RDWR|CREAT')
      await p.pwrite(fd, 'far', 2 ** 40)
      await p.pread(fd, 3, 2 ** 40)
      await p.fails('EFBIG').pwrite(fd, 'x', 2n ** 63n - 2n)
      await p.fails('EFBIG').ftruncate(fd, 2n ** 62n)
      await p.fstat(fd)
      await p.ftruncate(fd, 10)
    },
  },
  {
    name: 'fallocate allocates, within and beyond the size',
    holes: true,
    run: async (x) => {
      const p = await x.process()
      const fd = await p.open('f', 'RDWR|CREAT')
      await p.fallocate(fd, '', 0, MiB)
      x.is((await p.fstat(fd)).size, MiB, 'size')
      await p.fallocate(fd, 'KEEP_SIZE', MiB, 4 * MiB)
      x.is((await p.fstat(fd)).size, MiB, 'size kept')
      await p.fallocate(fd, '', 2 * MiB + 7, 100)
      x.is((await p.fstat(fd)).size, 2 * MiB + 107, 'size')
      await p.pwritePattern(fd, 10_000, 500, 1)
      await p.preadHash(fd, 3 * MiB, 0)
    },
  },
  {
    name: 'fallocate errors',
    run: async (x) => {
      const p = await x.process()
      const fd = await p.open('f', 'RDWR|CREAT')
      await p.fails('EINVAL').fallocate(fd, '', 0, 0)
      await p.fails('EINVAL').fallocate(fd, '', -1, 10)
      await p.fails('EOPNOTSUPP').fallocate(fd, 'PUNCH_HOLE', 0, 4096)
      await p.fails('EOPNOTSUPP').fallocate(fd, 'PUNCH_HOLE|ZERO_RANGE|KEEP_SIZE', 0, 4096)
      const [end] = await p.pipe()
      await p.fails('EBADF').fallocate(end, '', 0, 10)
      const dir = await p.open('.', 'RDONLY')
      await p.fails('EBADF').fallocate(dir, '', 0, 10)
      await p.fails('EFBIG').fallocate(fd, '', 2 ** 52, 2 ** 52)
    },
  },
  {
    name: 'a punched hole is zeros and is free',
    holes: true,
    run: async (x) => {
      const p = await x.process()
      const fd = await p.open('f', 'RDWR|CREAT')
      await p.pwritePattern(fd, 2 * MiB, 0, 2)
      await p.fsync(fd)
      await p.fallocate(fd, 'PUNCH_HOLE|KEEP_SIZE', 512 * 1024, MiB)
      await p.fallocate(fd, 'PUNCH_HOLE|KEEP_SIZE', 100, 50)
      await p.fallocate(fd, 'PUNCH_HOLE|KEEP_SIZE', 2 * MiB - 5, MiB)
      await p.preadHash(fd, 2 * MiB, 0)
      await p.pread(fd, 100, 80)
      await extents(x, p, fd, 'what is left')
    },
  },
  {
    name: 'ZERO_RANGE with and without KEEP_SIZE',
    holes: true,
    run: async (x) => {
      const p = await x.process()
      const fd = await p.open('f', 'RDWR|CREAT')
      await p.pwritePattern(fd, MiB, 0, 3)
      await p.maybe().fallocate(fd, 'ZERO_RANGE', 1000, 200_000)
      await p.maybe().fallocate(fd, 'ZERO_RANGE|KEEP_SIZE', MiB - 100, 1000)
      await p.fstat(fd)
      await p.maybe().fallocate(fd, 'ZERO_RANGE', MiB - 100, 1000)
      await p.fstat(fd)
      await p.preadHash(fd, 2 * MiB, 0)
    },
  },
  {
    name: 'COLLAPSE_RANGE is refused cleanly',
    run: async (x) => {
      const p = await x.process()
      const fd = await p.open('f', 'RDWR|CREAT')
      await p.pwritePattern(fd, MiB, 0, 4)
      await p.differs(byKernel).fallocate(fd, 'COLLAPSE_RANGE', 4096, 4096)
      await p.ftruncate(fd, 4096)
      await p.preadHash(fd, MiB, 0)
    },
  },
  {
    name: 'INSERT_RANGE is refused cleanly',
    run: async (x) => {
      const p = await x.process()
      const fd = await p.open('f', 'RDWR|CREAT')
      await p.pwritePattern(fd, MiB, 0, 5)
      await p.differs(byKernel).fallocate(fd, 'INSERT_RANGE', 8192, 4096)
      await p.ftruncate(fd, 8192)
      await p.preadHash(fd, MiB, 0)
    },
  },
  {
    name: 'holes by truncation, then writes into them',
    holes: true,
    run: async (x) => {
      const p = await x.process()
      const fd = await p.open('f', 'RDWR|CREAT')
      await p.ftruncate(fd, 8 * MiB)
      for (let i = 0; i < 8; i += 2) await p.pwritePattern(fd, 8192, i * MiB, i)
      await p.fallocate(fd, 'PUNCH_HOLE|KEEP_SIZE', 2 * MiB, 8192)
      await extents(x, p, fd, 'extents')
      await p.ftruncate(fd, 4 * MiB + 100)
      await p.ftruncate(fd, 8 * MiB)
      await extents(x, p, fd, 'after the cut')
      await p.preadHash(fd, 8 * MiB, 0)
    },
  },
  {
    name: 'copy_file_range of a file with holes reads the same',
    run: async (x) => {
      const p = await x.process()
      const [a, b] = [await p.open('a', 'RDWR|CREAT'), await p.open('b', 'RDWR|CREAT')]
      await p.pwritePattern(a, 5000, MiB, 1)
      await p.ftruncate(a, 3 * MiB)
      for (let at = 0; at < 3 * MiB;) {
        const copied = await p.copyFileRange(a, at, b, at, 3 * MiB - at)
        if (copied <= 0) break
        at += copied
      }
      x.is((await p.fstat(b)).size, 3 * MiB, 'size')
      await p.preadHash(b, 3 * MiB, 0)
    },
  },
  {
    name: 'cp --sparse makes holes and finds them',
    holes: true,
    run: async (x) => {
      const p = await x.process()
      const fd = await p.open('f', 'RDWR|CREAT')
      await p.pwritePattern(fd, 65_536, 2 * MiB, 1)
      await p.ftruncate(fd, 8 * MiB)
      await p.fsync(fd)
      await p.run(['cp', '--sparse=always', 'f', 'always'])
      await p.run(['cp', '--sparse=auto', '--reflink=auto', 'f', 'auto'])
      await p.run(['cp', '--sparse=never', '--reflink=never', 'f', 'never'])
      for (const name of ['always', 'auto', 'never']) await p.run(['cmp', 'f', name])
    },
  },
]

await conform('holes', cases)
