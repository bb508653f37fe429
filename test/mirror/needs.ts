// What is needed is asked for until it is stated: the first answer counts, however late it is, and
// what could not be stated is asked for after a pause.

import t from 'tap'
import type { Body } from '#wire'
import { Needs } from '../../packages/mirror/needs.js'

const top = Buffer.alloc(0)

/** Needs, what was asked for, and a clock to be moved. */
function asking(t: { teardown: (undo: () => void) => void }) {
  const needs = new Needs()
  const sent: Body<'want-assert'>[] = []
  const real = performance.now.bind(performance)
  let lateMs = 0
  performance.now = () => real() + lateMs
  t.teardown(() => void (performance.now = real))
  const askAfter = (ms: number) => {
    lateMs += ms
    needs.ask(({ path }) => {
      sent.push({ id: sent.length + 1, depth: 1, form: 1, offset: 0, length: 0, path })
      return sent.at(-1)
    })
    return sent.length
  }
  return { needs, sent, askAfter }
}

void t.test('an answer to the first of many requests counts', async (t) => {
  const { needs, sent, askAfter } = asking(t)
  needs.set('verify', [top])
  t.equal(askAfter(0), 1)
  t.equal(askAfter(11_000), 2)
  t.equal(askAfter(11_000), 2, 'ever more rarely')
  t.equal(askAfter(10_000), 3)
  t.match(needs.begins(sent[0]!), { why: 'verify' })
  t.equal(needs.begins(sent[1]!), undefined, 'another is not ours')
  t.equal(needs.ends(2, true), undefined)
  t.equal(askAfter(100_000), 3, 'nor is anything asked for while it is stated')
  t.match(needs.ends(1, true), { why: 'verify' })
  t.ok(needs.isEmpty)
})

void t.test('what begins otherwise than it was asked for is not ours', async (t) => {
  const { needs, sent, askAfter } = asking(t)
  needs.set('whole', [top])
  askAfter(0)
  for (const other of [{ depth: 0 }, { form: 0 }, { length: 1 }, { path: Buffer.from('a') }])
    t.equal(needs.begins({ ...sent[0]!, ...other }), undefined)
  t.equal(needs.ends(1, true), undefined, 'and its end is not either')
  t.notOk(needs.isEmpty)
})

void t.test('what could not be stated is asked for again after a pause', async (t) => {
  const { needs, sent, askAfter } = asking(t)
  needs.set('whole', [top])
  askAfter(0)
  needs.begins(sent[0]!)
  needs.ends(1, false)
  t.equal(askAfter(500), 1)
  t.equal(askAfter(600), 2)
  needs.begins(sent[1]!)
  needs.ends(2, false)
  t.equal(askAfter(1500), 2)
  t.equal(askAfter(600), 3)
  t.equal(needs.failures, 2)
})
