// Opening: each flag of open(2), and what it forbids.

import { conform } from '../support/conform.js'
import type { Case } from '../support/stage.js'
import { OTHER, USER } from '../support/stage.js'

const cases: Case[] = [
  {
    name: 'a missing name is ENOENT for every access mode',
    run: async (x) => {
      const p = await x.process()
      for (const flags of ['RDONLY', 'WRONLY', 'RDWR', 'RDWR|TRUNC', 'WRONLY|APPEND', 'PATH']) {
        await p.fails('ENOENT').open('none', flags)
      }
    },
  },
  {
    name: 'O_CREAT makes an empty file with the mode less the umask',
    run: async (x) => {
      const p = await x.process()
      await p.close(await p.open('a', 'WRONLY|CREAT', 0o666))
      await p.umask(0o077)
      await p.close(await p.open('b', 'WRONLY|CREAT', 0o777))
      await p.umask(0)
      await p.close(await p.open('c', 'WRONLY|CREAT', 0o7777))
      x.is((await p.stat('a')).mode, 0o644, 'mode of a')
      x.is((await p.stat('b')).mode, 0o700, 'mode of b')
      x.is((await p.stat('c')).mode, 0o7777, 'mode of c')
    },
  },
  {
    name: 'O_CREAT on a file that is there keeps its data and mode',
    run: async (x) => {
      const p = await x.process()
      await p.put('f', 'data', 0o600)
      await p.close(await p.open('f', 'RDWR|CREAT', 0o777))
      x.is((await p.get('f')).toString(), 'data', 'data')
      x.is((await p.stat('f')).mode, 0o600, 'mode')
    },
  },
  {
    name: 'O_EXCL refuses a file, a directory and a dangling symbolic link',
    run: async (x) => {
      const p = await x.process()
      await p.put('f', 'x')
      await p.mkdir('d')
      await p.symlink('nowhere', 'l')
      for (const name of ['f', 'd', 'l']) await p.fails('EEXIST').open(name, 'RDWR|CREAT|EXCL')
      await p.fails('ENOENT').lstat('nowhere')
      await p.close(await p.open('new', 'RDWR|CREAT|EXCL', 0o640))
      await p.stat('new')
    },
  },
  {
    name: 'O_CREAT through a dangling symbolic link makes its target',
    run: async (x) => {
      const p = await x.process()
      await p.mkdir('d')
      await p.symlink('d/target', 'l')
      const fd = await p.open('l', 'WRONLY|CREAT', 0o600)
      await p.write(fd, 'through')
      await p.close(fd)
      x.is((await p.lstat('d/target')).type, 'file', 'target')
      await p.symlink('missing/target', 'm')
      await p.fails('ENOENT').open('m', 'WRONLY|CREAT')
    },
  },
  {
    name: 'O_TRUNC empties, even for reading only',
    run: async (x) => {
      const p = await x.process()
      for (const flags of ['WRONLY|TRUNC', 'RDWR|TRUNC', 'RDONLY|TRUNC', 'WRONLY|TRUNC|APPEND']) {
        await p.put('f', 'something')
        await p.close(await p.open('f', flags))
        x.is((await p.stat('f')).size, 0, flags)
      }
    },
  },
  {
    name: 'O_TRUNC empties a file that others have open',
    run: async (x) => {
      const [p, q] = [await x.process(), await x.process()]
      await p.put('f', 'something')
      const fd = await p.open('f', 'RDWR')
      await p.read(fd, 4)
      await q.close(await q.open('f', 'WRONLY|TRUNC'))
      await p.fstat(fd)
      x.is((await p.read(fd, 10)).length, 0, 'end of file')
      await p.write(fd, 'later')
      await p.get('f')
    },
  },
  {
    name: 'O_TRUNC on a directory is EISDIR, without the right to write EACCES',
    run: async (x) => {
      const [p, q] = [await x.process(), await x.user()]
      await p.mkdir('d', 0o777)
      await p.fails('EISDIR').open('d', 'WRONLY|TRUNC')
      await p.put('f', 'kept', 0o644)
      await q.fails('EACCES').open('f', 'RDONLY|TRUNC')
      await q.fails('EACCES').open('f', 'WRONLY|TRUNC')
      x.is((await q.get('f')).toString(), 'kept', 'data')
    },
  },
  {
    name: 'O_APPEND writes at the end wherever the offset is',
    run: async (x) => {
      const p = await x.process()
      await p.put('f', 'start')
      const fd = await p.open('f', 'RDWR|APPEND')
      await p.write(fd, '-one')
      x.is(await p.lseek(fd, 0, 'CUR'), 9, 'offset after')
      await p.lseek(fd, 1, 'SET')
      await p.write(fd, '-two')
      // Linux: pwrite(2) to a descriptor with O_APPEND appends (BUGS in the man page).
      await p.pwrite(fd, '-three', 2)
      x.is((await p.get('f')).toString(), 'start-one-two-three', 'data')
    },
  },
  {
    name: 'O_APPEND switched on and off by fcntl',
    run: async (x) => {
      const p = await x.process()
      await p.put('f', '12345')
      const fd = await p.open('f', 'RDWR')
      await p.setStatusFlags(fd, 'APPEND')
      await p.getStatusFlags(fd)
      await p.write(fd, 'end')
      await p.setStatusFlags(fd, '')
      await p.pwrite(fd, 'X', 0)
      x.is((await p.get('f')).toString(), 'X2345end', 'data')
    },
  },
  {
    name: 'two appending descriptors of two processes never overwrite each other',
    run: async (x) => {
      const [p, q] = [await x.process(), await x.process()]
      const [a, b] = [await p.open('f', 'WRONLY|CREAT|APPEND'), await q.open('f', 'WRONLY|APPEND')]
      for (let i = 0; i < 20; i++) {
        await p.write(a, `p${i} `)
        await q.write(b, `q${i} `)
      }
      await p.get('f')
      await q.ftruncate(b, 5)
      await p.write(a, 'after')
      x.is((await q.get('f')).toString(), 'p0 q0after', 'append after truncate')
    },
  },
  {
    name: 'O_DIRECTORY wants a directory',
    run: async (x) => {
      const p = await x.process()
      await p.put('f', 'x')
      await p.mkdir('d')
      await p.symlink('d', 'l')
      await p.fails('ENOTDIR').open('f', 'RDONLY|DIRECTORY')
      await p.close(await p.open('d', 'RDONLY|DIRECTORY'))
      await p.close(await p.open('l', 'RDONLY|DIRECTORY'))
      await p.fails('ENOTDIR').open('l', 'RDONLY|DIRECTORY|NOFOLLOW')
      await p.maybe().open('new', 'RDONLY|DIRECTORY|CREAT')
    },
  },
  {
    name: 'O_NOFOLLOW refuses a symbolic link only at the end',
    run: async (x) => {
      const p = await x.process()
      await p.mkdir('d')
      await p.put('d/f', 'x')
      await p.symlink('d', 'dir')
      await p.symlink('f', 'd/link')
      await p.fails('ELOOP').open('d/link', 'RDONLY|NOFOLLOW')
      await p.close(await p.open('dir/f', 'RDONLY|NOFOLLOW'))
    },
  },
  {
    name: 'a directory cannot be opened for writing or made by open',
    run: async (x) => {
      const p = await x.process()
      await p.mkdir('d')
      for (const flags of ['WRONLY', 'RDWR', 'RDONLY|CREAT', 'WRONLY|APPEND']) {
        await p.fails('EISDIR').open('d', flags)
      }
      await p.fails('EISDIR').open('new/', 'WRONLY|CREAT')
      await p.put('f', 'x')
      await p.fails('ENOTDIR').open('f/', 'RDONLY')
    },
  },
  {
    name: 'a descriptor does only what it was opened for',
    run: async (x) => {
      const p = await x.process()
      await p.put('f', 'data')
      const [r, w] = [await p.open('f', 'RDONLY'), await p.open('f', 'WRONLY')]
      await p.fails('EBADF').write(r, 'x')
      await p.fails('EBADF').read(w, 1)
      await p.fails('EINVAL').ftruncate(r, 0)
      await p.fails('EBADF').fallocate(r, '', 0, 10)
      await p.close(w)
      await p.fails('EBADF').write(w, 'x')
      const none = await p.maybe().open('f', 'ACCMODE')
      if (none >= 0) await p.fails('EBADF').read(none, 1)
    },
  },
  {
    name: 'O_PATH gives a place, not the data',
    run: async (x) => {
      const p = await x.process()
      await p.put('f', 'data', 0o600)
      const fd = await p.open('f', 'PATH')
      await p.fstat(fd)
      await p.fails('EBADF').read(fd, 4)
      await p.fails('EBADF').write(fd, 'x')
      await p.fails('EBADF').fchmod(fd, 0o644)
      await p.fails('EBADF').getxattr({ fd }, 'user.x')
      const again = await p.open(`/proc/self/fd/${fd}`, 'RDONLY')
      x.is((await p.read(again, 10)).toString(), 'data', 'opened again')
      await p.link({ at: fd, path: '' }, 'g', 'EMPTY_PATH')
      x.is((await p.stat('g')).nlink, 2, 'nlink')
      await p.chmod(`/proc/self/fd/${fd}`, 0o640)
      await p.unlink('f')
      await p.fstat(fd)
    },
  },
  {
    name: 'O_PATH|O_NOFOLLOW holds a symbolic link itself',
    run: async (x) => {
      const p = await x.process()
      await p.symlink('target', 'l')
      const fd = await p.open('l', 'PATH|NOFOLLOW')
      await p.fstat(fd)
      x.is((await p.readlink({ at: fd, path: '' })).toString(), 'target', 'target')
      await p.lchown('l', 12, 13)
      await p.fstat(fd)
    },
  },
  {
    name: 'openat goes by the directory, also after it was renamed',
    run: async (x) => {
      const p = await x.process()
      await p.mkdir('d')
      const dir = await p.open('d', 'RDONLY|DIRECTORY')
      await p.rename('d', 'moved')
      await p.put({ at: dir, path: 'f' }, 'inside')
      await p.get('moved/f')
      await p.mkdir({ at: dir, path: 'sub' })
      await p.stat('moved/sub')
      await p.fails('ENOENT').stat('d')
      const path = await p.open('moved', 'PATH')
      await p.put({ at: path, path: 'g' }, 'by O_PATH')
      const file = await p.open('moved/g', 'RDONLY')
      await p.fails('ENOTDIR').open({ at: file, path: 'x' }, 'RDONLY')
      await p.fails('EBADF').open({ at: 99, path: 'x' }, 'RDONLY')
    },
  },
  {
    name: 'openat2 confines as told',
    run: async (x) => {
      const p = await x.process()
      await p.mkdir('d')
      await p.put('d/f', 'x')
      await p.put('out', 'x')
      await p.symlink('../out', 'd/up')
      await p.symlink('f', 'd/in')
      await p.symlink('/f', 'd/rooted')
      const dir = await p.open('d', 'RDONLY|DIRECTORY')
      await p.openat2(dir, 'f', 'RDONLY', 'BENEATH')
      await p.openat2(dir, 'in', 'RDONLY', 'BENEATH|NO_XDEV')
      await p.fails('EXDEV').openat2(dir, 'up', 'RDONLY', 'BENEATH')
      await p.fails('EXDEV').openat2(dir, '../out', 'RDONLY', 'BENEATH')
      await p.fails('EXDEV').openat2(dir, 'rooted', 'RDONLY', 'BENEATH')
      await p.fails('ELOOP').openat2(dir, 'in', 'RDONLY', 'NO_SYMLINKS')
      await p.openat2(dir, 'rooted', 'RDONLY', 'IN_ROOT')
      await p.openat2(dir, '../f', 'RDONLY', 'IN_ROOT')
    },
  },
  {
    name: 'O_TMPFILE stays nameless until linked',
    run: async (x) => {
      const p = await x.process()
      await p.mkdir('d')
      const fd = await p.open('d', 'RDWR|TMPFILE', 0o640)
      await p.write(fd, 'nameless')
      x.is((await p.fstat(fd)).nlink, 0, 'nlink')
      const dir = await p.open('d', 'RDONLY')
      x.is((await p.getdents(dir)).length, 2, 'entries')
      await p.setxattr({ fd }, 'user.kept', 'value')
      await p.link(`/proc/self/fd/${fd}`, 'd/named', 'SYMLINK_FOLLOW')
      await p.write(fd, ' no more')
      await p.stat('d/named')
      await p.get('d/named')
      await p.link('d/named', 'second')
      x.is((await p.fstat(fd)).nlink, 2, 'nlink at last')
    },
  },
  {
    name: 'O_TMPFILE that only an O_PATH descriptor holds is read, changed and linked',
    run: async (x) => {
      const p = await x.process()
      const fd = await p.open('.', 'RDWR|TMPFILE', 0o640)
      await p.write(fd, 'nameless')
      const path = await p.open(`/proc/self/fd/${fd}`, 'PATH')
      await p.close(fd)
      x.is((await p.fstat(path)).size, 8, 'size')
      const again = await p.open(`/proc/self/fd/${path}`, 'WRONLY|APPEND')
      await p.write(again, ' as yet')
      await p.close(again)
      await p.link(`/proc/self/fd/${path}`, 'named', 'SYMLINK_FOLLOW')
      await p.chmod(`/proc/self/fd/${path}`, 0o600)
      x.is((await p.get('named')).toString(), 'nameless as yet', 'data')
      await p.unlink('named')
      x.is((await p.fstat(path)).nlink, 0, 'nlink')
    },
  },
  {
    name: 'O_TMPFILE with O_EXCL can never be linked, and leaves nothing',
    run: async (x) => {
      const p = await x.process()
      const fd = await p.open('.', 'RDWR|TMPFILE|EXCL', 0o600)
      await p.write(fd, 'gone')
      await p.fails('ENOENT').link(`/proc/self/fd/${fd}`, 'named', 'SYMLINK_FOLLOW')
      await p.close(fd)
      const other = await p.open('.', 'WRONLY|TMPFILE', 0o600)
      await p.write(other, 'gone too')
      await p.close(other)
    },
  },
  {
    name: 'O_TMPFILE wants a directory that is there and a way to write',
    run: async (x) => {
      const [p, q] = [await x.process(), await x.user()]
      await p.put('f', 'x')
      await p.mkdir('closed', 0o755)
      await p.fails('EINVAL').open('.', 'RDONLY|TMPFILE')
      await p.fails('ENOTDIR').open('f', 'RDWR|TMPFILE')
      await p.fails('ENOENT').open('none', 'RDWR|TMPFILE')
      await q.fails('EACCES').open('closed', 'RDWR|TMPFILE')
    },
  },
  {
    name: 'O_SYNC and O_DSYNC write and read back',
    run: async (x) => {
      const p = await x.process()
      for (const flags of ['RDWR|CREAT|SYNC', 'RDWR|CREAT|DSYNC', 'RDWR|SYNC|APPEND']) {
        const fd = await p.open('f', flags)
        await p.write(fd, `${flags} `)
        await p.pwrite(fd, 'here', 40)
        await p.getStatusFlags(fd)
        await p.close(fd)
        await p.get('f')
      }
    },
  },
  {
    name: 'O_DIRECT and buffered descriptors see each other',
    run: async (x) => {
      const p = await x.process()
      const [d, b] = [await p.open('f', 'RDWR|CREAT|DIRECT'), await p.open('f', 'RDWR')]
      await p.pwritePattern(d, 8192, 0, 1)
      x.is((await p.pread(b, 8192, 0)).length, 8192, 'buffered read')
      await p.pwrite(b, 'in the middle', 5000)
      await p.pread(d, 4096, 4096)
      await p.pwritePattern(d, 4096, 4096, 2)
      await p.pread(b, 100, 4990)
      await p.ftruncate(b, 8192)
      await p.pwritePattern(d, 4096, 0, 3)
      await p.preadHash(b, 4096, 0)
    },
  },
  {
    name: 'O_NOATIME is for the owner only',
    run: async (x) => {
      const [p, q, r] = [await x.process(), await x.user(USER), await x.user(OTHER)]
      await p.put('f', 'x', 0o644)
      await p.chown('f', USER, USER)
      await q.close(await q.open('f', 'RDONLY|NOATIME'))
      await r.fails('EPERM').open('f', 'RDONLY|NOATIME')
    },
  },
  {
    name: 'O_CLOEXEC, O_NONBLOCK, O_NOCTTY and O_ASYNC do no harm to files',
    run: async (x) => {
      const p = await x.process()
      const fd = await p.open('f', 'RDWR|CREAT|CLOEXEC|NONBLOCK|NOCTTY')
      x.is(await p.fcntl(fd, 1, 0), 1, 'FD_CLOEXEC')
      await p.write(fd, 'x')
      await p.close(await p.maybe().open('f', 'RDWR|ASYNC'))
      await p.close(await p.open('.', 'RDONLY|NONBLOCK|CLOEXEC'))
    },
  },
]

await conform('open', cases)
