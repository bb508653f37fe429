// Hard links, symbolic links and all that makes the kernel walk through them.

import { conform } from '../support/conform.js'
import { OTHER, USER, type Case } from '../support/stage.js'

const cases: Case[] = [
  {
    name: 'a hard link shares data, attributes and the count',
    run: async (x) => {
      const p = await x.process()
      await p.mkdir('d')
      await p.put('a', 'data', 0o640)
      await p.link('a', 'b')
      await p.link('b', 'd/c')
      x.is((await p.stat('a')).nlink, 3, 'nlink')
      await p.chmod('d/c', 0o600)
      await p.chown('b', 5, 6)
      await p.put('a', 'other')
      x.is((await p.get('d/c')).toString(), 'other', 'data')
      await p.stat('b')
      x.is((await p.stat('a')).ino === (await p.stat('d/c')).ino, true, 'one inode')
    },
  },
  {
    name: 'edits through both names in turns',
    run: async (x) => {
      const [p, q] = [await x.process(), await x.process()]
      await p.put('a', '')
      await p.link('a', 'b')
      const [a, b] = [await p.open('a', 'RDWR|APPEND'), await q.open('b', 'RDWR|APPEND')]
      for (let i = 0; i < 10; i++) {
        await p.write(a, `a${i} `)
        await q.write(b, `b${i} `)
      }
      await p.truncate('b', 12)
      await q.setxattr('a', 'user.x', 'by a')
      await q.getxattr('b', 'user.x')
      x.is((await q.stat('a')).size, 12, 'size')
    },
  },
  {
    name: 'the name the kernel knows goes, the other goes on',
    run: async (x) => {
      const p = await x.process()
      await p.put('a', 'one')
      await p.link('a', 'b')
      await p.stat('a')
      await p.unlink('a')
      await p.put('b', 'two')
      await p.chmod('b', 0o600)
      await p.utimens('b', { sec: 5n, nsec: 6 }, { sec: 7n, nsec: 8 })
      await p.link('b', 'a')
      await p.unlink('b')
      await p.truncate('a', 2)
      x.is((await p.stat('a')).nlink, 1, 'nlink')
    },
  },
  {
    name: 'names in several directories, of which some move and some go',
    run: async (x) => {
      const p = await x.process()
      for (const dir of ['a', 'b', 'c', 'a/deep']) await p.mkdir(dir)
      await p.put('a/deep/f', 'x')
      for (const name of ['b/f', 'c/f', 'a/g']) await p.link('a/deep/f', name)
      await p.rename('a', 'z')
      await p.unlink('b/f')
      await p.put('c/f', 'through c')
      await p.rename('z/deep/f', 'b/moved')
      await p.unlink('c/f')
      await p.unlink('z/g')
      await p.rmdir('z/deep')
      await p.rmdir('z')
      await p.truncate('b/moved', 7)
      x.is((await p.get('b/moved')).toString(), 'through', 'data')
    },
  },
  {
    name: 'what cannot be linked',
    run: async (x) => {
      const p = await x.process()
      await p.mkdir('d')
      await p.put('f', 'x')
      await p.put('g', 'y')
      await p.fails('EPERM').link('d', 'd2')
      await p.fails('EEXIST').link('f', 'g')
      await p.fails('EEXIST').link('f', 'd')
      await p.fails('ENOENT').link('none', 'h')
      await p.fails('ENOENT').link('f', 'none/h')
      await p.fails('ENOTDIR').link('f', 'g/h')
      await p.fails('EEXIST').link('f', 'f')
      await p.fails('EXDEV').link('/proc/self/status', 'h')
      await p.fails('EINVAL').link('f', 'h', 'SYMLINK_NOFOLLOW')
    },
  },
  {
    name: 'a link to a symbolic link, to a FIFO and to a device',
    run: async (x) => {
      const p = await x.process()
      await p.put('f', 'x')
      await p.symlink('f', 'l')
      await p.link('l', 'l2')
      x.is((await p.lstat('l2')).type, 'symlink', 'not followed')
      x.is((await p.lstat('l2')).nlink, 2, 'nlink of the link')
      await p.link('l', 'f2', 'SYMLINK_FOLLOW')
      x.is((await p.lstat('f2')).type, 'file', 'followed')
      await p.mknod('p', 0o010600)
      await p.link('p', 'p2')
      await p.mknod('c', 0o020600, (1 << 8) | 3)
      await p.link('c', 'c2')
      await p.unlink('l')
      await p.readlink('l2')
    },
  },
  {
    name: 'an ordinary user may not link what is not theirs',
    run: async (x) => {
      const [p, q] = [await x.process(), await x.user()]
      await p.chmod('.', 0o777)
      await p.put('root-600', 'x', 0o600)
      await p.put('root-suid', 'x', 0o755)
      await p.chmod('root-suid', 0o4755)
      // fs.protected_hardlinks decides; both directories are of this machine.
      await q.maybe().link('root-600', 'l1')
      await q.maybe().link('root-suid', 'l2')
      await q.put('own', 'x')
      await q.link('own', 'own2')
    },
  },
  {
    name: '2,000 names of one file',
    run: async (x) => {
      const p = await x.process()
      await p.put('f', 'x')
      await p.mkdir('d')
      for (let i = 0; i < 2000; i++) await p.link('f', `d/${i}`)
      x.is((await p.stat('d/999')).nlink, 2001, 'nlink')
      await p.put('f', 'all of them')
      for (let i = 0; i < 2000; i += 2) await p.unlink(`d/${i}`)
      await p.unlink('f')
      await p.truncate('d/1001', 3)
      x.is((await p.get('d/1')).toString(), 'all', 'data')
    },
  },
  {
    name: 'the most names a file can have',
    long: true,
    run: async (x) => {
      const p = await x.process()
      await p.put('f', 'x')
      await p.mkdir('d')
      let count = 1
      // ext4 ends at 65,000 (EMLINK); where there is no limit, the case ends there too.
      for (; count < 65_000; count++) await p.link('f', `d/${count}`)
      await p.maybe().link('f', 'one-more')
      x.is((await p.stat('f')).nlink >= 65_000, true, 'nlink')
    },
  },
  {
    name: 'a symbolic link holds any bytes, up to 4,095',
    run: async (x) => {
      const p = await x.process()
      const odd = Buffer.from([0x2f, 0xff, 0xfe, 0x0a, 0x1b, 0x5b, 0x33, 0x31, 0x6d, 0x20, 0x80])
      for (const [i, target] of [Buffer.alloc(4095, 'x'), Buffer.alloc(59, 'y'), odd].entries()) {
        await p.symlink(target, `l${i}`)
        x.is((await p.readlink(`l${i}`)).equals(target), true, 'the same bytes')
        await p.lstat(`l${i}`)
      }
      await p.fails('ENAMETOOLONG').symlink(Buffer.alloc(4096, 'x'), 'long')
      await p.fails('ENOENT').symlink('', 'empty')
      x.is((await p.readlink('l0', 10)).length, 10, 'cut to the room there is')
    },
  },
  {
    name: 'symbolic links are followed as the call says',
    run: async (x) => {
      const p = await x.process()
      await p.mkdir('d')
      await p.put('d/f', 'data')
      await p.symlink('d', 'dir')
      await p.symlink('dir/f', 'file')
      await p.symlink('../file', 'd/back')
      x.is((await p.get('d/back')).toString(), 'data', 'through three')
      await p.chmod('file', 0o600)
      await p.chown('d/back', 7, 8)
      await p.stat('d/f')
      await p.lstat('file')
      await p.fails('ENOTDIR').rmdir('dir')
      await p.unlink('dir')
      await p.fails('ENOENT').stat('file')
      await p.fails('EINVAL').readlink('d/f')
      await p.fails('ENOENT').readlink('none')
    },
  },
  {
    name: 'ELOOP: a circle, and one link more than 40',
    run: async (x) => {
      const p = await x.process()
      await p.symlink('b', 'a')
      await p.symlink('a', 'b')
      await p.symlink('self', 'self')
      await p.fails('ELOOP').open('a', 'RDONLY')
      await p.fails('ELOOP').stat('self')
      await p.fails('ELOOP').mkdir('a/x')
      await p.fails('ELOOP').truncate('self', 0)
      await p.put('end', 'x')
      await p.symlink('end', 'c0')
      for (let i = 1; i <= 40; i++) await p.symlink(`c${i - 1}`, `c${i}`)
      await p.stat('c39')
      await p.fails('ELOOP').stat('c40')
      await p.lstat('c40')
    },
  },
  {
    name: 'attributes of the symbolic link itself',
    run: async (x) => {
      const p = await x.process()
      await p.put('f', 'x')
      await p.symlink('f', 'l')
      await p.lchown('l', 11, 12)
      await p.utimens('l', { sec: 1n, nsec: 2 }, { sec: 3n, nsec: 4 }, 'SYMLINK_NOFOLLOW')
      await p.lstat('l')
      await p.times('l')
      await p.stat('f')
      await p.maybe().raw('fchmodat2(l, NOFOLLOW)', 'fchmodat2 n-100 s6c n384 n256')
    },
  },
  {
    name: 'a symbolic link made by a user belongs to the user',
    run: async (x) => {
      const [p, q, r] = [await x.process(), await x.user(USER), await x.user(OTHER)]
      await p.chmod('.', 0o1777)
      await q.symlink('target', 'l')
      x.is((await q.lstat('l')).uid, USER, 'uid')
      await r.fails('EPERM').unlink('l')
      await r.fails('EPERM').lchown('l', OTHER, OTHER)
      await r.readlink('l')
    },
  },
  {
    name: 'nothing follows a link out of an empty or a trailing-slash name',
    run: async (x) => {
      const p = await x.process()
      await p.put('f', 'x')
      await p.symlink('f', 'l')
      await p.mkdir('d')
      await p.symlink('d', 'k')
      await p.fails('ENOENT').stat('')
      await p.fails('ENOTDIR').stat('l/')
      await p.stat('k/')
      await p.lstat('k/')
      await p.fails('ENOTDIR').unlink('k/')
      await p.fails('ENOTDIR').rmdir('k/')
      await p.fails('EEXIST').mkdir('k/')
      await p.fails('EEXIST').symlink('x', 'k')
    },
  },
]

await conform('links', cases)
