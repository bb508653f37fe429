// Names: any bytes, up to the limits, and the errors of paths.

import { conform } from '../support/conform.js'
import type { Process } from '../support/process-calls.js'
import type { Case } from '../support/stage.js'

/** Every kind of operation on a name that is hard to handle. */
async function useName(p: Process, name: Buffer, other: Buffer): Promise<void> {
  await p.put(name, 'data')
  await p.setxattr(name, 'user.x', 'y')
  await p.rename(name, other)
  await p.link(other, name)
  await p.unlink(other)
  await p.symlink(name, other)
  await p.get(other)
  await p.unlink(other)
  await p.mkdir(other)
  await p.rename(name, Buffer.concat([other, Buffer.from('/'), name]))
  await p.mknod(name, 0o010600)
  await p.chmod(name, 0o600)
}

async function listed(p: Process): Promise<string[]> {
  const fd = await p.open('.', 'RDONLY')
  const names = (await p.getdents(fd)).map((entry) => entry.name.toString('latin1'))
  return names.filter((name) => name !== '.' && name !== '..').sort()
}

/** A path of exactly `length` bytes below directories of long names, all made but the last part. */
async function longPath(p: Process, length: number): Promise<string> {
  const part = 'd'.repeat(199)
  let path = ''
  while (path.length + 200 < length - 10) {
    path += `${part}/`
    await p.mkdir(path.slice(0, -1))
  }
  return path + 'f'.repeat(length - path.length)
}

