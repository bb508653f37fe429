// Open files whose names go, change or are taken by others, and how many can be open.

import { conform } from '../support/conform.js'
import type { Case, Stage } from '../support/stage.js'
import type { Process } from '../support/process-calls.js'

/** A file with `data` that is open and has no name any more. */
async function nameless(p: Process, data: string): Promise<number> {
  const fd = await p.open('gone', 'RDWR|CREAT|EXCL', 0o644)
  await p.write(fd, data)
  await p.unlink('gone')
  return fd
}

async function contentIs(x: Stage, p: Process, fd: number, wanted: string): Promise<void> {
  x.is((await p.pread(fd, 1000, 0)).toString(), wanted, 'data by the descriptor')
}

const cases: Case[] = [
  {
    name: 'an unlinked open file is read and written as before',
    run: async (x) => {
      const p = await x.process()
      const fd = await nameless(p, 'first')
      x.is((await p.fstat(fd)).nlink, 0, 'nlink')
      await p.pwrite(fd, ' second', 5)
      await contentIs(x, p, fd, 'first second')
      await p.fsync(fd)
      await p.fails('ENOENT').stat('gone')
    },
  },
  {
    name: 'an unlinked open file is truncated, grown and punched',
    run: async (x) => {
      const p = await x.process()
      const fd = await nameless(p, '0123456789')
      await p.ftruncate(fd, 4)
      await contentIs(x, p, fd, '0123')
      await p.fallocate(fd, '', 0, 8192)
      x.is((await p.fstat(fd)).size, 8192, 'size')
      await p.maybe().fallocate(fd, 'PUNCH_HOLE|KEEP_SIZE', 0, 4096)
      await p.preadHash(fd, 8192, 0)
    },
  },
  {
    name: 'attributes of an unlinked open file are set and read',
    run: async (x) => {
      const p = await x.process()
      const fd = await nameless(p, 'x')
      await p.fchmod(fd, 0o4701)
      await p.fchown(fd, 33, 44)
      await p.futimens(fd, { sec: 1000n, nsec: 5 }, { sec: 2000n, nsec: 7 })
      await p.setxattr({ fd }, 'user.a', 'value')
      await p.getxattr({ fd }, 'user.a')
      await p.listxattr({ fd })
      await p.removexattr({ fd }, 'user.a')
      await p.fails('ENODATA').getxattr({ fd }, 'user.a')
      const stat = await p.fstat(fd)
      x.is(String(stat.mtime.sec), '2000', 'mtime')
    },
  },
  {
    name: 'an unlinked file is not to be linked again, but opened again',
    run: async (x) => {
      const p = await x.process()
      const fd = await nameless(p, 'data')
      await p.fails('ENOENT').link(`/proc/self/fd/${fd}`, 'again', 'SYMLINK_FOLLOW')
      const second = await p.open(`/proc/self/fd/${fd}`, 'RDWR')
      await p.pwrite(second, 'DA', 0)
      await contentIs(x, p, fd, 'DAta')
      await p.close(fd)
      await contentIs(x, p, second, 'DAta')
    },
  },
  {
    name: 'a new file takes the name of an unlinked open one',
    run: async (x) => {
      const p = await x.process()
      const old = await nameless(p, 'old')
      await p.put('gone', 'new')
      await p.pwrite(old, 'OLD AND MORE', 0)
      x.is((await p.get('gone')).toString(), 'new', 'data by name')
      await contentIs(x, p, old, 'OLD AND MORE')
      await p.fchmod(old, 0o777)
      x.is((await p.stat('gone')).mode, 0o644, 'mode by name')
      await p.futimens(old, { sec: 1n, nsec: 0 }, { sec: 1n, nsec: 0 })
      await p.ftruncate(old, 0)
      await p.close(old)
      x.is((await p.stat('gone')).size, 3, 'size by name')
    },
  },
  {
    name: 'two generations of a name are open at once',
    run: async (x) => {
      const p = await x.process()
      const fds: number[] = []
      for (let i = 0; i < 5; i++) fds.push(await nameless(p, `generation ${i}`))
      for (const [i, fd] of fds.entries()) await p.pwrite(fd, `${i}`, 0)
      for (const [i, fd] of fds.entries()) await contentIs(x, p, fd, `${i}eneration ${i}`)
    },
  },
  {
    name: 'one of two names goes while the file is open',
    run: async (x) => {
      const p = await x.process()
      const fd = await p.open('a', 'RDWR|CREAT')
      await p.write(fd, 'one ')
      await p.link('a', 'b')
      await p.unlink('a')
      await p.write(fd, 'two ')
      await p.fchmod(fd, 0o600)
      x.is((await p.fstat(fd)).nlink, 1, 'nlink')
      x.is((await p.get('b')).toString(), 'one two ', 'data')
      await p.rename('b', 'a')
      await p.write(fd, 'three')
      await p.setxattr({ fd }, 'user.late', '1')
      await p.get('a')
    },
  },
  {
    name: 'the name the file was opened by goes first, of three',
    run: async (x) => {
      const p = await x.process()
      await p.mkdir('d')
      await p.put('a', 'x')
      await p.link('a', 'd/b')
      await p.link('a', 'c')
      const fd = await p.open('a', 'RDWR|APPEND')
      await p.unlink('a')
      await p.write(fd, '1')
      await p.rename('d', 'e')
      await p.write(fd, '2')
      await p.unlink('c')
      await p.write(fd, '3')
      await p.ftruncate(fd, 3)
      x.is((await p.get('e/b')).toString(), 'x12', 'data')
    },
  },
  {
    name: 'a rename over an open file leaves it to its descriptor',
    run: async (x) => {
      const [p, q] = [await x.process(), await x.process()]
      await p.put('target', 'old data')
      await p.put('source', 'new')
      const fd = await q.open('target', 'RDWR')
      await p.rename('source', 'target')
      x.is((await q.fstat(fd)).nlink, 0, 'nlink')
      await q.pwrite(fd, 'OLD', 0)
      await contentIs(x, q, fd, 'OLD data')
      x.is((await q.get('target')).toString(), 'new', 'data by name')
    },
  },
  {
    name: 'a descriptor follows its file through renames',
    run: async (x) => {
      const p = await x.process()
      await p.mkdir('d')
      const fd = await p.open('a', 'RDWR|CREAT')
      for (const [from, to] of [
        ['a', 'b'],
        ['b', 'd/c'],
        ['d/c', 'd/e'],
      ] as const) {
        await p.rename(from, to)
        await p.write(fd, `at ${to};`)
      }
      await p.rename('d', 'f')
      await p.write(fd, 'and its parent')
      await p.get('f/e')
    },
  },
  {
    name: 'two exchanged open files keep to their descriptors',
    run: async (x) => {
      const p = await x.process()
      await p.put('a', 'first')
      await p.put('b', 'second')
      const [a, b] = [await p.open('a', 'RDWR|APPEND'), await p.open('b', 'RDWR|APPEND')]
      await p.rename('a', 'b', 'EXCHANGE')
      await p.write(a, ' by a')
      await p.write(b, ' by b')
      x.is((await p.get('a')).toString(), 'second by b', 'data of a')
      x.is((await p.get('b')).toString(), 'first by a', 'data of b')
    },
  },
  {
    name: 'a removed directory that is open is empty and takes nothing',
    run: async (x) => {
      const p = await x.process()
      await p.mkdir('d')
      const fd = await p.open('d', 'RDONLY|DIRECTORY')
      await p.rmdir('d')
      x.is((await p.fstat(fd)).nlink, 0, 'nlink')
      await p.fails('ENOENT').mkdir({ at: fd, path: 'x' })
      await p.fails('ENOENT').open({ at: fd, path: 'x' }, 'WRONLY|CREAT')
      await p.fails('ENOENT').symlink('t', { at: fd, path: 'x' })
      await p.maybe().open({ at: fd, path: '.' }, 'RDWR|TMPFILE')
      x.note('entries left', (await p.maybe().getdents(fd)).length)
      await p.fchmod(fd, 0o700)
      await p.mkdir('d')
      await p.put('d/f', 'the new one')
      await p.fails('ENOENT').stat({ at: fd, path: 'f' })
    },
  },
  {
    name: 'the working directory is removed and made again',
    run: async (x) => {
      const [p, q] = [await x.process(), await x.process()]
      await p.mkdir('d')
      await p.chdir('d')
      await q.rmdir('d')
      await p.fails('ENOENT').getcwd()
      await p.fails('ENOENT').mkdir('x')
      await p.fails('ENOENT').open('x', 'WRONLY|CREAT')
      await p.stat('.')
      await p.stat('..')
      await q.mkdir('d')
      await p.fails('ENOENT').stat('x')
      await p.fails('EINVAL').rmdir('.')
      await p.chdir('../d')
      await p.getcwd()
      await p.put('x', 'here')
    },
  },
  {
    name: 'a directory with open files and a cwd inside is renamed',
    run: async (x) => {
      const [p, q] = [await x.process(), await x.process()]
      await p.mkdir('a')
      await p.mkdir('a/b')
      await p.chdir('a/b')
      const fd = await p.open('f', 'RDWR|CREAT')
      await p.write(fd, 'before ')
      await q.rename('a', 'z')
      await p.write(fd, 'after')
      await p.put('g', 'by cwd')
      await p.mkdir('../sibling')
      await p.getcwd()
      await q.get('z/b/f')
      await q.get('z/b/g')
      await q.rename('z/b', 'moved-up')
      await p.put('../beside', 'of the new parent')
      await p.write(fd, '!')
      await q.get('beside')
      await q.get('moved-up/f')
    },
  },
  {
    name: 'dup shares the offset, another open does not, a fork does',
    run: async (x) => {
      const p = await x.process()
      await p.put('f', '0123456789')
      const fd = await p.open('f', 'RDWR')
      const [copy, other] = [await p.dup(fd), await p.open('f', 'RDWR')]
      await p.read(fd, 3)
      x.is((await p.read(copy, 3)).toString(), '345', 'by the copy')
      x.is((await p.read(other, 3)).toString(), '012', 'by another open')
      await p.child().read(fd, 2)
      x.is((await p.read(fd, 5)).toString(), '89', 'after the child')
      await p.close(fd)
      await p.child().write(copy, 'child')
      await p.write(copy, ' parent')
      await p.get('f')
    },
  },
  {
    name: '5,000 files are open at once, then all are used',
    run: async (x) => {
      const p = await x.process()
      await p.limitOpenFiles(5100)
      const fds: number[] = []
      for (let i = 0; i < 5000; i++) fds.push(await p.open(`f${i}`, 'RDWR|CREAT|EXCL'))
      for (let i = 0; i < 5000; i += 7) await p.write(fds[i] ?? -1, `file ${i}`)
      for (let i = 0; i < 5000; i += 2) await p.unlink(`f${i}`)
      for (let i = 0; i < 5000; i += 5) await p.pwrite(fds[i] ?? -1, 'again', 3)
      for (let i = 0; i < 5000; i += 11) await p.pread(fds[i] ?? -1, 30, 0)
      for (const fd of fds) await p.close(fd)
    },
  },
  {
    name: 'the limit of open files is EMFILE, and passes',
    run: async (x) => {
      const p = await x.process()
      await p.limitOpenFiles(20)
      const fds: number[] = []
      for (let i = 3; i < 20; i++) fds.push(await p.open(`f${i}`, 'RDWR|CREAT'))
      await p.fails('EMFILE').open('one-more', 'RDWR|CREAT')
      await p.fails('ENOENT').stat('one-more')
      await p.fails('EMFILE').dup(fds[0] ?? -1)
      await p.mkdir('still-works')
      await p.close(fds.pop() ?? -1)
      await p.open('one-more', 'RDWR|CREAT')
    },
  },
  {
    name: 'a file size limit is EFBIG and writes what fits',
    run: async (x) => {
      const p = await x.process()
      await p.raw('ignore SIGXFSZ', 'ignore n25')
      await p.limitFileSize(1000)
      const fd = await p.open('f', 'RDWR|CREAT')
      await p.pwritePattern(fd, 900, 0, 1)
      x.is(await p.pwritePattern(fd, 900, 900, 2), 100, 'what fits')
      await p.fails('EFBIG').pwrite(fd, 'x', 1000)
      await p.fails('EFBIG').ftruncate(fd, 2000)
      await p.stat('f')
    },
  },
]

await conform('handles', cases)
