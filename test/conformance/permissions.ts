// What an ordinary user may do, in every operation, and what access(2) says about it.

import { conform } from '../support/conform.js'
import type { Process } from '../support/process-calls.js'
import { OTHER, USER, type Case } from '../support/stage.js'

/** A directory of root with one of everything, that USER may only look at. */
async function foreignDirectory(p: Process): Promise<void> {
  await p.mkdir('d', 0o755)
  await p.mkdir('d/sub', 0o755)
  await p.put('d/f', 'data', 0o644)
  await p.symlink('f', 'd/l')
}

const cases: Case[] = [
  {
    name: 'a directory that is not writable takes nothing and gives nothing up',
    run: async (x) => {
      const [p, q] = [await x.process(), await x.user()]
      await foreignDirectory(p)
      await q.fails('EACCES').open('d/new', 'WRONLY|CREAT')
      await q.fails('EACCES').mkdir('d/new')
      await q.fails('EACCES').symlink('x', 'd/new')
      await q.fails('EACCES').mknod('d/new', 0o010644)
      await q.fails('EACCES').unlink('d/f')
      await q.fails('EACCES').unlink('d/l')
      await q.fails('EACCES').rmdir('d/sub')
      await q.fails('EACCES').rename('d/f', 'd/g')
      const socket = await q.unixSocket()
      await q.fails('EACCES').unixAddress('bind', socket, 'd/s')
      await q.fails('EEXIST').open('d/f', 'RDONLY|CREAT|EXCL')
      await q.close(await q.open('d/f', 'RDONLY|CREAT'))
    },
  },
  {
    name: 'attributes of what is not yours',
    run: async (x) => {
      const [p, q] = [await x.process(), await x.user()]
      await foreignDirectory(p)
      await p.chmod('d/f', 0o666)
      await q.fails('EPERM').chmod('d/f', 0o777)
      await q.fails('EPERM').chown('d/f', USER, USER)
      await q.fails('EPERM').utimens('d/f', { sec: 1n, nsec: 0 }, { sec: 1n, nsec: 0 })
      await q.utimens('d/f', 'now', 'now')
      await q.fails('EACCES').utimens('d/sub', 'now', 'now')
      await q.fails('EPERM').utimens('d/f', 'now', 'omit')
      await q.setxattr('d/f', 'user.by-writer', 'yes')
      await q.fails('EACCES').setxattr('d/sub', 'user.x', 'no')
      await q.fails('EPERM').setxattr('d/f', 'trusted.x', 'no')
      await q.fails('EPERM').setAcl('d/f', 'access', 'u::rw-,g::r--,o::r--')
    },
  },
  {
    name: 'reading and writing by owner, group and others',
    run: async (x) => {
      const p = await x.process()
      const [owner, group, other] = [
        await x.user(USER),
        await x.user(OTHER, [7000]),
        await x.user(OTHER),
      ]
      await p.put('f', 'data')
      await p.chown('f', USER, 7000)
      for (const mode of [0o400, 0o240, 0o124, 0o042, 0o604, 0o070, 0o007]) {
        await p.chmod('f', mode)
        for (const who of [owner, group, other]) {
          for (const flags of ['RDONLY', 'WRONLY', 'RDWR']) await who.maybe().open('f', flags)
          for (const mask of ['R', 'W', 'X', 'R|W', 'F']) await who.maybe().access('f', mask)
        }
      }
    },
  },
  {
    name: 'a directory is searched, listed and changed by three different rights',
    run: async (x) => {
      const [p, q] = [await x.process(), await x.user()]
      await foreignDirectory(p)
      const back = await q.open('.', 'RDONLY|DIRECTORY')
      for (const mode of [0o700, 0o701, 0o702, 0o703, 0o704, 0o705, 0o706, 0o707]) {
        await p.chmod('d', mode)
        await q.maybe().open('d', 'RDONLY|DIRECTORY')
        await q.maybe().stat('d/f')
        await q.maybe().stat('d/none')
        await q.maybe().chdir('d')
        await q.fchdir(back)
        await q.maybe().mkdir('d/new')
        await q.maybe().rmdir('d/new')
        await q.maybe().access('d', 'R|W|X')
      }
    },
  },
  {
    name: 'every directory of the way has to be searchable',
    run: async (x) => {
      const [p, q] = [await x.process(), await x.user()]
      for (const dir of ['a', 'a/b', 'a/b/c']) await p.mkdir(dir)
      await p.put('a/b/c/f', 'x', 0o666)
      await q.get('a/b/c/f')
      const dir = await q.open('a/b/c', 'PATH')
      await p.chmod('a/b', 0o700)
      await q.fails('EACCES').stat('a/b/c/f')
      await q.fails('EACCES').open('a/b/c/f', 'RDONLY')
      await q.fails('EACCES').unlink('a/b/c/f')
      await q.stat({ at: dir, path: 'f' })
      await p.chmod('a/b', 0o755)
      await q.get('a/b/c/f')
    },
  },
  {
    name: 'rights count when a file is opened, not afterwards',
    run: async (x) => {
      const [p, q] = [await x.process(), await x.user()]
      await p.put('f', 'data', 0o644)
      await p.chmod('f', 0o666)
      const fd = await q.open('f', 'RDWR')
      await p.chmod('f', 0)
      await q.fails('EACCES').open('f', 'RDONLY')
      await q.pwrite(fd, 'DATA', 0)
      await q.pread(fd, 10, 0)
      await q.ftruncate(fd, 2)
      await q.fails('EACCES').open(`/proc/self/fd/${fd}`, 'RDWR')
      await q.fails('EACCES').truncate('f', 0)
    },
  },
  {
    name: 'a file made without rights is usable by its maker only once',
    run: async (x) => {
      const [p, q] = [await x.process(), await x.user()]
      await p.chmod('.', 0o777)
      const fd = await q.open('f', 'RDWR|CREAT|EXCL', 0)
      await q.write(fd, 'written')
      await q.pread(fd, 10, 0)
      await q.fails('EACCES').open('f', 'RDONLY')
      const ro = await q.open('g', 'RDWR|CREAT', 0o444)
      await q.write(ro, 'x')
      await q.fails('EACCES').open('g', 'WRONLY')
      await p.get('f')
    },
  },
  {
    name: 'supplementary groups count',
    run: async (x) => {
      const p = await x.process()
      const groups = Array.from({ length: 40 }, (_, i) => 7000 + i)
      const [few, many] = [await x.user(USER, [7039]), await x.user(OTHER, groups)]
      await p.put('f', 'data', 0o640)
      await p.chown('f', 0, 7039)
      await p.chmod('f', 0o660)
      await few.put('f', 'by few')
      await many.put('f', 'by many')
      await p.chown('f', 0, 7050)
      await few.fails('EACCES').open('f', 'RDONLY')
      await many.fails('EACCES').open('f', 'WRONLY')
    },
  },
  {
    name: 'root reads and writes all, but executes only what has an x',
    run: async (x) => {
      const p = await x.process()
      await p.put('f', 'data')
      await p.chmod('f', 0)
      await p.mkdir('d')
      await p.chmod('d', 0)
      await p.access('f', 'R|W')
      await p.fails('EACCES').access('f', 'X')
      await p.access('d', 'R|W|X')
      await p.put('d/f', 'x')
      await p.get('f')
      await p.chmod('f', 0o001)
      await p.access('f', 'X')
    },
  },
  {
    name: 'access goes by the real user, AT_EACCESS by the effective one',
    run: async (x) => {
      const p = await x.process()
      await p.put('f', 'x', 0o600)
      await p.raw('setresuid(USER, 0, 0)', `setresuid n${USER} n0 n0`)
      await p.fails('EACCES').access('f', 'R')
      await p.faccessat2('f', 'R|W', 'EACCESS')
      await p.fails('EACCES').faccessat2('f', 'R', '')
      await p.get('f')
    },
  },
  {
    name: 'access errors',
    run: async (x) => {
      const p = await x.process()
      await p.put('f', 'x', 0o755)
      await p.symlink('nowhere', 'l')
      await p.fails('ENOENT').access('none', 'F')
      await p.fails('ENOENT').access('l', 'F')
      await p.faccessat2('l', 'F', 'SYMLINK_NOFOLLOW')
      await p.fails('ENOTDIR').access('f/x', 'F')
      await p.fails('EINVAL').raw('access(f, 8)', 'faccessat n-100 s66 n8')
    },
  },
  {
    name: 'an effective user without the file system rights of root',
    run: async (x) => {
      const p = await x.process()
      await p.put('f', 'x', 0o600)
      await p.chmod('.', 0o777)
      // setfsuid(2) changes what the kernel puts into each request.
      await p.unrecorded('setfsuid(USER)', `setfsuid n${USER}`)
      await p.fails('EACCES').open('f', 'RDONLY')
      await p.put('g', 'y')
      x.is((await p.stat('g')).uid, USER, 'owner')
      await p.unrecorded('setfsuid(0)', 'setfsuid n0')
      await p.get('f')
    },
  },
  {
    name: 'processes of other namespaces, which the mount cannot name',
    run: async (x) => {
      const p = await x.process()
      const script =
        'echo data >f; mkdir d; mv f d/g; ln d/g h; chmod 640 h; cat h; stat -c %u:%g h'
      for (const namespace of ['--pid', '--mount', '--user', '--ipc']) {
        await p.mkdir(namespace)
        await p.chdir(namespace)
        await p.run(['unshare', '--fork', namespace, 'sh', '-c', script])
        await p.chdir('..')
      }
      await p.run(['unshare', '--user', '--map-root-user', 'sh', '-c', `${script}; chown 1:1 h`])
    },
  },
]

await conform('permissions', cases)
