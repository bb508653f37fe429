// Readers that ask for more than anybody can state: what waits is bounded, and others are served.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import t from 'tap'
import { RequestReader } from '../../packages/journal/request-reader.js'
import { Requests } from '../../packages/journal/requests.js'
import type { AssertRequest } from '../../packages/journal/walker.js'
import { StatingJournal } from '../support/stating-journal.js'
import { messageOf } from '../support/stream-writer.js'

t.setTimeout(120_000)

const waitingMax = 4096
const pathsMax = 4 << 20
const long = 'd/'.repeat(5000)

/** A request of a flood: numbers that are none, long paths, whole trees and parts of them. */
const hostile = (i: number): Buffer => {
  const path = i % 2 ? `n${i}` : `${long}${i}`
  const depth = i % 3 ? 0 : 1
  const body = { id: i % 5 ? i : 0, path, depth, form: i % 7 ? 0 : 1, offset: i % 11 ? 0 : 1 }
  return messageOf('want-assert', body, { seq: 0, epoch: 1 })
}

const bytesOf = (requests: readonly AssertRequest[]): number =>
  requests.reduce((sum, { path }) => sum + path.length, 0)

void t.test('a flood of requests is bounded, and what comes later is served', async (t) => {
  const journal = new StatingJournal(t)
  writeFileSync(join(journal.store, 'honest'), 'honest')
  const batches: (readonly AssertRequest[])[] = []
  const post: ConstructorParameters<typeof Requests>[0] = (request) => {
    if ('wantAsserts' in request) batches.push(request.wantAsserts)
  }
  const requests = new Requests(post, () => undefined)
  const input = new PassThrough()
  const ended = new Promise((resolve) => new RequestReader(input, requests, resolve))
  for (let i = 0; i < 10_000; i++)
    if (!input.write(hostile(i))) await new Promise((resolve) => input.once('drain', resolve))
  input.end()
  t.equal(await ended, undefined, 'all of it was read')

  const taken: AssertRequest[] = []
  for (let batch = batches.shift(); batch; batch = batches.shift()) {
    t.ok(batch.length <= waitingMax && bytesOf(batch) <= pathsMax, `${bytesOf(batch)} bytes`)
    taken.push(...batch.filter((request) => journal.assertions.ask(request)))
    requests.assertsTaken()
  }
  t.ok(taken.length > 100 && taken.length <= waitingMax, `${taken.length} wait`)
  t.ok(bytesOf(taken) <= pathsMax, `${bytesOf(taken)} bytes of paths`)
  t.ok(taken.every(({ id }) => id !== 0))

  for (let id = 20_000; journal.ask(id, `${id}`); id++);
  t.notOk(journal.ask(10_001, 'honest'), 'there is no room')
  let isTaken = false
  journal.finish(() => (isTaken ||= journal.ask(10_001, 'honest')), 100_000)
  t.ok(journal.said().includes('assert-end 10001'))
})