const cases: Case[] = [
  {
    name: 'a name of 255 bytes works everywhere',
    run: async (x) => {
      const p = await x.process()
      await useName(p, Buffer.alloc(255, 'a'), Buffer.alloc(255, 'b'))
      x.is((await listed(p)).map((name) => name.length).join(' '), '255 255', 'listed')
    },
  },
  {
    name: 'a name of 256 bytes is ENAMETOOLONG everywhere',
    run: async (x) => {
      const p = await x.process()
      const long = 'n'.repeat(256)
      await p.put('f', 'x')
      await p.fails('ENAMETOOLONG').open(long, 'WRONLY|CREAT')
      await p.fails('ENAMETOOLONG').mkdir(long)
      await p.fails('ENAMETOOLONG').symlink('x', long)
      await p.fails('ENAMETOOLONG').mknod(long, 0o010600)
      await p.fails('ENAMETOOLONG').rename('f', long)
      await p.fails('ENAMETOOLONG').rename(long, 'f')
      await p.fails('ENAMETOOLONG').rename('f', long, 'EXCHANGE')
      await p.fails('ENAMETOOLONG').link('f', long)
      await p.fails('ENAMETOOLONG').stat(long)
      await p.fails('ENAMETOOLONG').unlink(long)
      await p.fails('ENAMETOOLONG').rmdir(long)
      await p.fails('ENAMETOOLONG').readlink(long)
      await p.fails('ENAMETOOLONG').setxattr(long, 'user.x', 'y')
      await p.fails('ENAMETOOLONG').truncate(long, 0)
      await p.fails('ENAMETOOLONG').stat(`${long}/x`)
    },
  },
  {
    name: 'names that are not UTF-8',
    run: async (x) => {
      const p = await x.process()
      const [invalid, high] = [Buffer.from('ff80feC3280a', 'hex'), Buffer.alloc(255, 0xff)]
      await useName(p, invalid, high)
      x.note('listed', await listed(p))
      const surrogate = Buffer.from('eda080', 'hex')
      await p.put(surrogate, 'half a surrogate pair')
      await p.get(surrogate)
    },
  },
  {
    name: 'every byte but 0 and / is a name',
    run: async (x) => {
      const p = await x.process()
      for (let byte = 1; byte < 256; byte++) {
        if (byte === 0x2f || byte === 0x2e) continue
        await p.put(Buffer.from([byte]), `${byte}`)
      }
      await p.put('...', 'three dots')
      x.is((await listed(p)).length, 254, 'listed')
      for (let byte = 1; byte < 256; byte += 10) {
        if (byte !== 0x2f && byte !== 0x2e) await p.get(Buffer.from([byte]))
      }
    },
  },
  {
    name: 'names with newline, ESC, spaces, quotes and a leading dash',
    run: async (x) => {
      const p = await x.process()
      const odd = [
        'a\nb',
        '\x1b[31mred',
        ' ',
        '  two',
        '-rf',
        '--',
        '\'"`$(x)',
        'a\\x0ab',
        '\r',
        '*?[a]',
        '~',
        '#x',
      ]
      for (const name of odd) await p.put(name, name)
      x.is(await listed(p), [...odd].sort(), 'listed')
      await p.rename('a\nb', 'c\nd')
      await p.mkdir('\n')
      await p.put('\n/\t', 'x')
      await p.put('\u202eevil', 'right to left')
      await p.put('e\u0301', 'decomposed')
      await p.put('\u00e9', 'composed')
    },
  },
  {
    name: 'names that mean something elsewhere',
    run: async (x) => {
      const p = await x.process()
      for (const name of [
        '.fuse_hidden0001',
        '.nfs123',
        '.wh.file',
        'lost+found',
        'CON',
        'a:b',
        '.git',
        '.tfs',
      ]) {
        await p.mkdir(name)
        await p.put(`${name}/f`, name)
      }
      await p.put('.tfs2', 'not reserved')
      await p.put('x.tfs', 'not reserved')
    },
  },
  {
    name: 'upper and lower case are different names',
    run: async (x) => {
      const p = await x.process()
      await p.put('name', 'lower')
      await p.put('NAME', 'upper')
      await p.rename('name', 'Name')
      x.is(await listed(p), ['NAME', 'Name'], 'listed')
    },
  },
  {
    name: 'a path of PATH_MAX - 1 bytes, and one more',
    beyondRsync: true,
    run: async (x) => {
      const p = await x.process()
      const path = await longPath(p, 4095)
      x.is(path.length, 4095, 'length')
      await p.put(path, 'far')
      await p.get(path)
      await p.chmod(path, 0o600)
      await p.setxattr(path, 'user.x', 'y')
      await p.stat(path)
      const sibling = `${path.slice(0, -1)}s`
      await p.rename(path, sibling)
      await p.link(sibling, path)
      await p.unlink(sibling)
      await p.truncate(path, 2)
      await p.symlink(path, 'to-far')
      await p.get('to-far')
      await p.fails('ENAMETOOLONG').stat(`${path}x`)
      await p.fails('ENAMETOOLONG').open(`${path}x`, 'WRONLY|CREAT')
    },
  },
  {
    name: 'paths from the root of 4,095 bytes whose end is on the mount',
    run: async (x) => {
      const p = await x.process()
      // Not long by depth but by the way it is written.
      const here = `${x.dir}/`
      const path = `${here}${'./'.repeat(Math.floor((4090 - here.length) / 2))}f`
      const fd = await p.unrecorded('open(long)', openWords(path.padEnd(4095, 'g').slice(0, 4095)))
      x.is(fd.value >= 0, true, 'opened')
      x.note(
        'listed',
        (await listed(p)).map((name) => name.slice(0, 1)),
      )
    },
  },
  {
    name: 'ENOTDIR where a file stands in the way',
    run: async (x) => {
      const p = await x.process()
      await p.put('f', 'x')
      await p.fails('ENOTDIR').open('f/x', 'RDONLY')
      await p.fails('ENOTDIR').open('f/x', 'WRONLY|CREAT')
      await p.fails('ENOTDIR').mkdir('f/x')
      await p.fails('ENOTDIR').rmdir('f')
      await p.fails('ENOTDIR').rmdir('f/x')
      await p.fails('ENOTDIR').unlink('f/x')
      await p.fails('ENOTDIR').rename('f', 'f/x')
      await p.fails('ENOTDIR').link('f', 'f/x')
      await p.fails('ENOTDIR').symlink('t', 'f/x')
      await p.fails('ENOTDIR').readlink('f/x')
      await p.fails('ENOTDIR').chdir('f')
      await p.fails('ENOTDIR').truncate('f/x', 0)
      await p.fails('ENOTDIR').getxattr('f/x', 'user.x')
      await p.fails('ENOTDIR').statfs('f/x')
    },
  },
  {
    name: 'EISDIR, EPERM and ENOTEMPTY of directories',
    run: async (x) => {
      const p = await x.process()
      await p.mkdir('d')
      await p.put('d/f', 'x')
      await p.fails('EISDIR').unlink('d')
      await p.fails('EISDIR').truncate('d', 0)
      const fd = await p.open('d', 'RDONLY')
      await p.fails('EISDIR').read(fd, 10)
      await p.fails('ENOTEMPTY').rmdir('d')
      await p.unlink('d/f')
      await p.fails('EINVAL').rmdir('d/.')
      await p.fails('ENOTEMPTY').rmdir('d/..')
      await p.rmdir('d/')
      await p.fails('ENOENT').rmdir('d')
    },
  },
  {
    name: 'EEXIST for every kind of creation',
    run: async (x) => {
      const p = await x.process()
      await p.put('f', 'x')
      await p.mkdir('d')
      await p.symlink('none', 'l')
      for (const name of ['f', 'd', 'l', '.', '..']) {
        await p.fails('EEXIST').mkdir(name)
        await p.fails('EEXIST').mknod(name, 0o010600)
        await p.fails('EEXIST').symlink('t', name)
        await p.fails('EEXIST').link('f', name)
      }
    },
  },
  {
    name: 'EXDEV and EBUSY at the border of the mount',
    run: async (x) => {
      const p = await x.process()
      await p.put('f', 'x')
      await p.fails('EXDEV').rename('f', '/proc/f')
      await p.fails('EXDEV').link('/proc/self/status', 'g')
      await p.fails('EFAULT').raw('mkdir(EFAULT)', 'mkdirat n-100 n1 n493')
      await p.fails('EFAULT').raw('open(EFAULT)', 'openat n-100 n1 n0')
      const fd = await p.open('f', 'RDWR')
      await p.fails('EFAULT').raw('write(EFAULT)', `write n${fd} n1 n10`)
      await p.fails('EFAULT').raw('read(EFAULT)', `read n${fd} n1 n10`)
      await p.stat('f')
    },
  },
  {
    name: 'dots and double slashes lead where they should',
    run: async (x) => {
      const p = await x.process()
      await p.mkdir('a')
      await p.mkdir('a/b')
      await p.put('a//b/.././f', 'x')
      await p.get('./a/./b/../../a/f')
      await p.stat('a/b/')
      await p.stat('a/b/.')
      await p.chdir('a/b')
      await p.get('../f')
      await p.chdir('../..')
      await p.rename('a/b/../f', 'a/b/g')
      await p.fails('ENOENT').stat('a/none/../f')
    },
  },
]

function openWords(path: string): string {
  return `openat n-100 s${Buffer.from(path).toString('hex')} n65 n420`
}

await conform('names', cases)
