// The kernel forgets what it knows of the mount, and everything goes on: open files, names that are
// found again, hard links of which it had seen one name only.

import { conform } from '../support/conform.js'
import type { Process } from '../support/process-calls.js'
import type { Case } from '../support/stage.js'

/** Drops the names and inodes that nobody holds, and all pages that are clean. */
async function forget(p: Process): Promise<void> {
  await p.run(['sh', '-c', 'sync -f . && echo 3 >/proc/sys/vm/drop_caches'])
}

const cases: Case[] = [
  {
    name: 'a tree is found again as it was',
    run: async (x) => {
      const p = await x.process()
      for (const dir of ['a', 'a/b', 'a/b/c']) await p.mkdir(dir)
      await p.put('a/b/c/f', 'data', 0o640)
      await p.setxattr('a/b/c/f', 'user.x', 'y')
      await forget(p)
      await p.stat('a/b/c/f')
      await p.get('a/b/c/f')
      await p.rename('a/b', 'z')
      await forget(p)
      await p.put('z/c/f', 'changed')
      await forget(p)
      await p.truncate('z/c/f', 3)
      await p.getxattr('z/c/f', 'user.x')
      await p.fails('ENOENT').stat('a/b')
    },
  },
  {
    name: 'open files and a working directory outlast it',
    run: async (x) => {
      const [p, q] = [await x.process(), await x.process()]
      await p.mkdir('d')
      await p.mkdir('d/e')
      const fd = await p.open('d/e/f', 'RDWR|CREAT')
      await q.chdir('d/e')
      await forget(p)
      await p.write(fd, 'one ')
      await forget(p)
      await p.rename('d', 'moved')
      await forget(p)
      await p.write(fd, 'two')
      await q.put('g', 'by cwd')
      await forget(p)
      await p.get('moved/e/f')
      await p.get('moved/e/g')
    },
  },
  {
    name: 'a hard link of which one name was seen, and that name goes',
    run: async (x) => {
      const p = await x.process()
      for (const dir of ['a', 'b', 'b/deep']) await p.mkdir(dir)
      await p.put('a/known', 'x')
      await p.link('a/known', 'b/deep/other')
      await forget(p)
      const fd = await p.open('a/known', 'RDWR|APPEND')
      await p.unlink('a/known')
      await p.write(fd, 'written when no known name was left')
      await p.fchmod(fd, 0o600)
      await p.setxattr({ fd }, 'user.x', 'y')
      await p.ftruncate(fd, 20)
      await p.futimens(fd, { sec: 1n, nsec: 2 }, { sec: 3n, nsec: 4 })
      await p.close(fd)
      await p.times('b/deep/other')
      await p.get('b/deep/other')
    },
  },
  {
    name: 'the name that was seen is replaced, the other in a renamed directory is not',
    run: async (x) => {
      const p = await x.process()
      await p.mkdir('d')
      await p.put('seen', 'x')
      await p.link('seen', 'd/unseen')
      await forget(p)
      const fd = await p.open('seen', 'RDWR|APPEND')
      await p.put('new', 'replacement')
      await p.rename('new', 'seen')
      await p.rename('d', 'e')
      await p.write(fd, 'yz')
      x.is((await p.get('e/unseen')).toString(), 'xyz', 'by the name that was not seen')
      x.is((await p.get('seen')).toString(), 'replacement', 'the other file')
      await p.rename('e/unseen', 'up')
      await p.write(fd, '!')
    },
  },
  {
    name: 'an unlinked open file outlasts it, and the number of its inode is used again',
    run: async (x) => {
      const p = await x.process()
      const fd = await p.open('f', 'RDWR|CREAT')
      await p.write(fd, 'gone')
      await p.unlink('f')
      await forget(p)
      await p.pwrite(fd, 'GO', 0)
      x.is((await p.pread(fd, 10, 0)).toString(), 'GOne', 'data')
      await p.close(fd)
      for (let i = 0; i < 20; i++) {
        await p.put('again', `${i}`)
        await p.link('again', `kept${i}`)
        await p.unlink('again')
        if (i % 5 === 0) await forget(p)
      }
      await p.get('kept7')
    },
  },
  {
    name: 'mapped pages are written back, forgotten and read again',
    run: async (x) => {
      const p = await x.process()
      const fd = await p.open('f', 'RDWR|CREAT')
      await p.ftruncate(fd, 1 << 20)
      const map = await p.mmap(1 << 20, 'READ|WRITE', 'SHARED', fd)
      await p.pokePattern(map + 5000n, 300_000, 1)
      await forget(p)
      await p.pokePattern(map + 100_000n, 300_000, 2)
      await p.preadHash(fd, 1 << 20, 0)
      await forget(p)
      await p.peek(map + 100_000n, 60)
      await p.munmap(map, 1 << 20)
    },
  },
  {
    name: 'a listing goes on after it',
    run: async (x) => {
      const p = await x.process()
      await p.mkdir('d')
      await p.chdir('d')
      await p.fill('f', 2000)
      const fd = await p.open('.', 'RDONLY')
      const first = await p.getdents(fd, 8000)
      await forget(p)
      const names = [...first, ...(await p.drain(fd))].map(({ name }) => name.toString())
      x.is([names.length, new Set(names).size], [2002, 2002], 'entries')
    },
  },
]

await conform('forgetting', cases)
