// The journal may have few descriptors only: trees that are wider and deeper than those work all
// the same, and who wants more files open than there can be gets EMFILE, and no one else anything.

import { conform } from '../support/conform.js'
import type { Process } from '../support/process-calls.js'
import { at, num, str } from '../support/request-words.js'
import type { Case, Stage } from '../support/stage.js'

const descriptors = 256
const many = 2 * descriptors
const O_PATH = 0o10000000

const contents = async (p: Process) =>
  p.run(['sh', '-c', 'find . -type f | LC_ALL=C sort | xargs cat | cksum'])

/** Opens one name after the other, unrecorded. What was opened; all else must be EMFILE. */
async function openSome(p: Process, names: string[], flags: number): Promise<[number[], boolean]> {
  const fds: number[] = []
  let isOther = false
  for (const name of names) {
    const { value, errno } = await p.quiet(`openat ${at(name)} ${num(flags)} n0`)
    if (errno === '') fds.push(value)
    else isOther ||= errno !== 'EMFILE'
  }
  return [fds, isOther]
}

async function closeAll(p: Process, fds: number[]): Promise<void> {
  for (const fd of fds) await p.quiet(`close ${num(fd)}`)
}

/** How fstat(2) of each ends: the errors that there were. */
async function errorsOf(p: Process, fds: number[]): Promise<string[]> {
  const errors = new Set<string>()
  for (const fd of fds) {
    const { errno } = await p.quiet(`statx ${num(fd)} ${str('')} n4096 n2047 o256`)
    errors.add(errno || 'none')
  }
  return [...errors].sort()
}

/** Names of things that are made, held by O_PATH descriptors, removed, and made again. */
async function holdRemoved(
  x: Stage,
  make: (p: Process, name: string) => Promise<void>,
  remove: (p: Process, name: string) => Promise<void>,
): Promise<void> {
  const [p, holder] = [await x.process(), await x.process()]
  const names = Array.from({ length: many }, (_, i) => `n${i}`)
  for (const name of names) await make(p, name)
  const [held] = await openSome(holder, names, O_PATH)
  x.is(held.length, many, 'held')
  for (const name of names) await remove(p, name)
  const errors = await errorsOf(holder, held)
  x.is(errors.filter((errno) => errno !== 'EMFILE').join(), 'none', 'errors of what was removed')
  for (const name of names) await make(p, name)
  x.is((await errorsOf(holder, held)).includes('none'), true, 'the first can still be asked')
  await closeAll(holder, held)
  const few = names.slice(0, 20)
  const [again] = await openSome(holder, few, O_PATH)
  for (const name of few) await remove(p, name)
  x.is(await errorsOf(holder, again), ['none'], 'errors when there is room again')
}

const cases: Case[] = [
  {
    name: 'renames between twice as many directories as descriptors',
    run: async (x) => {
      const p = await x.process()
      for (let i = 0; i < many; i++) await p.mkdir(`d${i}`)
      for (let i = 0; i < many; i++) await p.put(`d${i}/f`, `file ${i}\n`)
      for (let i = 0; i < many; i += 2) await p.rename(`d${i}/f`, `d${many - 1 - i}/g`)
      for (let i = 0; i < many; i += 3)
        await p.rename(`d${i}`, `d${(i * 7 + 1) % many}`, 'EXCHANGE')
      for (let i = 0; i < many; i += 50) await p.maybe().link(`d${i}/g`, `d${many - 1 - i}/linked`)
      await contents(p)
      await p.run(['sh', '-c', 'rm -r d1* && find . | LC_ALL=C sort | cksum'])
    },
  },
  {
    name: 'a tree deeper than there are descriptors',
    run: async (x) => {
      const p = await x.process()
      for (let i = 0; i < many; i++) {
        await p.mkdir('d')
        await p.chdir('d')
      }
      await p.put('bottom', 'far down')
      await p.chdir('../..')
      await p.get('d/d/bottom')
      const q = await x.process()
      await q.mkdir('other')
      await q.rename('d/d', 'other/moved')
      await p.rename('d/d/bottom', 'bottom')
      await p.get('bottom')
      await p.put('more', 'two levels up')
      await contents(q)
      // Who compares the trees has all directories open that lead to where it is.
      await q.rename(`other/moved${'/d'.repeat(many - 60)}`, 'kept')
      await q.run(['rm', '-r', 'other', 'd'])
    },
  },
  {
    name: 'more removed files held than there are descriptors',
    run: (x) =>
      holdRemoved(
        x,
        (p, name) => p.put(name, name),
        (p, name) => p.unlink(name),
      ),
  },
  {
    name: 'more removed directories held than there are descriptors',
    run: (x) =>
      holdRemoved(
        x,
        (p, name) => p.mkdir(name),
        (p, name) => p.rmdir(name),
      ),
  },
  {
    name: 'more files replaced while they are held than there are descriptors',
    run: (x) =>
      holdRemoved(
        x,
        (p, name) => p.put(name, name),
        async (p, name) => {
          await p.put('new', 'new')
          await p.rename('new', name)
        },
      ),
  },
  {
    name: 'more files open than there are descriptors',
    run: async (x) => {
      const [p, q] = [await x.process(), await x.process()]
      const names = Array.from({ length: many }, (_, i) => `f${i}`)
      for (const name of names) await p.put(name, name)
      await p.mkdir('d')
      const [open, isOther] = await openSome(q, names, 2)
      x.is([open.length >= 32, isOther], [true, false], 'some are opened, the rest is EMFILE')
      await p.stat('f7')
      await p.rename('f7', 'd/seven')
      await p.unlink('f8')
      await q.pwrite(open[7]!, 'by descriptor', 0)
      await q.pwrite(open[8]!, 'not to be seen', 0)
      await p.chmod('d/seven', 0o600)
      await closeAll(q, open)
      await p.put('new', 'after closing')
      await contents(p)
    },
  },
]

await conform('few-descriptors', cases, { descriptors })
