// What assertions say, and what they do not: without a mount.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { S_IFREG } from '#posix'
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
