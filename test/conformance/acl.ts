// POSIX ACLs: who is let in by them, what chmod makes of them, what children inherit.

import { conform } from '../support/conform.js'
import { OTHER, USER, type Case } from '../support/stage.js'

const cases: Case[] = [
  {
    name: 'an entry for another user lets that user in',
    run: async (x) => {
      const [p, q, r] = [await x.process(), await x.user(USER), await x.user(OTHER)]
      await p.put('f', 'data', 0o600)
      await q.fails('EACCES').open('f', 'RDONLY')
      await p.setAcl('f', 'access', `u::rw-,u:${USER}:r--,g::---,m::r--,o::---`)
      x.is((await q.get('f')).toString(), 'data', 'read by ACL')
      await q.fails('EACCES').open('f', 'WRONLY')
      await r.fails('EACCES').open('f', 'RDONLY')
      await p.stat('f')
      await p.getxattr('f', 'system.posix_acl_access')
    },
  },
  {
    name: 'an entry for a group, also a supplementary one',
    run: async (x) => {
      const [p, q, r] = [await x.process(), await x.user(USER, [7000]), await x.user(OTHER)]
      await p.mkdir('d', 0o700)
      await p.setAcl('d', 'access', 'u::rwx,g::---,g:7000:rwx,m::rwx,o::---')
      await q.put('d/f', 'x')
      await q.stat('d')
      await r.fails('EACCES').stat('d/f')
      await p.setAcl('d', 'access', 'u::rwx,g::---,g:7000:rwx,m::--x,o::---')
      await q.stat('d/f')
      await q.fails('EACCES').open('d', 'RDONLY')
      await q.fails('EACCES').mkdir('d/new')
    },
  },
  {
    name: 'the mask is the group bits of the mode, and chmod changes it',
    run: async (x) => {
      const [p, q] = [await x.process(), await x.user(USER)]
      await p.put('f', 'data', 0o600)
      await p.setAcl('f', 'access', `u::rw-,u:${USER}:rwx,g::r--,m::rwx,o::---`)
      x.is((await p.stat('f')).mode, 0o670, 'mode')
      await q.put('f', 'by ACL')
      await p.chmod('f', 0o640)
      await p.getxattr('f', 'system.posix_acl_access')
      await q.fails('EACCES').open('f', 'WRONLY')
      await q.get('f')
      await p.chmod('f', 0o600)
      await q.fails('EACCES').open('f', 'RDONLY')
      await p.getxattr('f', 'system.posix_acl_access')
    },
  },
  {
    name: 'an ACL that says no more than a mode becomes the mode',
    run: async (x) => {
      const p = await x.process()
      await p.put('f', 'data', 0o600)
      await p.setAcl('f', 'access', 'u::rw-,g::r--,o::r--')
      x.is((await p.stat('f')).mode, 0o644, 'mode')
      await p.fails('ENODATA').getxattr('f', 'system.posix_acl_access')
      x.is(await p.listxattr('f'), [], 'attributes')
    },
  },
  {
    name: 'a default ACL is inherited by files and directories',
    run: async (x) => {
      const [p, q] = [await x.process(), await x.user(USER)]
      await p.mkdir('d')
      await p.setAcl('d', 'default', `u::rwx,u:${USER}:rwx,g::r-x,m::rwx,o::---`)
      await p.put('d/f', 'x', 0o666)
      await p.mkdir('d/sub', 0o777)
      await p.mkdir('d/sub/deeper', 0o750)
      for (const name of ['d', 'd/f', 'd/sub', 'd/sub/deeper']) {
        await p.stat(name)
        await p.listxattr(name)
      }
      await p.getxattr('d/f', 'system.posix_acl_access')
      await p.getxattr('d/sub/deeper', 'system.posix_acl_default')
      await q.put('d/f', 'by the inherited entry')
    },
  },
  {
    name: 'with a default ACL the umask does not count',
    run: async (x) => {
      const p = await x.process()
      await p.mkdir('d')
      await p.setAcl('d', 'default', 'u::rwx,g::rwx,o::rwx')
      await p.umask(0o077)
      await p.put('d/f', 'x', 0o666)
      await p.mkdir('d/sub', 0o777)
      await p.mknod('d/fifo', 0o010666)
      const tmp = await p.open('d', 'RDWR|TMPFILE', 0o666)
      await p.link(`/proc/self/fd/${tmp}`, 'd/t', 'SYMLINK_FOLLOW')
      x.is((await p.stat('d/f')).mode, 0o666, 'file')
      x.is((await p.stat('d/sub')).mode, 0o777, 'directory')
      await p.stat('d/fifo')
      await p.stat('d/t')
      await p.put('outside', 'x', 0o666)
      x.is((await p.stat('outside')).mode, 0o600, 'beside it the umask counts')
    },
  },
  {
    name: 'a default ACL with a mask, and creations of an ordinary user',
    run: async (x) => {
      const [p, q, r] = [await x.process(), await x.user(USER), await x.user(OTHER)]
      await p.mkdir('d')
      await p.chmod('d', 0o2777)
      await p.chown('d', 0, 7000)
      await p.setAcl('d', 'default', `u::rw-,u:${OTHER}:rwx,g::rwx,m::r-x,o::--x`)
      await q.put('d/f', 'x', 0o666)
      await q.mkdir('d/sub', 0o777)
      for (const name of ['d/f', 'd/sub']) {
        await q.stat(name)
        await q.getxattr(name, 'system.posix_acl_access')
      }
      await r.get('d/f')
      await r.fails('EACCES').open('d/f', 'WRONLY')
    },
  },
  {
    name: 'ACLs are removed, by name and by an empty default',
    run: async (x) => {
      const [p, q] = [await x.process(), await x.user(USER)]
      await p.mkdir('d', 0o750)
      await p.setAcl('d', 'access', `u::rwx,u:${USER}:r-x,g::r-x,m::r-x,o::---`)
      await p.setAcl('d', 'default', `u::rwx,u:${USER}:r-x,g::r-x,m::r-x,o::---`)
      await q.chdir('d')
      await q.chdir('..')
      await p.removexattr('d', 'system.posix_acl_access')
      await p.removexattr('d', 'system.posix_acl_default')
      await q.fails('EACCES').chdir('d')
      await p.maybe().removexattr('d', 'system.posix_acl_default')
      x.is(await p.listxattr('d'), [], 'attributes')
      await p.stat('d')
    },
  },
  {
    name: 'ACLs that are not valid, or not for such a file',
    run: async (x) => {
      const [p, q] = [await x.process(), await x.user(USER)]
      await p.put('f', 'x')
      await p.symlink('f', 'l')
      await p.fails('EACCES').setAcl('f', 'default', 'u::rwx,g::r-x,o::---')
      await p.fails('EINVAL').setAcl('f', 'access', 'u::rwx,g::r-x')
      await p.fails('EINVAL').setAcl('f', 'access', `u::rwx,u:${USER}:r--,g::r-x,o::---`)
      await p
        .fails('EOPNOTSUPP')
        .setxattr('f', 'system.posix_acl_access', Buffer.from([9, 0, 0, 0]))
      await p.fails('EINVAL').setxattr('f', 'system.posix_acl_access', 'x')
      await p.fails('EOPNOTSUPP').setAcl({ nofollow: 'l' }, 'access', 'u::rwx,g::r-x,o::---')
      await q.fails('EPERM').setAcl('f', 'access', 'u::rwx,g::rwx,o::rwx')
      await q.fails('EPERM').removexattr('f', 'system.posix_acl_access')
    },
  },
  {
    name: 'an owner outside the group sets an ACL: set-gid goes, but not with a default one',
    run: async (x) => {
      const [p, q] = [await x.process(), await x.user(USER)]
      await p.put('f', 'x')
      await p.chown('f', USER, 7000)
      await p.chmod('f', 0o2755)
      await q.setAcl('f', 'access', `u::rwx,u:${OTHER}:rwx,g::r-x,m::rwx,o::---`)
      x.is((await p.stat('f')).mode, 0o770, 'mode')
      await p.mkdir('d')
      await p.chown('d', USER, 7000)
      await p.chmod('d', 0o2755)
      await q.setAcl('d', 'default', `u::rwx,u:${OTHER}:rwx,g::r-x,m::rwx,o::---`)
      x.is((await p.stat('d')).mode, 0o2755, 'of a directory')
      await p.chmod('f', 0o2770)
      await p.setAcl('f', 'access', `u::rwx,u:${OTHER}:r--,g::r-x,m::r-x,o::---`)
      await p.stat('f')
    },
  },
  {
    name: 'rename and link carry the ACL, a file that replaces has its own',
    run: async (x) => {
      const [p, q] = [await x.process(), await x.user(USER)]
      await p.mkdir('d')
      await p.setAcl('d', 'default', 'u::rwx,g::---,o::---')
      await p.put('f', 'x', 0o640)
      await p.setAcl('f', 'access', `u::rw-,u:${USER}:rw-,g::---,m::rw-,o::---`)
      await p.put('g', 'y', 0o600)
      await p.link('f', 'h')
      await p.rename('f', 'g')
      await p.rename('g', 'd/g')
      await q.put('d/g', 'by ACL')
      await p.getxattr('h', 'system.posix_acl_access')
    },
  },
  {
    name: 'setfacl and getfacl',
    run: async (x) => {
      const p = await x.process()
      await p.mkdir('d')
      await p.put('d/f', 'x')
      await p.run(['setfacl', '-R', '-m', `u:${USER}:rwX,d:g:7000:rx`, 'd'])
      await p.run(['getfacl', '-Rn', 'd'])
      await p.run(['setfacl', '-x', `u:${USER}`, 'd/f'])
      await p.run(['getfacl', '-n', 'd/f'])
      await p.run(['setfacl', '-Rb', 'd'])
      await p.run(['getfacl', '-Rn', 'd'])
    },
  },
]

await conform('acl', cases)
