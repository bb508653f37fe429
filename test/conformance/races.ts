// Several processes at once, where the outcome is the same whoever wins.

import { conform } from '../support/conform.js'
import type { Process } from '../support/process-calls.js'
import type { Case, Stage } from '../support/stage.js'
import { compiled } from '../support/compiled.js'

const writers = 6

async function crowd(x: Stage): Promise<Process[]> {
  const all: Process[] = []
  for (let i = 0; i < writers; i++) all.push(await x.process())
  return all
}

/** How many of the calls succeeded; each is made unrecorded, since who wins is not the same. */
async function winners(all: Process[], words: (i: number) => string): Promise<number> {
  const replies = await Promise.all(all.map((p, i) => p.quiet(words(i))))
  return replies.filter((reply) => reply.errno === '').length
}

const hex = (text: string) => Buffer.from(text).toString('hex')

const cases: Case[] = [
  {
    name: 'of many that create with O_EXCL one wins, every time',
    run: async (x) => {
      const all = await crowd(x)
      for (let i = 0; i < 60; i++) {
        x.is(await winners(all, () => `openat n-100 s${hex(`f${i}`)} n193 n420`), 1, 'winners')
      }
    },
  },
  {
    name: 'of many that mkdir, symlink, link or rename to one name one wins',
    run: async (x) => {
      const all = await crowd(x)
      const [p] = all
      if (!p) return
      for (let i = 0; i < writers; i++) await p.put(`own${i}`, '')
      for (let n = 0; n < 15; n++) {
        const name = hex(`n${n}`)
        x.is(await winners(all, () => `mkdirat n-100 s${name}0a n493`), 1, 'mkdir')
        x.is(await winners(all, () => `symlinkat s74 n-100 s${name}0b`), 1, 'symlink')
        x.is(
          await winners(all, (i) => `linkat n-100 s${hex(`own${i}`)} n-100 s${name}0c n0`),
          1,
          'link',
        )
        await p.unlink(Buffer.from(`${name}0c`, 'hex'))
        x.is(await winners(all, () => `unlinkat n-100 s${name}0b n0`), 1, 'unlink')
        x.is(await winners(all, () => `unlinkat n-100 s${name}0a n512`), 1, 'rmdir')
      }
    },
  },
  {
    name: 'of many that rename one file away one wins',
    run: async (x) => {
      const all = await crowd(x)
      const [p] = all
      if (!p) return
      for (let n = 0; n < 40; n++) {
        await p.put('token', `${n}`)
        const won = await winners(all, (i) => {
          return `renameat2 n-100 s${hex('token')} n-100 s${hex(`taken-${i}`)} n0`
        })
        x.is(won, 1, 'winners')
        await p.run(['sh', '-c', 'cat taken-*; rm taken-*'])
      }
    },
  },
  {
    name: 'appends of many at once are all there, whole',
    racy: true,
    run: async (x) => {
      const p = await x.process()
      const { output } = await p.run([compiled('race'), 'append', 'log', '8', '500'])
      x.is(output, 'whole\n', 'lines')
      await p.stat('log')
    },
  },
  {
    name: 'a file that is replaced by rename is always there, and whole',
    racy: true,
    run: async (x) => {
      const p = await x.process()
      const { output } = await p.run([compiled('race'), 'replace', 'config', '2', '2000'])
      x.is(output, 'whole\n', 'every time')
    },
  },
]

await conform('races', cases)
