// Extended attributes: names, values, sizes, flags and who may.

import { conform } from '../support/conform.js'
import { OTHER, USER, type Case } from '../support/stage.js'

const cases: Case[] = [
  {
    name: 'set, get, list and remove, on a file and a directory',
    run: async (x) => {
      const p = await x.process()
      await p.put('f', 'x')
      await p.mkdir('d')
      for (const name of ['f', 'd']) {
        await p.setxattr(name, 'user.one', 'first')
        await p.setxattr(name, 'user.two', '')
        await p.setxattr(name, 'trusted.three', Buffer.from([0, 1, 255, 0]))
        x.is(await p.listxattr(name), ['trusted.three', 'user.one', 'user.two'], 'names')
        await p.getxattr(name, 'user.one')
        await p.getxattr(name, 'user.two')
        await p.getxattr(name, 'trusted.three')
        await p.setxattr(name, 'user.one', 'a longer value than the first')
        await p.getxattr(name, 'user.one')
        await p.removexattr(name, 'user.two')
        await p.fails('ENODATA').getxattr(name, 'user.two')
        await p.fails('ENODATA').removexattr(name, 'user.two')
        await p.listxattr(name)
      }
    },
  },
  {
    name: 'XATTR_CREATE and XATTR_REPLACE',
    run: async (x) => {
      const p = await x.process()
      await p.put('f', 'x')
      await p.fails('ENODATA').setxattr('f', 'user.a', '1', 'REPLACE')
      await p.setxattr('f', 'user.a', '2', 'CREATE')
      await p.fails('EEXIST').setxattr('f', 'user.a', '3', 'CREATE')
      await p.setxattr('f', 'user.a', '4', 'REPLACE')
      x.is((await p.getxattr('f', 'user.a')).toString(), '4', 'value')
      await p.fails('EINVAL').raw('setxattr(flags 99)', 'setxattr s66 s757365722e61 b35 n1 n99')
    },
  },
  {
    name: 'sizes are asked for and too little room is ERANGE',
    run: async (x) => {
      const p = await x.process()
      await p.put('f', 'x')
      await p.listxattr('f', 0)
      await p.setxattr('f', 'user.value', Buffer.alloc(1000, 'v'))
      await p.getxattr('f', 'user.value', 0)
      await p.fails('ERANGE').getxattr('f', 'user.value', 999)
      await p.getxattr('f', 'user.value', 1000)
      await p.getxattr('f', 'user.value', 65_536)
      await p.listxattr('f', 0)
      await p.fails('ERANGE').listxattr('f', 5)
      await p.listxattr('f', 11)
    },
  },
  {
    name: 'names: 255 bytes, 256, none, without a prefix, not UTF-8',
    run: async (x) => {
      const p = await x.process()
      await p.put('f', 'x')
      const longest = `user.${'n'.repeat(250)}`
      await p.setxattr('f', longest, 'v')
      await p.getxattr('f', longest)
      await p.fails('ERANGE').setxattr('f', `${longest}n`, 'v')
      await p.fails('ERANGE').setxattr('f', '', 'v')
      await p.fails('EOPNOTSUPP').setxattr('f', 'noprefix', 'v')
      await p.fails('EOPNOTSUPP').setxattr('f', 'other.x', 'v')
      await p.maybe().setxattr('f', 'user.', 'v')
      const odd = Buffer.from('user.\xff\n\x1b=,"', 'latin1')
      await p.setxattr('f', odd, 'v')
      await p.getxattr('f', odd)
      await p.listxattr('f')
    },
  },
  {
    name: 'values of every size up to what the file system holds',
    run: async (x) => {
      const p = await x.process()
      await p.put('f', 'x')
      for (const size of [1, 100, 1000, 3000, 3900, 4096, 10_000, 65_535, 65_536]) {
        await p.maybe().setxattr('f', 'user.big', Buffer.alloc(size, 'b'))
        await p.maybe().getxattr('f', 'user.big', 65_536)
      }
      await p.fails('E2BIG').setxattr('f', 'user.big', Buffer.alloc(65_537, 'b'))
    },
  },
  {
    name: 'many attributes until there is no more room',
    run: async (x) => {
      const p = await x.process()
      await p.put('f', 'x')
      for (let i = 0; i < 60; i++)
        await p.maybe().setxattr('f', `user.${i}`, Buffer.alloc(80, `${i}`))
      await p.listxattr('f')
      for (let i = 0; i < 60; i += 3) await p.maybe().removexattr('f', `user.${i}`)
      await p.maybe().setxattr('f', 'user.after', 'room again')
      await p.listxattr('f')
    },
  },
  {
    name: 'user.* only on files and directories',
    run: async (x) => {
      const p = await x.process()
      await p.symlink('nowhere', 'l')
      await p.mknod('p', 0o010600)
      await p.fails('EPERM').setxattr({ nofollow: 'l' }, 'user.x', 'v')
      await p.fails('EPERM').setxattr('p', 'user.x', 'v')
      await p.fails('ENOENT').setxattr('l', 'user.x', 'v')
      await p.setxattr({ nofollow: 'l' }, 'trusted.x', 'of the link')
      await p.setxattr('p', 'trusted.x', 'of the FIFO')
      await p.listxattr({ nofollow: 'l' })
      await p.getxattr({ nofollow: 'l' }, 'trusted.x')
      await p.fails('ENODATA').getxattr({ nofollow: 'l' }, 'trusted.y')
      await p.removexattr({ nofollow: 'l' }, 'trusted.x')
    },
  },
  {
    name: 'trusted.* and security.* are for root',
    run: async (x) => {
      const [p, q] = [await x.process(), await x.user()]
      await p.put('f', 'x')
      await p.chown('f', USER, USER)
      await p.setxattr('f', 'trusted.secret', 'v')
      await p.setxattr('f', 'security.note', 'v')
      await q.fails('EPERM').setxattr('f', 'trusted.x', 'v')
      await q.fails('ENODATA').getxattr('f', 'trusted.secret')
      await q.fails('EPERM').removexattr('f', 'trusted.secret')
      x.note('what a user sees listed', await q.listxattr('f'))
      await q.fails('EPERM').setxattr('f', 'security.note', 'w')
      await q.getxattr('f', 'security.note')
      x.note('what root sees listed', await p.listxattr('f'))
    },
  },
  {
    name: 'user.* goes by the rights to read and write',
    run: async (x) => {
      const [p, q, r] = [await x.process(), await x.user(USER), await x.user(OTHER)]
      await p.put('f', 'x')
      await p.chown('f', USER, USER)
      await p.chmod('f', 0o624)
      await p.setxattr('f', 'user.a', 'v')
      await q.setxattr('f', 'user.b', 'by the owner')
      await r.fails('EACCES').setxattr('f', 'user.c', 'v')
      await r.getxattr('f', 'user.a')
      await p.chmod('f', 0o600)
      await r.fails('EACCES').getxattr('f', 'user.a')
      await r.listxattr('f')
      await r.fails('EACCES').removexattr('f', 'user.a')
      await p.mkdir('sticky')
      await p.chmod('sticky', 0o1777)
      await r.fails('EPERM').setxattr('sticky', 'user.x', 'v')
    },
  },
  {
    name: 'by descriptor, of files, directories and unlinked files',
    run: async (x) => {
      const p = await x.process()
      const fd = await p.open('f', 'RDWR|CREAT')
      const dir = await p.open('.', 'RDONLY')
      for (const target of [{ fd }, { fd: dir }]) {
        await p.setxattr(target, 'user.x', 'v')
        await p.getxattr(target, 'user.x')
        await p.listxattr(target)
        await p.removexattr(target, 'user.x')
      }
      const readOnly = await p.open('f', 'RDONLY')
      await p.setxattr({ fd: readOnly }, 'user.ro', 'also by a descriptor for reading')
      await p.unlink('f')
      await p.setxattr({ fd }, 'user.gone', 'v')
      await p.listxattr({ fd })
    },
  },
  {
    name: 'attributes stay with the inode: rename, link, write, chmod, exchange',
    run: async (x) => {
      const p = await x.process()
      await p.put('a', 'x')
      await p.put('b', 'y')
      await p.setxattr('a', 'user.of', 'a')
      await p.setxattr('b', 'user.of', 'b')
      await p.rename('a', 'b', 'EXCHANGE')
      x.is((await p.getxattr('a', 'user.of')).toString(), 'b', 'exchanged')
      await p.link('a', 'c')
      await p.put('a', 'rewritten')
      await p.chmod('a', 0o600)
      await p.chown('a', 9, 9)
      await p.rename('b', 'a')
      x.is((await p.getxattr('c', 'user.of')).toString(), 'b', 'by the link')
      x.is((await p.getxattr('a', 'user.of')).toString(), 'a', 'replaced')
    },
  },
  {
    name: 'setfattr, getfattr, setcap and getcap',
    run: async (x) => {
      const p = await x.process()
      await p.put('f', 'x', 0o755)
      await p.run(['setfattr', '-n', 'user.tool', '-v', '0x00ff10', 'f'])
      await p.run(['getfattr', '-d', '-e', 'hex', 'f'])
      await p.run(['/sbin/setcap', 'cap_net_raw,cap_chown=ep', 'f'])
      await p.run(['/sbin/getcap', 'f'])
      await p.run(['/sbin/setcap', '-r', 'f'])
      await p.run(['/sbin/getcap', 'f'])
    },
  },
]

await conform('xattr', cases)
