// Times: nanoseconds, before 1970 and after 2038, and what sets them.

import { conform } from '../support/conform.js'
import type { Process } from '../support/process-calls.js'
import type { Time } from '../support/stat-record.js'
import { OTHER, USER, type Case } from '../support/stage.js'

const at = (sec: number | bigint, nsec = 0): Time => ({ sec: BigInt(sec), nsec })
const past = at(1_000_000, 123_456_789)

/** Whether a call moved the file's mtime away from the past it had been set to. */
async function moves(p: Process, name: string, change: () => Promise<unknown>): Promise<boolean> {
  await p.utimens(name, past, past, 'SYMLINK_NOFOLLOW')
  await change()
  const { mtime } = await p.lstat(name)
  return mtime.sec !== past.sec
}

const cases: Case[] = [
  {
    name: 'nanoseconds are kept',
    run: async (x) => {
      const p = await x.process()
      await p.put('f', 'x')
      await p.mkdir('d')
      for (const nsec of [0, 1, 999, 1000, 123_456_789, 999_999_999]) {
        await p.utimens('f', at(1_500_000_000, nsec), at(1_400_000_000, nsec))
        await p.utimens('d', at(1_300_000_000, nsec), at(1_200_000_000, nsec))
        await p.times('f')
        await p.times('d')
        x.is((await p.stat('f')).mtime.nsec, nsec, 'nanoseconds')
      }
    },
  },
  {
    name: 'times before 1970 and after 2038',
    run: async (x) => {
      const p = await x.process()
      for (const sec of [-1, -86_400, -2_000_000_000, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 33]) {
        const name = `f${sec}`
        await p.put(name, 'x')
        await p.utimens(name, at(sec, 500), at(sec, 999_999_999))
        await p.times(name)
      }
      await p.mkdir('d')
      await p.utimens('d', at(-5), at(-6, 7))
      await p.times('d')
    },
  },
  {
    name: 'times beyond what the file system holds are cut alike',
    run: async (x) => {
      const p = await x.process()
      await p.put('f', 'x')
      for (const sec of [2n ** 40n, -(2n ** 40n), 2n ** 62n]) {
        await p.maybe().utimens('f', at(sec, 1), at(sec, 1))
        await p.times('f')
      }
    },
  },
  {
    name: 'UTIME_OMIT leaves, UTIME_NOW sets, both for one of two',
    run: async (x) => {
      const p = await x.process()
      await p.put('f', 'x')
      await p.utimens('f', at(1000), at(2000))
      await p.utimens('f', 'omit', at(3000, 5))
      await p.times('f')
      await p.utimens('f', at(4000, 6), 'omit')
      await p.times('f')
      await p.utimens('f', 'omit', 'omit')
      await p.times('f')
      await p.utimens('f', 'now', 'omit')
      const stat = await p.stat('f')
      x.is(
        [stat.atime.sec > 1_600_000_000n, String(stat.mtime.sec)],
        [true, '3000'],
        'now and omit',
      )
      await p.utimens('f', at(1), 'now')
      x.is((await p.stat('f')).mtime.sec > 1_600_000_000n, true, 'mtime is now')
    },
  },
  {
    name: 'futimens through open, read-only and unlinked descriptors',
    run: async (x) => {
      const p = await x.process()
      await p.put('f', 'x')
      const [r, w] = [await p.open('f', 'RDONLY'), await p.open('f', 'WRONLY')]
      await p.futimens(r, at(1, 1), at(2, 2))
      await p.times('f')
      await p.write(w, 'y')
      await p.futimens(w, at(3, 3), at(4, 4))
      await p.close(w)
      await p.close(r)
      await p.times('f')
    },
  },
  {
    name: 'a time set after a write outlives the close',
    run: async (x) => {
      const p = await x.process()
      const fd = await p.open('f', 'RDWR|CREAT')
      await p.pwritePattern(fd, 100_000, 0, 1)
      await p.utimens('f', at(7, 7), at(8, 8))
      await p.fsync(fd)
      await p.close(fd)
      await p.times('f')
      const again = await p.open('f', 'RDWR')
      await p.close(again)
      await p.times('f')
    },
  },
  {
    name: 'the times of a symbolic link itself',
    run: async (x) => {
      const p = await x.process()
      await p.put('f', 'x')
      await p.utimens('f', at(1), at(2))
      await p.symlink('f', 'l')
      await p.utimens('l', at(3, 33), at(4, 44), 'SYMLINK_NOFOLLOW')
      await p.times('l')
      await p.times('f')
      await p.utimens('l', at(5), at(6))
      await p.times('f')
      x.is(String((await p.lstat('l')).mtime.sec), '4', 'mtime of the link')
      await p.symlink('nowhere', 'dangling')
      await p.fails('ENOENT').utimens('dangling', 'now', 'now')
    },
  },
  {
    name: 'bad times are EINVAL, a missing file ENOENT',
    run: async (x) => {
      const p = await x.process()
      await p.put('f', 'x')
      await p.utimens('f', at(1), at(2))
      await p.fails('EINVAL').utimens('f', at(1, 1_000_000_000), at(1))
      await p.fails('EINVAL').utimens('f', at(1), at(1, 2_000_000_000))
      await p.fails('ENOENT').utimens('none', at(1), at(1))
      await p.times('f')
    },
  },
  {
    name: 'the owner sets any time, one who may write sets now',
    run: async (x) => {
      const [p, q, r] = [await x.process(), await x.user(USER), await x.user(OTHER)]
      await p.put('f', 'x')
      await p.chown('f', USER, USER)
      await p.chmod('f', 0o606)
      await q.utimens('f', at(1, 2), at(3, 4))
      await p.times('f')
      await r.fails('EPERM').utimens('f', at(1), at(1))
      await r.utimens('f', 'now', 'now')
      await p.chmod('f', 0o444)
      await r.fails('EACCES').utimens('f', 'now', 'now')
      await q.utimens('f', at(5), at(6))
    },
  },
  {
    name: "what moves a file's mtime, and what does not",
    run: async (x) => {
      const p = await x.process()
      await p.put('f', 'some data')
      await p.put('empty', '')
      const fd = await p.open('f', 'RDWR')
      x.is(await moves(p, 'f', () => p.pwrite(fd, 'x', 0)), true, 'write')
      x.is(await moves(p, 'f', () => p.ftruncate(fd, 3)), true, 'truncate')
      x.note('truncate to the same size', await moves(p, 'f', () => p.truncate('f', 3)))
      x.note('ftruncate to the same size', await moves(p, 'f', () => p.ftruncate(fd, 3)))
      x.note('fallocate', await moves(p, 'f', () => p.fallocate(fd, '', 0, 9000)))
      x.is(await moves(p, 'f', () => p.chmod('f', 0o600)), false, 'chmod')
      x.is(await moves(p, 'f', () => p.chown('f', 1, 1)), false, 'chown')
      x.is(await moves(p, 'f', () => p.link('f', 'g')), false, 'link')
      await p.rename('f', 'h')
    },
  },
  {
    name: "what moves a directory's mtime",
    run: async (x) => {
      const p = await x.process()
      await p.mkdir('d')
      await p.mkdir('e')
      const cases: [string, () => Promise<unknown>][] = [
        ['create', () => p.put('d/f', 'x')],
        ['write', () => p.put('d/f', 'y')],
        ['link', () => p.link('d/f', 'd/g')],
        ['unlink', () => p.unlink('d/g')],
        ['symlink', () => p.symlink('x', 'd/l')],
        ['mknod', () => p.mknod('d/p', 0o010600)],
        ['mkdir', () => p.mkdir('d/sub')],
        ['rmdir', () => p.rmdir('d/sub')],
        ['chmod below', () => p.chmod('d/f', 0o600)],
        ['rename within', () => p.rename('d/f', 'd/h')],
        ['rename away', () => p.rename('d/h', 'e/h')],
        ['rename in', () => p.rename('e/h', 'd/h')],
        ['a failed mkdir', () => p.fails('EEXIST').mkdir('d/h')],
      ]
      for (const [what, change] of cases) x.note(what, await moves(p, 'd', change))
      x.is(await moves(p, 'e', () => p.rename('d/h', 'e/h')), true, 'the other directory')
    },
  },
  {
    name: 'explicit times of directories hold while files below change',
    run: async (x) => {
      const p = await x.process()
      await p.mkdir('d')
      await p.put('d/f', 'x')
      const fd = await p.open('d/f', 'RDWR')
      await p.utimens('d', at(10, 11), at(12, 13))
      await p.write(fd, 'more')
      await p.chmod('d/f', 0o600)
      await p.setxattr('d/f', 'user.x', 'y')
      await p.close(fd)
      x.is(String((await p.stat('d')).mtime.sec), '12', 'mtime of the directory')
    },
  },
]

await conform('times', cases)
