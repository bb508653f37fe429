// Sorted names, and a directory that is read while it changes, against plain sets.

import t from 'tap'
import { S_IFDIR, S_IFREG } from '#posix'
import { Listing } from '../../packages/journal/listing.js'
import { NameList } from '../../packages/journal/name-list.js'
import { seeded } from '../support/seed.js'

const nameOf = (n: number) => `${(n * 7919) % 5003}${'x'.repeat(n % 3)}\xff`
const inOrder = (names: Iterable<string>) => [...names].sort((a, b) => (a < b ? -1 : 1))

void t.test('a list of names does what a sorted set does', async (t) => {
  const rng = seeded(t)
  const [list, model] = [new NameList(), new Map<string, number>()]
  for (let round = 0; round < 20; round++) {
    for (let i = 0; i < 3000; i++) {
      const name = nameOf(rng.next(4000))
      const type = [0, S_IFREG, S_IFDIR, S_IFREG][rng.next(4)]!
      list.set(name, type)
      if (type) model.set(name, type)
      else model.delete(name)
    }
    const some = nameOf(rng.next(4000))
    t.equal(list.has(some), model.has(some))
    const taken = list.take(1 + rng.next(20_000))
    const wanted = inOrder(model.keys()).slice(0, taken.length)
    t.strictSame(
      taken.map(({ name, type }) => [name.toString('latin1'), type]),
      wanted.map((name) => [name, model.get(name)]),
    )
    for (const name of wanted) model.delete(name)
    t.equal(list.isEmpty, model.size === 0)
  }
})

void t.test('a listing holds what is there, whatever happens while it is read', async (t) => {
  const rng = seeded(t)
  for (let round = 0; round < 300; round++) {
    const there = new Set(Array.from({ length: rng.next(200) }, (_, i) => nameOf(i)))
    // As of the beginning, as a file system may read it.
    const unread = [...there]
    const listing = new Listing()
    const said = new Set<string>()
    for (let isLast = false; !isLast;) {
      if (rng.next(3) === 0) {
        const name = nameOf(rng.next(300))
        const isMade = rng.next(2) === 0
        if (isMade) there.add(name)
        else there.delete(name)
        // Of what was stated the mirror hears by the operation itself.
        if (!listing.covers(name)) {
          if (isMade) said.add(name)
          else said.delete(name)
        }
        listing.follow(name, isMade ? S_IFREG : 0)
      } else if (!listing.isRead) {
        const name = unread.pop()
        if (name === undefined) listing.readAll()
        else listing.read(name, S_IFREG)
      } else {
        const list = listing.take(200)
        for (const { name } of list.names) said.add(name.toString('latin1'))
        ;({ isLast } = list)
      }
    }
    if (inOrder(said).join() !== inOrder(there).join()) return t.fail(`round ${round}`)
  }
  t.pass('300 directories')
})
