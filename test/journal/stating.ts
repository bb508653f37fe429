// What assertions say, and what they do not: without a mount.

import {
  appendFileSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { clearFaults, errno, injectFault, S_IFREG, Stat, statx, STATX_BASIC_STATS } from '#posix'
import { assertForm } from '#wire'
import { Pending } from '../../packages/journal/pending.js'
import { Walker } from '../../packages/journal/walker.js'
import { StatingJournal } from '../support/stating-journal.js'

const linkOf = (path: string) => {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

void t.test('a number that another assertion has, or that none may have, is not taken', (t) => {
  const journal = new StatingJournal(t)
  writeFileSync(join(journal.store, 'f1'), Buffer.alloc(3 << 20, 1))
  for (let id = 1; id <= 20; id++) t.ok(journal.ask(id, `f${id}`))
  journal.step()
  t.equal(journal.assertions.describe().active.length, 1)
  for (const id of [0, 1, 20]) t.notOk(journal.ask(id, ''), `${id}`)
  t.notOk(journal.ask(21, '', { offset: 1 }))
  t.notOk(journal.ask(21, '', { length: 1 }))
  t.ok(journal.ask(21, 'f', { isDeep: false, length: 1 }))
  journal.finish()
  t.ok(journal.ask(1, 'f'), 'once it has ended')
  journal.finish()
  const ends = journal.said().filter((line) => line.startsWith('assert-end'))
  t.equal(ends.length, 22)
  t.end()
})

void t.test('what is small begins before whole trees, and little of them at once', (t) => {
  const journal = new StatingJournal(t)
  for (let i = 0; i < 8; i++)
    writeFileSync(join(journal.store, `${i}`), Buffer.alloc((3 << 20) + i, 1))
  for (let i = 0; i < 8; i++) t.ok(journal.ask(i + 1, `${i}`))
  const counts = new Set<number>()
  const look = () => counts.add(journal.assertions.describe().active.length)
  for (let i = 0; i < 6; i++, look()) journal.step()
  t.strictSame([...counts], [1, 2, 3, 4])
  t.ok(journal.ask(9, '', { isDeep: false }))
  while (!journal.said().includes('assert-end 9')) journal.step()
  t.notOk(journal.said().includes('assert-begin 5 4'), 'that has waited for longer')
  for (let i = 0; i < 8; i++)
    t.ok(journal.ask(10 + i, `${i}`, { isDeep: false, offset: 0, length: 2 << 20 }))
  for (let i = 0; i < 6; i++, look()) journal.step()
  t.equal(Math.max(...counts), 8)
  journal.finish()
  t.end()
})

void t.test('several readers that want the same get it, and too many are refused', (t) => {
  const journal = new StatingJournal(t)
  for (let id = 1; id <= 20; id++) t.ok(journal.ask(id, 'f', { isDeep: false }))
  t.ok(journal.ask(21, 'f', { isDeep: false, form: assertForm.HASHES }))
  t.notOk(journal.ask(20, 'g', { isDeep: false }))
  t.ok(journal.ask(1, 'g'), 'its number is free: the oldest of too many has given way')
  journal.finish()
  const begun = journal.said().filter((line) => line.startsWith('assert-begin'))
  const last = Array.from({ length: 15 }, (_, i) => `assert-begin ${i + 6} f`)
  const first = ['assert-begin 1 g', 'assert-begin 5 f', 'assert-begin 21 f']
  t.strictSame(begun, [...first, ...last], 'what else is wanted comes between')
  let count = 0
  while (journal.ask(++count, `f${count}`));
  t.equal(count, 4097)
  journal.assertions.abandon()
  const long = 'd/'.repeat(16_000)
  for (count = 0; journal.ask(++count, `${long}${count}`););
  t.ok(count > 100 && count < 140, `${count}`)
  t.end()
})

void t.test('a whole tree begins however much is asked for that is smaller', (t) => {
  const journal = new StatingJournal(t)
  let id = 0
  const keepAsking = () => {
    while (journal.assertions.describe().waiting < 64)
      journal.ask(++id, `f${id}`, { isDeep: false })
  }
  keepAsking()
  const hashes = { form: assertForm.HASHES }
  for (let i = 0; i < 3; i++) {
    const file = `large${i}`
    writeFileSync(join(journal.store, file), Buffer.alloc(3 << 20, i))
    t.ok(journal.ask(1000 + i, file, i === 1 ? hashes : {}))
  }
  for (let steps = 0; steps < 200; steps++, keepAsking()) journal.step()
  const begun = journal.said().filter((line) => line.startsWith('assert-begin'))
  const deepAt = begun.map((line, i) => (line.includes('large') ? i : -1)).filter((i) => i >= 0)
  t.equal(deepAt[0], 0, 'none is under way')
  t.ok(deepAt.length === 3 && deepAt[2]! <= 34, `${deepAt.join(' ')}`)
  t.end()
})

void t.test('no more is said than a slow reader has room for', (t) => {
  const journal = new StatingJournal(t)
  const { output } = journal
  output.capacity = 64 << 10
  for (let i = 0; i < 100; i++) writeFileSync(join(journal.store, `${i}`), Buffer.alloc(i << 10, i))
  writeFileSync(join(journal.store, 'large'), Buffer.alloc(1 << 20, 1))
  journal.ask(1, '')
  let most = 0
  journal.finish(() => {
    most = Math.max(most, output.untaken)
    output.untaken = 0
  })
  t.ok(most > 16 << 10 && most <= output.capacity, `${most} bytes at once`)
  journal.ask(2, '')
  for (let i = 0; i < 200; i++) journal.step()
  t.ok(journal.isBusy && output.untaken <= output.capacity, `${output.untaken} bytes in all`)
  t.end()
})

void t.test('what cannot be stated is told of, with its path', (t) => {
  const journal = new StatingJournal(t)
  mkdirSync(join(journal.store, 'd'))
  for (const name of ['d/f', 'd/g', 'h']) writeFileSync(join(journal.store, name), name)
  journal.ask(1, 'd')
  t.teardown(clearFaults)
  // The directory is looked at once to find out what it is, and for each step and descriptor.
  injectFault({ call: 'statx', nth: 7, errno: errno.EACCES })
  journal.finish()
  t.strictSame(journal.unstated, [['d/f', errno.EACCES]])
  clearFaults()
  journal.unstated.length = 0
  journal.ask(2, 'd')
  injectFault({ call: 'statx', nth: 3, errno: errno.EMFILE, times: 2 })
  journal.finish()
  t.ok(journal.unstated.every(([, e]) => e === errno.EMFILE) && journal.unstated.length > 0)
  const end = journal.output.messages.at(-1)!
  t.equal(end.name === 'assert-end' && end.body.errno, 0)
  t.ok(journal.said().includes('assert-file 2 d/g'))
  t.end()
})

void t.test('an assertion that fails, or that nobody hears, ends', (t) => {
  const journal = new StatingJournal(t)
  const { output, context, assertions } = journal
  writeFileSync(join(journal.store, 'f'), Buffer.alloc(5 << 20, 1))
  for (const id of [1, 2]) journal.ask(id, id === 1 ? '' : 'f', { form: assertForm.HASHES })
  const write = output.write.bind(output)
  output.write = (buffer, size) => {
    write(buffer, size)
    if (journal.said().at(-1)?.startsWith('assert-file 1')) throw new Error('as planted')
  }
  t.throws(() => journal.finish(), /as planted/)
  const end = journal.output.messages.find(({ name }) => name === 'assert-end')
  t.strictSame(end?.body, { id: 1, errno: errno.EIO })
  t.ok(journal.isBusy)
  for (let i = 0; i < 3; i++) assertions.step()
  t.ok(context.isAsserting())
  output.close()
  assertions.abandon()
  t.notOk(context.isAsserting() || assertions.isAny)
  t.equal(assertions.dueMs, Infinity)
  const open = () => readdirSync('/proc/self/fd').map((fd) => linkOf(`/proc/self/fd/${fd}`))
  const isOpen = () => open().some((path) => path.startsWith(journal.store + '/'))
  for (let i = 0; i < 100 && isOpen(); i++) journal.await()
  t.notOk(isOpen())
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
