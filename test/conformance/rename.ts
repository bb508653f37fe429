// rename(2) and renameat2(2): what replaces what, and all that is refused.

import { conform } from '../support/conform.js'
import type { Process } from '../support/process-calls.js'
import { OTHER, USER, type Case } from '../support/stage.js'

async function names(p: Process, dir: string): Promise<string[]> {
  const fd = await p.open(dir, 'RDONLY|DIRECTORY')
  const all = (await p.getdents(fd)).map((entry) => entry.name.toString('latin1'))
  await p.close(fd)
  return all.filter((name) => name !== '.' && name !== '..').sort()
}

const cases: Case[] = [
  {
    name: 'a file is renamed within a directory and between two',
    run: async (x) => {
      const p = await x.process()
      await p.mkdir('d')
      await p.put('a', 'data', 0o640)
      await p.rename('a', 'b')
      await p.fails('ENOENT').stat('a')
      await p.rename('b', 'd/c')
      await p.stat('d/c')
      x.is(await names(p, 'd'), ['c'], 'd')
      await p.fails('ENOENT').rename('a', 'z')
      await p.fails('ENOENT').rename('d/c', 'none/c')
    },
  },
  {
    name: 'a file replaces a file, and a link to it only goes',
    run: async (x) => {
      const p = await x.process()
      await p.put('a', 'new')
      await p.put('b', 'old')
      await p.link('b', 'b2')
      await p.rename('a', 'b')
      x.is((await p.get('b')).toString(), 'new', 'b')
      x.is((await p.get('b2')).toString(), 'old', 'b2')
      x.is((await p.stat('b2')).nlink, 1, 'nlink')
    },
  },
  {
    name: 'two names of one file: the rename does nothing',
    run: async (x) => {
      const p = await x.process()
      await p.put('a', 'x')
      await p.link('a', 'b')
      await p.rename('a', 'b')
      x.is(await names(p, '.'), ['a', 'b'], 'both are there')
      await p.rename('a', 'a')
      await p.mkdir('d')
      await p.rename('d', 'd')
      x.is((await p.stat('b')).nlink, 2, 'nlink')
      await p.fails('EEXIST').rename('a', 'b', 'NOREPLACE')
    },
  },
  {
    name: 'files and directories do not replace each other',
    run: async (x) => {
      const p = await x.process()
      await p.put('f', 'x')
      await p.mkdir('d')
      await p.symlink('d', 'l')
      await p.fails('EISDIR').rename('f', 'd')
      await p.fails('ENOTDIR').rename('d', 'f')
      await p.fails('ENOTDIR').rename('d', 'l')
      await p.rename('f', 'l')
      x.is((await p.lstat('l')).type, 'file', 'the link is replaced, not followed')
      await p.fails('ENOTDIR').rename('l', 'd2/')
      await p.rename('d', 'd2/')
    },
  },
  {
    name: 'a directory replaces an empty one only',
    run: async (x) => {
      const p = await x.process()
      for (const dir of ['a', 'a/sub', 'empty', 'full', 'full/sub']) await p.mkdir(dir)
      await p.put('a/f', 'x')
      await p.fails('ENOTEMPTY').rename('a', 'full')
      await p.rename('a', 'empty')
      x.is(await names(p, 'empty'), ['f', 'sub'], 'moved')
      x.is((await p.stat('.')).nlink, 4, 'nlink of the parent')
      await p.rename('empty', 'full/in')
      x.is((await p.stat('full')).nlink, 4, 'nlink of the new parent')
      x.is((await p.stat('.')).nlink, 3, 'nlink of the old parent')
    },
  },
  {
    name: 'an open, replaced directory is gone for its descriptor',
    run: async (x) => {
      const p = await x.process()
      await p.mkdir('old')
      await p.mkdir('new')
      await p.put('new/f', 'x')
      const fd = await p.open('old', 'RDONLY|DIRECTORY')
      await p.rename('new', 'old')
      await p.fails('ENOENT').stat({ at: fd, path: 'f' })
      await p.fails('ENOENT').mkdir({ at: fd, path: 'g' })
      await p.stat('old/f')
    },
  },
  {
    name: 'a directory goes neither into itself nor below itself',
    run: async (x) => {
      const p = await x.process()
      await p.mkdir('a')
      await p.mkdir('a/b')
      await p.mkdir('a/b/c')
      await p.fails('EINVAL').rename('a', 'a/new')
      await p.fails('EINVAL').rename('a', 'a/b/c/new')
      await p.fails('EINVAL').rename('a', 'a/b/c')
      await p.fails('ENOTEMPTY').rename('a/b/c', 'a')
      await p.fails('EINVAL').rename('a', 'a/b/c', 'EXCHANGE')
      await p.fails('EINVAL').rename('a/b/c', 'a', 'EXCHANGE')
      await p.fails('EBUSY').rename('a/.', 'z')
      await p.fails('EBUSY').rename('a/..', 'z')
      await p.fails('EBUSY').rename('a', 'a/b/.')
    },
  },
  {
    name: 'NOREPLACE refuses whatever is there',
    run: async (x) => {
      const p = await x.process()
      await p.put('f', 'f')
      await p.put('g', 'g')
      await p.mkdir('d')
      await p.mkdir('e')
      await p.symlink('nowhere', 'l')
      await p.fails('EEXIST').rename('f', 'g', 'NOREPLACE')
      await p.fails('EEXIST').rename('f', 'd', 'NOREPLACE')
      await p.fails('EEXIST').rename('f', 'l', 'NOREPLACE')
      await p.fails('EEXIST').rename('d', 'e', 'NOREPLACE')
      await p.fails('EEXIST').rename('d', 'd', 'NOREPLACE')
      await p.rename('f', 'h', 'NOREPLACE')
      await p.rename('d', 'e/d', 'NOREPLACE')
      await p.fails('ENOENT').rename('f', 'i', 'NOREPLACE')
    },
  },
  {
    name: 'EXCHANGE of files, of directories and of each with the other',
    run: async (x) => {
      const p = await x.process()
      await p.put('f', 'file f', 0o600)
      await p.put('g', 'file g', 0o640)
      await p.mkdir('d')
      await p.mkdir('d/sub')
      await p.mkdir('e', 0o700)
      await p.put('e/inside', 'of e')
      await p.symlink('f', 'l')
      await p.rename('f', 'g', 'EXCHANGE')
      x.is((await p.get('f')).toString(), 'file g', 'f')
      await p.rename('d', 'e', 'EXCHANGE')
      x.is(await names(p, 'd'), ['inside'], 'd')
      await p.rename('f', 'e', 'EXCHANGE')
      x.is((await p.stat('f')).type, 'dir', 'f')
      x.is(await names(p, 'f'), ['sub'], 'f')
      await p.rename('l', 'd', 'EXCHANGE')
      x.is((await p.lstat('d')).type, 'symlink', 'd')
      await p.stat('l/inside')
    },
  },
  {
    name: 'EXCHANGE between directories moves link counts and names',
    run: async (x) => {
      const p = await x.process()
      for (const dir of ['a', 'b', 'a/dir']) await p.mkdir(dir)
      await p.put('b/file', 'x')
      const fd = await p.open('b/file', 'RDWR|APPEND')
      await p.rename('a/dir', 'b/file', 'EXCHANGE')
      await p.stat('a')
      await p.stat('b')
      await p.write(fd, 'y')
      x.is((await p.get('a/dir')).toString(), 'xy', 'the file under its new name')
      await p.put('b/file/new', 'in the directory under its new name')
      await p.fails('ENOENT').rename('a/dir', 'b/none', 'EXCHANGE')
      await p.rename('a/dir', 'a/dir', 'EXCHANGE')
    },
  },
  {
    name: 'flags that contradict each other are EINVAL, WHITEOUT is refused',
    run: async (x) => {
      const p = await x.process()
      await p.put('f', 'x')
      await p.put('g', 'y')
      await p.fails('EINVAL').rename('f', 'g', 'NOREPLACE|EXCHANGE')
      await p.fails('EINVAL').raw('renameat2(f, g, 8)', `renameat2 n-100 s66 n-100 s67 n8`)
    },
  },
  {
    name: 'WHITEOUT is refused and moves nothing',
    run: async (x) => {
      const p = await x.process()
      await p.mkdir('w')
      await p.put('w/f', 'x')
      await p.differs('no message can say what a whiteout leaves').rename('w/f', 'w/g', 'WHITEOUT')
      // On the plain directory the file has moved.
      await p.run(['rm', '-r', 'w'])
    },
  },
  {
    name: 'in a sticky directory only owners rename and remove',
    run: async (x) => {
      const [p, q, r] = [await x.process(), await x.user(USER), await x.user(OTHER)]
      await p.mkdir('t')
      await p.chmod('t', 0o1777)
      await q.put('t/of-q', 'x', 0o666)
      await r.put('t/of-r', 'x', 0o666)
      await q.mkdir('t/dir-of-q', 0o777)
      await r.fails('EPERM').unlink('t/of-q')
      await r.fails('EPERM').rename('t/of-q', 't/mine')
      await r.fails('EPERM').rename('t/of-r', 't/of-q')
      await r.fails('EPERM').rename('t/of-r', 't/of-q', 'EXCHANGE')
      await r.fails('EPERM').rmdir('t/dir-of-q')
      await q.chmod('t/dir-of-q', 0o777)
      await r.put('t/dir-of-q/f', 'x')
      await q.rename('t/of-q', 't/renamed')
      await p.unlink('t/of-r')
      await q.fails('ENOTEMPTY').rmdir('t/dir-of-q')
      await q.unlink('t/dir-of-q/f')
      await q.rmdir('t/dir-of-q')
    },
  },
  {
    name: 'the right to write decides in both directories',
    run: async (x) => {
      const [p, q] = [await x.process(), await x.user()]
      await p.mkdir('mine', 0o755)
      await p.mkdir('open')
      await p.chmod('open', 0o777)
      await p.put('mine/f', 'x')
      await q.put('open/g', 'y')
      await q.fails('EACCES').rename('mine/f', 'open/f')
      await q.fails('EACCES').rename('open/g', 'mine/g')
      await q.mkdir('open/d', 0o755)
      await q.mkdir('open/sub', 0o777)
      await q.rename('open/d', 'open/sub/d')
      // A directory that moves changes its "..": it has to be writable itself.
      await p.mkdir('open/of-root', 0o755)
      await q.fails('EACCES').rename('open/of-root', 'open/sub/of-root')
      await q.rename('open/of-root', 'open/same-parent')
    },
  },
  {
    name: 'a chain of renames while a file is being written',
    run: async (x) => {
      const [p, q] = [await x.process(), await x.process()]
      await p.mkdir('a')
      await p.mkdir('b')
      const fd = await p.open('a/f0', 'RDWR|CREAT')
      for (let i = 0; i < 40; i++) {
        const writing = p.pwritePattern(fd, 5000, i * 5000, i)
        const [from, to] = i % 2 === 0 ? ['a', 'b'] : ['b', 'a']
        await Promise.all([writing, q.rename(`${from}/f${i}`, `${to}/f${i + 1}`)])
      }
      await p.preadHash(fd, 200_000, 0)
      x.is((await p.stat('a/f40')).size, 200_000, 'size')
    },
  },
  {
    name: 'a deep directory moves with all below it, and back',
    run: async (x) => {
      const p = await x.process()
      let path = 'a'
      await p.mkdir(path)
      for (let i = 0; i < 30; i++) {
        path += `/${i}`
        await p.mkdir(path)
      }
      await p.put(`${path}/f`, 'deep')
      const fd = await p.open(`${path}/f`, 'RDWR|APPEND')
      await p.rename('a/0/1/2', 'taken')
      await p.write(fd, ' write')
      await p.rename('taken/3', 'a/0/1/back')
      await p.write(fd, ' again')
      await p.rename('a', 'z')
      await p.fchmod(fd, 0o600)
      const rest = path.split('/').slice(5).join('/')
      x.is((await p.get(`z/0/1/back/${rest}/f`)).toString(), 'deep write again', 'data')
    },
  },
  {
    name: 'symbolic links, FIFOs and devices are renamed and replaced like files',
    run: async (x) => {
      const p = await x.process()
      await p.symlink('x', 'l')
      await p.mknod('p', 0o010644)
      await p.mknod('c', 0o020600, (1 << 8) | 3)
      await p.rename('l', 'm')
      await p.rename('p', 'm')
      await p.rename('c', 'm')
      x.is((await p.lstat('m')).type, 'char', 'the last one')
      await p.put('f', 'x')
      await p.rename('m', 'f')
      x.is(await names(p, '.'), ['f'], 'names')
    },
  },
]

await conform('rename', cases)
