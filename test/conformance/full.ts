// A store that is full: the caller is told, what was done before is kept and mirrored, and there is
// room again after something was removed.

import { conform } from '../support/conform.js'
import type { Process } from '../support/process-calls.js'
import type { Case } from '../support/stage.js'

const KiB = 1024
const step = 64 * KiB

/** Writes until there is no room; the size reached. */
async function fillUp(p: Process, name: string): Promise<number> {
  const fd = await p.open(name, 'WRONLY|CREAT')
  for (let at = 0; ;) {
    const written = await p.maybe().pwritePattern(fd, step, at, at)
    if (written <= 0) break
    at += written
  }
  const { size } = await p.fstat(fd)
  await p.fails('ENOSPC').pwrite(fd, 'x'.repeat(5000), size)
  await p.fsync(fd)
  await p.close(fd)
  return size
}

/** The kernel tells a mount a moment later that nobody has a removed file open any more. */
const forgotten = () => new Promise((resolve) => setTimeout(resolve, 500))

const cases: Case[] = [
  {
    name: 'writes until ENOSPC, the last one short',
    run: async (x) => {
      const p = await x.process()
      const size = await fillUp(p, 'f')
      x.is(size > 1000 * KiB, true, 'some of it is there')
      const other = await p.open('g', 'WRONLY|CREAT')
      await p.fails('ENOSPC').write(other, 'x')
      await p.preadHash(await p.open('f', 'RDONLY'), size, 0)
      await p.truncate('f', 500 * KiB)
      await p.put('g', 'there is room again')
      await p.unlink('f')
      await forgotten()
    },
  },
  {
    name: 'overwriting needs no room, holes do, appends do',
    run: async (x) => {
      const p = await x.process()
      const sparse = await p.open('sparse', 'RDWR|CREAT')
      await p.ftruncate(sparse, 1000 * KiB)
      await fillUp(p, 'f')
      const full = await p.open('f', 'RDWR')
      await p.pwrite(full, 'overwritten', 5000)
      await p.fails('ENOSPC').pwrite(sparse, 'x', 300 * KiB)
      await p.ftruncate(sparse, 2000 * KiB)
      const append = await p.open('f', 'WRONLY|APPEND')
      await p.fails('ENOSPC').write(append, 'y'.repeat(9000))
      await p.fallocate(full, 'PUNCH_HOLE|KEEP_SIZE', 0, 100 * KiB)
      await p.pwrite(sparse, 'now it fits', 300 * KiB)
      await p.unlink('f')
      await forgotten()
    },
  },
  {
    name: 'fallocate and copy_file_range without room',
    run: async (x) => {
      const p = await x.process()
      const source = await p.open('source', 'RDWR|CREAT')
      await p.pwritePattern(source, 300 * KiB, 0, 1)
      const fd = await p.open('f', 'RDWR|CREAT')
      await p.fails('ENOSPC').fallocate(fd, '', 0, 100 << 20)
      await p.fstat(fd)
      await fillUp(p, 'rest')
      await p.fails('ENOSPC').fallocate(fd, '', 0, 50 * KiB)
      await p.fails('ENOSPC').copyFileRange(source, 0, fd, 0, 100 * KiB)
      await p.fstat(fd)
      await p.unlink('rest')
      await forgotten()
      await p.copyFileRange(source, 0, fd, 0, 100 * KiB)
      await p.preadHash(fd, 200 * KiB, 0)
    },
  },
  {
    name: 'a replaced and an unlinked open file give their room back',
    run: async (x) => {
      const p = await x.process()
      await fillUp(p, 'big')
      await p.symlink('small', 'link')
      const fd = await p.open('new', 'WRONLY|CREAT')
      await p.fails('ENOSPC').write(fd, 'x')
      await p.rename('new', 'big')
      await forgotten()
      await p.write(fd, 'now there is room')
      await fillUp(p, 'again')
      const open = await p.open('again', 'RDONLY')
      await p.unlink('again')
      await p.fails('ENOSPC').pwrite(fd, 'y'.repeat(5000), 8192)
      await p.close(open)
      await forgotten()
      await p.pwrite(fd, 'z'.repeat(5000), 100)
    },
  },
  {
    name: 'calls that fail for want of room may still move the time of the file',
    run: async (x) => {
      const p = await x.process()
      const names = ['write', 'hole', 'fallocate', 'copy']
      for (const name of names) await p.put(name, 'data')
      const fds: number[] = []
      for (const name of names) fds.push(await p.open(name, 'RDWR'))
      const [write = -1, hole = -1, allocated = -1, copy = -1] = fds
      await fillUp(p, 'rest')
      const past = { sec: 1000n, nsec: 1 }
      for (const name of names) await p.utimens(name, past, past)
      await p.fails('ENOSPC').pwrite(write, 'x'.repeat(5000), 8192)
      await p.fails('ENOSPC').pwrite(hole, 'x', 1 << 20)
      await p.fails('ENOSPC').fallocate(allocated, '', 0, 1 << 20)
      await p.fails('ENOSPC').copyFileRange(write, 0, copy, 8192, 4)
      for (const name of names) x.note(name, (await p.stat(name)).mtime.sec === 1000n)
      await p.unlink('rest')
      await forgotten()
    },
  },
  {
    name: 'no more inodes: nothing can be made, all else goes on',
    run: async (x) => {
      const p = await x.process()
      await p.mkdir('d')
      let made = 0
      while (made < 3000) {
        const { errno } = await p.quiet(
          `mknodat n-100 s${Buffer.from(`d/${made}`).toString('hex')} n33188 n0`,
        )
        if (errno !== '') break
        made++
      }
      x.is(made > 1000 && made < 3000, true, 'the limit was reached')
      await p.fails('ENOSPC').mkdir('dir')
      await p.fails('ENOSPC').symlink('t', 'symlink')
      await p.fails('ENOSPC').open('file', 'WRONLY|CREAT')
      await p.fails('ENOSPC').mknod('fifo', 0o010600)
      await p.put('d/5', 'data still fits')
      await p.rename('d/5', 'moved')
      await p.unlink('d/6')
      await p.unlink('d/7')
      await forgotten()
      await p.mkdir('dir')
      await p.run(['rm', '-r', 'd'])
    },
  },
]

await conform('full', cases, { storeSize: '4m' })
