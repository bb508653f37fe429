// Values at paths that follow renames, against a plain map of paths.

import t from 'tap'
import { PathTrie, pathOf } from '#wire'
import { seeded } from '../support/seed.js'

const bytes = (path: string) => Buffer.from(path, 'latin1')

/** The same, slowly. */
class Model {
  readonly values = new Map<string, number>()
  readonly #isIn = (path: string, top: string) => path === top || path.startsWith(`${top}/`)

  take(path: string): Map<string, number> {
    const taken = new Map<string, number>()
    for (const [at, value] of this.values)
      if (this.#isIn(at, path)) {
        taken.set(at.slice(path.length), value)
        this.values.delete(at)
      }
    return taken
  }

  put(path: string, taken: Map<string, number>): void {
    this.take(path)
    for (const [below, value] of taken) this.values.set(path + below, value)
  }

  covering(path: string): number | undefined {
    for (let at = path; ; at = at.includes('/') ? at.slice(0, at.lastIndexOf('/')) : '') {
      const value = this.values.get(at)
      if (value !== undefined || at === '') return value
    }
  }
}

void t.test('it does what a map of paths does', async (t) => {
  const rng = seeded(t)
  const trie = new PathTrie<number>()
  const model = new Model()
  const path = () => Array.from({ length: 1 + rng.next(4) }, () => 'ab\xff'[rng.next(3)]).join('/')
  for (let i = 0; i < 20_000; i++) {
    const [one, other] = [path(), path()]
    const way = rng.next(5)
    if (way < 2) {
      t.ok(pathOf(trie.set(bytes(one), i)).equals(bytes(one)))
      model.values.set(one, i)
    } else if (way === 2) {
      trie.clear(bytes(one))
      model.values.delete(one)
    } else if (way === 3) {
      trie.take(bytes(one))
      model.take(one)
    } else if (!`${one}/`.startsWith(`${other}/`) && !`${other}/`.startsWith(`${one}/`)) {
      trie.put(bytes(other), trie.take(bytes(one)))
      model.put(other, model.take(one))
    }
    const look = path()
    if (trie.get(bytes(look)) !== model.values.get(look)) t.fail(`get ${look}`)
    if (trie.covering(bytes(look)) !== model.covering(look)) t.fail(`covering ${look}`)
    const first = trie.first()
    if ((first === undefined) !== (model.values.size === 0)) t.fail('first')
    if (first && model.values.get(first.path.toString('latin1')) !== first.value) t.fail('first')
  }
})

void t.test('first gives each value once, however many are taken away on the way', async (t) => {
  const trie = new PathTrie<number>()
  const count = 200_000
  for (let i = 0; i < count; i++) trie.set(bytes(`d/${i}`), i)
  let seen = 0
  for (let next = trie.first(); next; next = trie.first()) {
    if (next.value !== seen++) return t.fail(`out of turn: ${next.value}`)
    trie.clear(next.path)
    if (seen === 1000) trie.set(bytes('d/late'), count)
  }
  t.equal(seen, count + 1)
})
