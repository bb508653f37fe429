// What assertions say, and what they do not: without a mount.

import { appendFileSync, linkSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { S_IFREG, Stat, statx, STATX_BASIC_STATS } from '#posix'
import { assertForm } from '#wire'
import { Pending } from '../../packages/journal/pending.js'
import { Walker } from '../../packages/journal/walker.js'
import { StatingJournal } from '../support/stating-journal.js'

void t.test('a number that another assertion has, or that none may have, is not taken', (t) => {
  const journal = new StatingJournal(t)
  writeFileSync(join(journal.store, 'f'), 'x')
  for (let id = 1; id <= 20; id++) t.ok(journal.ask(id, 'f'))
  for (const id of [0, 1, 20]) t.notOk(journal.ask(id, ''), `${id}`)
  t.notOk(journal.ask(21, '', { offset: 1 }))
  t.notOk(journal.ask(21, '', { length: 1 }))
  t.ok(journal.ask(21, 'f', { isDeep: false, length: 1 }))
  journal.finish()
  const ends = journal.said().filter((line) => line.startsWith('assert-end'))
  t.equal(new Set(ends).size, 21)
  t.equal(ends.length, 21)
  t.ok(journal.ask(1, 'f'), 'once it has ended')
  journal.finish()
  t.end()
})

void t.test('what is excluded where its directory is now is not stated', (t) => {
  const secret = Buffer.from('new/secret')
  const pending = new Pending(Buffer.from('new'), () => S_IFREG)
  const listing = pending.list(Buffer.from('new'))
  for (const name of ['secret', 'told']) listing.read(name, S_IFREG)
  pending.follow('unlink', { path: secret, dirMtimeSec: 0, dirMtimeNsec: 0 })
  listing.readAll()
  const { names } = listing.take(1000)
  t.strictSame(
    names.map(({ name }) => name.toString()),
    ['told'],
  )

  const journal = new StatingJournal(t, [{ exclude: true, pattern: '/new/secret' }])
  const { context, store } = journal
  mkdirSync(join(store, 'new'))
  writeFileSync(join(store, 'new/secret'), 'x')
  const request = { id: 1, path: secret, isDeep: false, form: assertForm.DATA }
  const walker = new Walker(context, { ...request, offset: 0, length: 0 }, true)
  t.equal(
    walker.step(() => false),
    'ended',
  )
  t.strictSame(journal.said(), [
    'assert-begin 1 new/secret',
    'assert-absent 1 new/secret',
    'assert-end 1',
  ])
  t.end()
})

void t.test('a file that grows faster than it is stated ends where it ended at first', (t) => {
  const journal = new StatingJournal(t)
  const path = Buffer.from('f')
  const file = join(journal.store, 'f')
  writeFileSync(file, Buffer.alloc(3 << 20, 1))
  journal.ask(1, '')
  const more = Buffer.alloc(1 << 20, 2)
  let offset = 3 << 20
  journal.finish(() => {
    appendFileSync(file, more)
    journal.context.emit('write', { path, offset, data: more })
    offset += more.length
  }, 80)
  const first = journal.output.messages.find(({ name }) => name === 'assert-file')
  const sizes = journal.output.messages.map(({ name, body }) =>
    name === 'assert-data' ? body.length : 0,
  )
  t.equal(
    sizes.reduce((sum, size) => sum + size, 0),
    first?.name === 'assert-file' && first.body.size,
  )
  t.end()
})

void t.test('a change is said of the name of a file that is being stated', (t) => {
  const journal = new StatingJournal(t)
  const { context, store } = journal
  const { tree } = context
  writeFileSync(join(store, 'a'), Buffer.alloc(3 << 20, 1))
  linkSync(join(store, 'a'), join(store, 'b'))
  const stat = new Stat()
  t.equal(statx(tree.rootFd, Buffer.from('b'), 0, STATX_BASIC_STATS, stat.buffer), 0)
  const node = tree.nodes.identify(stat)
  tree.nodes.place(node, tree.nodes.root, Buffer.from('b'))
  const target = () => tree.target(node)?.toString()
  t.equal(target(), 'b')
  journal.ask(1, '')
  const targets = new Set<string | undefined>()
  journal.finish(() => {
    const path = tree.target(node) as Buffer
    if (journal.said().includes('assert-file 1 a') && journal.isBusy) targets.add(path.toString())
    // Of `a`, as of the file that is being stated: nothing of it is stated again.
    if (journal.isBusy) context.emit('truncate', { path, size: 3 << 20 })
  }, 80)
  t.strictSame([...targets], ['a'])
  t.equal(target(), 'b')
  t.equal(journal.said().filter((line) => line === 'assert-file 1 a').length, 2)
  t.end()
})
