// Mapped files: shared and private, seen by others, cut, unlinked, and executed.

import { conform } from '../support/conform.js'
import type { Process } from '../support/process-calls.js'
import type { Case } from '../support/stage.js'

const PAGE = 4096
const [MS_ASYNC, MS_INVALIDATE, MS_SYNC] = [1, 2, 4]
const MADV_DONTNEED = 4

/** A file of `pages` pages, open for reading and writing. */
async function filled(p: Process, name: string, pages: number): Promise<number> {
  const fd = await p.open(name, 'RDWR|CREAT|TRUNC')
  await p.pwritePattern(fd, pages * PAGE, 0, pages)
  return fd
}

const cases: Case[] = [
  {
    name: 'a shared mapping written by one process is read by another',
    run: async (x) => {
      const [p, q] = [await x.process(), await x.process()]
      const fd = await filled(p, 'f', 4)
      const map = await p.mmap(4 * PAGE, 'READ|WRITE', 'SHARED', fd)
      await p.poke(map + 5000n, 'written through memory')
      const other = await q.open('f', 'RDONLY')
      x.is((await q.pread(other, 22, 5000)).toString(), 'written through memory', 'by read')
      const view = await q.mmap(4 * PAGE, 'READ', 'SHARED', other)
      x.is((await q.peek(view + 5000n, 7)).toString(), 'written', 'by map')
      await p.msync(map, 4 * PAGE, MS_SYNC)
      await p.munmap(map, 4 * PAGE)
      await p.close(fd)
    },
  },
  {
    name: 'a write is seen in the mapping of another process',
    run: async (x) => {
      const [p, q] = [await x.process(), await x.process()]
      const fd = await filled(p, 'f', 2)
      const view = await q.mmap(2 * PAGE, 'READ', 'SHARED', await q.open('f', 'RDONLY'))
      await q.peek(view, 10)
      for (let i = 0; i < 20; i++) {
        await p.pwrite(fd, `round ${i}`, 4093)
        x.is(
          (await q.peek(view + 4093n, 8)).toString().slice(0, 7),
          `round ${i}`.slice(0, 7),
          'seen',
        )
      }
    },
  },
  {
    name: 'memory and write take turns on the same pages',
    run: async (x) => {
      const [p, q] = [await x.process(), await x.process()]
      const fd = await filled(p, 'f', 3)
      const map = await p.mmap(3 * PAGE, 'READ|WRITE', 'SHARED', fd)
      const other = await q.open('f', 'RDWR')
      for (let i = 0; i < 30; i++) {
        await p.poke(map + BigInt(i * 100), `m${i}`)
        await q.pwrite(other, `w${i}`, i * 100 + 50)
        await p.peek(map + BigInt(i * 100), 60)
      }
      await p.msync(map, 3 * PAGE)
      await q.preadHash(other, 3 * PAGE, 0)
      await p.munmap(map, 3 * PAGE)
    },
  },
  {
    name: 'msync of each kind, of all and of a part',
    run: async (x) => {
      const p = await x.process()
      const fd = await filled(p, 'f', 8)
      const map = await p.mmap(8 * PAGE, 'READ|WRITE', 'SHARED', fd)
      for (const [i, flags] of [MS_ASYNC, MS_SYNC, MS_SYNC | MS_INVALIDATE, 0].entries()) {
        await p.pokePattern(map + BigInt(i * PAGE + 10), 5000, i)
        await p.msync(map + BigInt(i * PAGE), 2 * PAGE, flags)
      }
      await p.fails('EINVAL').msync(map + 1n, PAGE, MS_SYNC)
      await p.fails('EINVAL').msync(map, PAGE, MS_SYNC | MS_ASYNC)
      await p.fails('ENOMEM').msync(map, 1 << 30, MS_SYNC)
      await p.fsync(fd)
      await p.preadHash(fd, 8 * PAGE, 0)
    },
  },
  {
    name: 'a mapping outlives its descriptor and its name',
    run: async (x) => {
      const p = await x.process()
      const fd = await filled(p, 'f', 2)
      await p.link('f', 'kept')
      const map = await p.mmap(2 * PAGE, 'READ|WRITE', 'SHARED', fd)
      await p.close(fd)
      await p.poke(map, 'after close')
      await p.unlink('f')
      await p.poke(map + 5000n, 'after unlink')
      await p.msync(map, 2 * PAGE)
      x.is((await p.get('kept')).toString('latin1', 0, 11), 'after close', 'by the other name')
      await p.munmap(map, 2 * PAGE)
      await p.stat('kept')
    },
  },
  {
    name: 'a mapping of a file without any name',
    run: async (x) => {
      const p = await x.process()
      const fd = await filled(p, 'f', 2)
      const map = await p.mmap(2 * PAGE, 'READ|WRITE', 'SHARED', fd)
      await p.unlink('f')
      await p.poke(map + 100n, 'nameless')
      await p.msync(map, 2 * PAGE)
      x.is((await p.pread(fd, 8, 100)).toString(), 'nameless', 'by the descriptor')
      await p.put('f', 'a new file')
      await p.poke(map, 'old')
      await p.munmap(map, 2 * PAGE)
      await p.close(fd)
      x.is((await p.get('f')).toString(), 'a new file', 'by name')
    },
  },
  {
    name: 'a mapping of an O_TMPFILE that gets its name later',
    run: async (x) => {
      const p = await x.process()
      const fd = await p.open('.', 'RDWR|TMPFILE')
      await p.ftruncate(fd, 3 * PAGE)
      const map = await p.mmap(3 * PAGE, 'READ|WRITE', 'SHARED', fd)
      await p.pokePattern(map, 2 * PAGE, 5)
      await p.link(`/proc/self/fd/${fd}`, 'named', 'SYMLINK_FOLLOW')
      await p.poke(map + 9000n, 'later')
      await p.msync(map, 3 * PAGE)
      await p.munmap(map, 3 * PAGE)
      await p.close(fd)
      await p.preadHash(await p.open('named', 'RDONLY'), 3 * PAGE, 0)
    },
  },
  {
    name: 'a file renamed and replaced while it is mapped',
    run: async (x) => {
      const p = await x.process()
      const fd = await filled(p, 'a', 1)
      const map = await p.mmap(PAGE, 'READ|WRITE', 'SHARED', fd)
      await p.poke(map, 'one')
      await p.rename('a', 'b')
      await p.poke(map + 100n, 'two')
      await p.put('c', 'other')
      await p.rename('c', 'b')
      await p.poke(map + 200n, 'three')
      await p.msync(map, PAGE)
      x.is((await p.get('b')).toString(), 'other', 'the replacement')
      await p.pread(fd, 210, 0)
      await p.munmap(map, PAGE)
    },
  },
  {
    name: 'a private mapping keeps its changes to itself',
    run: async (x) => {
      const p = await x.process()
      const fd = await filled(p, 'f', 2)
      const map = await p.mmap(2 * PAGE, 'READ|WRITE', 'PRIVATE', fd)
      await p.poke(map, 'private')
      await p.pwrite(fd, 'shared', 4200)
      x.is((await p.peek(map + 4200n, 6)).toString(), 'shared', 'an untouched page')
      await p.pwrite(fd, 'SHARED', 0)
      x.is((await p.peek(map, 7)).toString(), 'private', 'its own page')
      x.is((await p.pread(fd, 6, 0)).toString(), 'SHARED', 'the file')
      const readOnly = await p.open('f', 'RDONLY')
      await p.mmap(PAGE, 'READ|WRITE', 'PRIVATE', readOnly)
    },
  },
  {
    name: 'beyond the end of the file memory faults, up to the page it reads as zeros',
    run: async (x) => {
      const p = await x.process()
      const fd = await p.open('f', 'RDWR|CREAT')
      await p.pwritePattern(fd, 5000, 0, 1)
      const map = await p.mmap(4 * PAGE, 'READ|WRITE', 'SHARED', fd)
      await p.peek(map + 4990n, 20)
      await p.fails('EFAULT').peek(map + 8192n, 1)
      await p.fails('EFAULT').poke(map + 8192n, 'x')
      await p.ftruncate(fd, 4 * PAGE)
      await p.poke(map + 8192n, 'now it is there')
      await p.ftruncate(fd, 100)
      await p.fails('EFAULT').peek(map + 4096n, 1)
      await p.poke(map + 50n, 'kept')
      // What is written behind the end within the page is never part of the file.
      await p.poke(map + 200n, 'lost')
      await p.msync(map, PAGE)
      await p.ftruncate(fd, 300)
      x.is((await p.pread(fd, 4, 50)).toString(), 'kept', 'within')
      x.note('behind the end', (await p.pread(fd, 4, 200)).toString('latin1'))
      await p.munmap(map, 4 * PAGE)
    },
  },
  {
    name: 'what mmap refuses',
    run: async (x) => {
      const p = await x.process()
      await filled(p, 'f', 1)
      const [r, w] = [await p.open('f', 'RDONLY'), await p.open('f', 'WRONLY')]
      await p.fails('EACCES').mmap(PAGE, 'READ|WRITE', 'SHARED', r)
      await p.fails('EACCES').mmap(PAGE, 'READ', 'SHARED', w)
      await p.fails('EINVAL').mmap(PAGE, 'READ', 'SHARED', r, 100)
      await p.fails('EINVAL').mmap(0, 'READ', 'SHARED', r)
      const dir = await p.open('.', 'RDONLY')
      await p.fails('ENODEV').mmap(PAGE, 'READ', 'SHARED', dir)
      await p.mmap(PAGE, 'READ', 'SHARED', r)
    },
  },
  {
    name: 'a mapping with an offset, grown by mremap, dropped and read again',
    run: async (x) => {
      const p = await x.process()
      const fd = await filled(p, 'f', 16)
      let map = await p.mmap(2 * PAGE, 'READ|WRITE', 'SHARED', fd, 4 * PAGE)
      await p.poke(map, 'at page four')
      map = await p.mremap(map, 2 * PAGE, 6 * PAGE)
      await p.poke(map + 20_000n, 'in page eight')
      await p.madvise(map, 6 * PAGE, MADV_DONTNEED)
      x.is((await p.peek(map, 12)).toString(), 'at page four', 'read again')
      await p.pread(fd, 13, 4 * PAGE + 20_000)
      await p.munmap(map, 6 * PAGE)
    },
  },
  {
    name: 'a large mapping dirtied all over arrives complete',
    run: async (x) => {
      const p = await x.process()
      const fd = await p.open('f', 'RDWR|CREAT')
      const size = 16 << 20
      await p.ftruncate(fd, size)
      const map = await p.mmap(size, 'READ|WRITE', 'SHARED', fd)
      for (let at = 0; at < size; at += 1 << 20)
        await p.pokePattern(map + BigInt(at + 77), 300_000, at)
      await p.munmap(map, size)
      await p.close(fd)
      const again = await p.open('f', 'RDONLY')
      for (let at = 0; at < size; at += 4 << 20) await p.preadHash(again, 4 << 20, at)
    },
  },
  {
    name: 'direct and mapped access to one file',
    run: async (x) => {
      const p = await x.process()
      const fd = await filled(p, 'f', 4)
      const direct = await p.open('f', 'RDWR|DIRECT')
      const map = await p.mmap(4 * PAGE, 'READ|WRITE', 'SHARED', fd)
      await p.poke(map + 100n, 'mapped')
      await p.msync(map, PAGE)
      await p.preadHash(direct, PAGE, 0)
      await p.pwritePattern(direct, PAGE, PAGE, 9)
      await p.peek(map + BigInt(PAGE), 50)
      await p.munmap(map, 4 * PAGE)
    },
  },
  {
    name: 'a program is executed from the directory, and cannot be written meanwhile',
    run: async (x) => {
      const p = await x.process()
      await p.run(['cp', '/bin/sleep', 'program'])
      await p.run(['cp', '/bin/echo', 'echo'])
      await p.run(['./echo', 'it', 'runs'])
      const script = [
        './program 5 & child=$!',
        'until [ "$(readlink /proc/$child/exe)" = "$PWD/program" ]; do :; done',
        'echo more >>program',
        'kill $child',
      ]
      const { output } = await p.run(['sh', '-c', script.join('\n')])
      x.is(output.includes('Text file busy'), true, 'while it runs')
      await p.run(['sh', '-c', 'echo more >>program'])
    },
  },
  {
    name: 'ETXTBSY while it is open for writing, EACCES without an x',
    run: async (x) => {
      const p = await x.process()
      await p.run(['cp', '/bin/true', 'program'])
      const fd = await p.open('program', 'WRONLY')
      await p.run(['sh', '-c', './program 2>&1 | sed s/.*program/program/; test $? = 0'])
      await p.close(fd)
      await p.run(['./program'])
      await p.chmod('program', 0o644)
      await p.run(['./program'])
      await p.put('script', '#!/bin/sh\necho script "$@"\n', 0o755)
      await p.run(['./script', 'with', 'words'])
      await p.put('rubbish', 'not a program', 0o755)
      await p.fails('ENOEXEC').raw('execveat(rubbish)', execWords('rubbish'))
      await p.fails('EACCES').raw('execveat(program)', execWords('program'))
    },
  },
  {
    name: 'a set-uid program runs as its owner',
    run: async (x) => {
      const [p, q] = [await x.process(), await x.user()]
      await p.run(['cp', '/usr/bin/id', 'id'])
      await p.chown('id', 4321, 8765)
      await p.chmod('id', 0o6755)
      const { output } = await q.run(['./id'])
      x.is(/euid=4321.*egid=8765/.test(output), true, 'effective ids')
      await p.chmod('id', 0o755)
      await q.run(['./id', '-u'])
    },
  },
]

function execWords(name: string): string {
  return `execveat n-100 s${Buffer.from(name).toString('hex')} n0 n0 n0`
}

await conform('mmap', cases)
