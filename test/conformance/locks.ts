// Locks and leases between processes, and two processes that write each other's blocks.

import { conform } from '../support/conform.js'
import type { Process } from '../support/process-calls.js'
import type { Case, Stage } from '../support/stage.js'
import { compiled } from '../support/compiled.js'

const whole = (type: 'read' | 'write' | 'none') => ({ type, start: 0, length: 0 })
const part = (type: 'read' | 'write' | 'none', start: number, length: number) => ({
  type,
  start,
  length,
})
const [F_SETLEASE, F_GETLEASE] = [1024, 1025]

async function pair(x: Stage): Promise<[Process, number, Process, number]> {
  const [p, q] = [await x.process(), await x.process()]
  return [p, await p.open('f', 'RDWR|CREAT'), q, await q.open('f', 'RDWR')]
}

const cases: Case[] = [
  {
    name: 'a write lock keeps others out, read locks let readers in',
    run: async (x) => {
      const [p, a, q, b] = await pair(x)
      await p.lock(a, 'SETLK', whole('write'))
      await q.fails('EAGAIN').lock(b, 'SETLK', whole('write'))
      await q.fails('EAGAIN').lock(b, 'SETLK', whole('read'))
      x.is((await q.lock(b, 'GETLK', whole('read'))).type, 'write', 'who is in the way')
      await p.lock(a, 'SETLK', whole('read'))
      await q.lock(b, 'SETLK', whole('read'))
      await p.fails('EAGAIN').lock(a, 'SETLK', whole('write'))
      await q.lock(b, 'SETLK', whole('none'))
      await p.lock(a, 'SETLK', whole('write'))
    },
  },
  {
    name: 'ranges are locked, split and joined',
    run: async (x) => {
      const [p, a, q, b] = await pair(x)
      await p.lock(a, 'SETLK', part('write', 100, 100))
      await q.lock(b, 'SETLK', part('write', 0, 100))
      await q.lock(b, 'SETLK', part('write', 200, 50))
      await q.fails('EAGAIN').lock(b, 'SETLK', part('write', 199, 1))
      await p.lock(a, 'SETLK', part('none', 140, 20))
      await q.lock(b, 'SETLK', part('write', 140, 20))
      await q.fails('EAGAIN').lock(b, 'SETLK', part('read', 160, 1))
      await p.fails('EAGAIN').lock(a, 'SETLK', part('write', 100, 0))
      await p.lock(a, 'SETLK', part('write', 2 ** 40, 10))
    },
  },
  {
    name: 'a waiting lock is granted when it can be',
    run: async (x) => {
      const [p, a, q, b] = await pair(x)
      await p.lock(a, 'SETLK', whole('write'))
      const waiting = q.lock(b, 'SETLKW', whole('write'))
      await p.pwrite(a, 'before', 0)
      await p.lock(a, 'SETLK', whole('none'))
      await waiting
      x.is((await q.pread(b, 10, 0)).toString(), 'before', 'what the other wrote')
      await p.fails('EAGAIN').lock(a, 'SETLK', whole('write'))
    },
  },
  {
    name: 'two that wait for each other: EDEADLK',
    run: async (x) => {
      const [p, a, q, b] = await pair(x)
      await p.lock(a, 'SETLK', part('write', 0, 1))
      await q.lock(b, 'SETLK', part('write', 1, 1))
      const waiting = p.lock(a, 'SETLKW', part('write', 1, 1))
      // Whether the other waits already is seen by asking for what only it could hold up.
      await new Promise((resolve) => setTimeout(resolve, 100))
      await q.fails('EDEADLK').lock(b, 'SETLKW', part('write', 0, 1))
      await q.lock(b, 'SETLK', whole('none'))
      await waiting
    },
  },
  {
    name: "closing any descriptor of the file drops the process's locks, its end too",
    run: async (x) => {
      const [p, a, q, b] = await pair(x)
      await p.lock(a, 'SETLK', whole('write'))
      const second = await p.open('f', 'RDONLY')
      await p.close(second)
      await q.lock(b, 'SETLK', whole('write'))
      await q.end()
      await p.lock(a, 'SETLKW', whole('write'))
    },
  },
  {
    name: 'OFD locks belong to the open file, a fork shares them',
    run: async (x) => {
      const p = await x.process()
      const [a, b] = [await p.open('f', 'RDWR|CREAT'), await p.open('f', 'RDWR')]
      await p.lock(a, 'OFD_SETLK', whole('write'))
      await p.fails('EAGAIN').lock(b, 'OFD_SETLK', whole('write'))
      await p.child().lock(a, 'OFD_SETLK', whole('write'))
      const copy = await p.dup(a)
      await p.close(a)
      await p.fails('EAGAIN').lock(b, 'OFD_SETLK', whole('read'))
      await p.close(copy)
      await p.lock(b, 'OFD_SETLK', whole('read'))
    },
  },
  {
    name: 'flock: shared and exclusive, held by the open file',
    run: async (x) => {
      const [p, a, q, b] = await pair(x)
      await p.flock(a, 'EX')
      await q.fails('EAGAIN').flock(b, 'SH|NB')
      await p.flock(a, 'SH')
      await q.flock(b, 'SH|NB')
      await p.fails('EAGAIN').flock(a, 'EX|NB')
      await q.flock(b, 'UN')
      await p.flock(a, 'EX|NB')
      const second = await p.open('f', 'RDONLY')
      await p.fails('EAGAIN').flock(second, 'SH|NB')
      await p.child().flock(a, 'UN')
      await p.flock(second, 'EX|NB')
    },
  },
  {
    name: 'flock waits for its turn, and does not mind fcntl locks',
    run: async (x) => {
      const [p, a, q, b] = await pair(x)
      await p.flock(a, 'EX')
      const waiting = q.flock(b, 'EX')
      await p.lock(a, 'SETLK', whole('write'))
      await p.flock(a, 'UN')
      await waiting
      await p.fails('EAGAIN').flock(a, 'SH|NB')
      await q.fails('EAGAIN').lock(b, 'SETLK', whole('read'))
    },
  },
  {
    name: 'locks on renamed, unlinked and hard-linked files',
    run: async (x) => {
      const [p, a, q, b] = await pair(x)
      await p.link('f', 'g')
      await p.lock(a, 'SETLK', whole('write'))
      const other = await q.open('g', 'RDWR')
      await q.fails('EAGAIN').lock(other, 'SETLK', whole('write'))
      await p.rename('f', 'h')
      await q.fails('EAGAIN').lock(b, 'SETLK', whole('write'))
      await p.unlink('g')
      await p.unlink('h')
      await q.fails('EAGAIN').lock(b, 'SETLK', whole('write'))
      const fresh = await q.open('f', 'RDWR|CREAT')
      await q.lock(fresh, 'SETLK', whole('write'))
    },
  },
  {
    name: 'locks on directories, on read-only descriptors, and bad ones',
    run: async (x) => {
      const p = await x.process()
      await p.put('f', 'x')
      const [r, w] = [await p.open('f', 'RDONLY'), await p.open('f', 'WRONLY')]
      await p.lock(r, 'SETLK', whole('read'))
      await p.fails('EBADF').lock(r, 'SETLK', whole('write'))
      await p.fails('EBADF').lock(w, 'SETLK', whole('read'))
      await p.fails('EINVAL').lock(w, 'SETLK', part('write', -1, 10))
      const dir = await p.open('.', 'RDONLY')
      await p.flock(dir, 'EX|NB')
      await p.fails('EINVAL').raw('flock(0)', `flock n${dir} n0`)
    },
  },
  {
    name: 'leases are given as the kernel gives them',
    run: async (x) => {
      const p = await x.process()
      await p.put('f', 'x')
      const fd = await p.open('f', 'RDONLY')
      const lease = 'the kernel leaves leases to each file system'
      await p.differs(lease).fcntl(fd, F_SETLEASE, 0)
      await p.differs(lease).fcntl(fd, F_GETLEASE, 0)
      await p.differs(lease).fcntl(fd, F_SETLEASE, 2)
    },
  },
  ...(['fcntl', 'flock'] as const).flatMap((kind): Case[] => [
    {
      name: `two processes lock by ${kind}, write and read each other's blocks, 20 runs`,
      racy: true,
      run: async (x) => {
        const p = await x.process()
        for (let run = 0; run < 20; run++) {
          const { output } = await p.run([compiled('blocks'), kind, `f${run}`, '100'])
          x.is(output, 'equal\n', `run ${run}`)
        }
      },
    },
  ]),
]

await conform('locks', cases)
