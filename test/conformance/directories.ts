// Listing directories, large ones and while they change; deep trees.

import { conform } from '../support/conform.js'
import type { Entry, Process } from '../support/process-calls.js'
import type { Case } from '../support/stage.js'

const types = new Map([
  [1, 'fifo'],
  [2, 'char'],
  [4, 'dir'],
  [6, 'block'],
  [8, 'file'],
  [10, 'symlink'],
  [12, 'socket'],
])

/** Entries of one kind, of two, in the directory that changes. */
const many = process.env['TFS_LONG'] ? 50_000 : 2500

const nameOf = ({ name }: Entry) => name.toString('latin1')

/** The names, sorted, with their types. */
async function listing(p: Process, path: string): Promise<string[]> {
  const fd = await p.open(path, 'RDONLY|DIRECTORY')
  const entries = await p.drain(fd)
  await p.close(fd)
  return entries.map((e) => `${nameOf(e)} ${types.get(e.type) ?? e.type}`).sort()
}

/** A directory `d` that works as a chain of `depth` directories, made by going down. */
async function goDown(p: Process, depth: number): Promise<void> {
  for (let i = 0; i < depth; i++) {
    await p.mkdir('deep')
    await p.chdir('deep')
  }
}

const cases: Case[] = [
  {
    name: 'a listing has every entry once, with its type',
    run: async (x) => {
      const p = await x.process()
      await p.mkdir('d')
      await p.mkdir('d/dir')
      await p.put('d/file', 'x')
      await p.symlink('file', 'd/symlink')
      await p.mknod('d/fifo', 0o010600)
      await p.mknod('d/char', 0o020600, 259)
      await p.mknod('d/socket', 0o140600)
      await p.link('d/file', 'd/hard link')
      x.note('entries', await listing(p, 'd'))
      await p.unlink('d/fifo')
      await p.rename('d/file', 'd/renamed')
      x.note('entries', await listing(p, 'd'))
      await p.mkdir('empty')
      x.is(await listing(p, 'empty'), ['. dir', '.. dir'], 'an empty directory')
    },
  },
  {
    name: 'the inode of an entry is that of its file',
    run: async (x) => {
      const p = await x.process()
      await p.mkdir('d')
      for (const name of ['a', 'b', 'c']) await p.put(`d/${name}`, name)
      await p.link('d/a', 'd/l')
      const raw = (await p.run(['ls', '-i', 'd'], true)).status
      const { output } = await p.run(
        [
          'sh',
          '-c',
          'for f in d/*; do test $(ls -i $f | cut -d" " -f1) = $(stat -c %i $f) || echo $f; done',
        ],
        true,
      )
      x.is([raw, output], [0, ''], 'inodes')
    },
  },
  {
    name: 'little room gives few entries a time, too little is EINVAL',
    run: async (x) => {
      const p = await x.process()
      await p.mkdir('d')
      for (let i = 0; i < 50; i++) await p.put(`d/${'n'.repeat(i + 1)}`, '')
      const fd = await p.open('d', 'RDONLY')
      const names = (await p.drain(fd, 400)).map(nameOf)
      x.is([names.length, new Set(names).size], [52, 52], 'entries')
      await p.lseek(fd, 0, 'SET')
      await p.fails('EINVAL').getdents(fd, 5)
      await p.put('f', 'x')
      const file = await p.open('f', 'RDONLY')
      await p.fails('ENOTDIR').getdents(file)
    },
  },
  {
    name: 'telldir and seekdir: back to a place, on it goes from there',
    run: async (x) => {
      const p = await x.process()
      await p.mkdir('d')
      await p.chdir('d')
      await p.fill('f', 500)
      const fd = await p.open('.', 'RDONLY')
      const all = await p.drain(fd, 1000)
      for (const index of [0, 100, 250, 499]) {
        const at = all[index]
        if (!at) continue
        await p.unrecorded('seekdir', `lseek n${fd} n${at.offset} n0`)
        const after = (await p.drain(fd)).map(nameOf)
        x.is(after.length, all.length - index - 1, `entries after place ${index}`)
        x.is(
          after[0] ?? '',
          nameOf(all[index + 1] ?? at) === nameOf(at) ? '' : nameOf(all[index + 1] ?? at),
          'the next',
        )
      }
      const second = await p.open('.', 'RDONLY')
      const place = all[300]?.offset ?? 0n
      await p.unrecorded('seekdir', `lseek n${second} n${place} n0`)
      x.is((await p.drain(second)).length, all.length - 301, 'by another descriptor')
    },
  },
  {
    name: 'rewound, a descriptor sees what has changed',
    run: async (x) => {
      const [p, q] = [await x.process(), await x.process()]
      await p.mkdir('d')
      await p.put('d/old', '')
      const fd = await p.open('d', 'RDONLY')
      x.is((await p.drain(fd)).map(nameOf).sort(), ['.', '..', 'old'], 'at first')
      await q.put('d/new', '')
      await q.unlink('d/old')
      await p.lseek(fd, 0, 'SET')
      x.is((await p.drain(fd)).map(nameOf).sort(), ['.', '..', 'new'], 'rewound')
      await q.rename('d/new', 'away')
      await p.lseek(fd, 0, 'SET')
      x.is((await p.drain(fd)).map(nameOf).sort(), ['.', '..'], 'empty')
    },
  },
  {
    name: 'a directory is emptied while it is listed',
    run: async (x) => {
      const p = await x.process()
      await p.mkdir('d')
      await p.chdir('d')
      await p.fill('f', 3000)
      const fd = await p.open('.', 'RDONLY')
      const all = await p.drain(fd, 2000, async (some) => {
        for (const name of some.map(nameOf)) {
          if (name !== '.' && name !== '..') await p.quiet(unlinkWords(name))
        }
      })
      x.is([all.length, new Set(all.map(nameOf)).size], [3002, 3002], 'all were listed')
      await p.chdir('..')
      await p.rmdir('d')
    },
  },
  {
    name: 'a large directory listed while it changes',
    run: async (x) => {
      const [p, q] = [await x.process(), await x.process()]
      await p.mkdir('d')
      await p.chdir('d')
      await q.chdir('d')
      await p.fill('stays', many)
      await p.fill('goes', many)
      const fd = await p.open('.', 'RDONLY')
      const first = [...(await p.getdents(fd)), ...(await p.getdents(fd))]
      const changing = Promise.all([q.clear('goes', many, 2), q.fill('comes', many / 10)])
      const all = [...first, ...(await p.drain(fd))].map(nameOf)
      await changing
      const stays = all.filter((name) => name.startsWith('stays'))
      x.is([stays.length, new Set(stays).size], [many, many], 'what stayed is listed once')
      x.is(new Set(all).size === all.length, true, 'nothing is listed twice')
      await p.lseek(fd, 0, 'SET')
      x.is((await p.drain(fd)).length, many * 1.6 + 2, 'afterwards')
    },
  },
  {
    name: 'a tree 3,000 levels deep, made by going down',
    beyondRsync: true,
    run: async (x) => {
      const p = await x.process()
      await goDown(p, 3000)
      await p.put('bottom', 'far down')
      await p.chmod('bottom', 0o600)
      await p.setxattr('bottom', 'user.depth', '3000')
      await p.rename('bottom', 'renamed')
      await p.link('renamed', 'linked')
      const fd = await p.open('linked', 'RDWR|APPEND')
      await p.write(fd, ', and more')
      await p.unlink('linked')
      await p.mkdir('sibling')
      await p.rename('renamed', 'sibling/moved')
      x.is((await p.get('sibling/moved')).toString(), 'far down, and more', 'data')
      await p.chdir('../..')
      await p.put('higher', 'two levels up')
      await p.rename('deep', 'renamed-deep')
      await p.write(fd, '!')
      await p.stat('renamed-deep/deep/sibling/moved')
      await p.maybe().getcwd()
    },
  },
  {
    name: 'a deep tree is removed by rm, a wide one too',
    run: async (x) => {
      const p = await x.process()
      await p.mkdir('a')
      await p.chdir('a')
      await goDown(p, 600)
      const q = await x.process()
      await q.run(['rm', '-rf', 'a'])
      await q.fails('ENOENT').stat('a')
      await p.fails('ENOENT').mkdir('new')
      await q.run([
        'sh',
        '-c',
        'mkdir w; cd w; for i in 1 2 3 4 5 6; do mkdir $i; touch $i/a $i/b; done',
      ])
      await q.run(['rm', '-r', 'w'])
    },
  },
  {
    name: 'link counts of directories',
    run: async (x) => {
      const p = await x.process()
      await p.mkdir('d')
      for (let i = 0; i < 100; i++) await p.mkdir(`d/${i}`)
      x.is((await p.stat('d')).nlink, 102, 'nlink')
      await p.rename('d/5', 'five')
      await p.rename('d/6', 'd/7')
      x.is((await p.stat('d')).nlink, 100, 'nlink')
      await p.fails('ENOTEMPTY').rmdir('d')
      for (let i = 10; i < 100; i++) await p.rmdir(`d/${i}`)
      x.is((await p.stat('d')).nlink, 10, 'nlink at last')
    },
  },
  {
    name: 'the names of removed entries can be used at once, as another kind',
    run: async (x) => {
      const p = await x.process()
      for (let i = 0; i < 30; i++) {
        await p.put('n', 'file')
        await p.unlink('n')
        await p.mkdir('n')
        await p.put('n/x', 'y')
        await p.unlink('n/x')
        await p.rmdir('n')
        await p.symlink('there', 'n')
        await p.unlink('n')
        await p.mknod('n', 0o010600)
        await p.unlink('n')
      }
      await p.mkdir('n')
      x.note('entries', await listing(p, '.'))
    },
  },
  {
    name: 'what is looked for in vain is found once it is there',
    run: async (x) => {
      const [p, q] = [await x.process(), await x.process()]
      for (let i = 0; i < 20; i++) {
        await p.fails('ENOENT').stat(`f${i}`)
        await p.fails('ENOENT').open(`f${i}`, 'RDONLY')
        if (i % 2) await q.put(`f${i}`, 'x')
        else await q.mkdir(`f${i}`)
        await p.stat(`f${i}`)
        await q.rename(`f${i}`, `g${i}`)
        await p.fails('ENOENT').stat(`f${i}`)
        await p.stat(`g${i}`)
      }
    },
  },
  {
    name: 'find, ls and du go through a tree',
    run: async (x) => {
      const p = await x.process()
      for (const dir of ['a', 'a/b', 'a/b/c', 'd']) await p.mkdir(dir)
      for (const name of ['a/1', 'a/b/2', 'a/b/c/3', 'd/4']) await p.put(name, name)
      await p.symlink('../a', 'd/up')
      await p.run(['sh', '-c', 'find . -printf "%P %y %m %n %s\\n" | grep -v "^[^ ]* d" | sort'])
      await p.run(['sh', '-c', 'find -L . -name 3 | sort'])
      await p.run(['ls', '-1R', 'a'])
      await p.run(['grep', '-r', 'a/b', 'a'], true)
    },
  },
]

function unlinkWords(name: string): string {
  return `unlinkat n-100 s${Buffer.from(name).toString('hex')} n0`
}

await conform('directories', cases)
