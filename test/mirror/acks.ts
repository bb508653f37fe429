// What a mirror tells its source of itself: never more than is so.

import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Readable } from 'node:stream'
import t, { type Test } from 'tap'
import type { MirrorOptions, MirrorStatus, Upstream } from '#mirror'
import { decodeMessage, type Body, type Position } from '#wire'
import { until } from '../support/journal-place.js'
import { mirrorPosition } from '../support/mirror-position.js'
import { replay, type Outcome } from '../support/replay.js'
import { seeded } from '../support/seed.js'
import { StreamWriter } from '../support/stream-writer.js'
import { tempDirectory } from '../support/temp-directory.js'

t.setTimeout(60_000)

type Ack = Omit<Body<'ack'>, 'who'> & { readonly who: string; readonly ms: number }

/** A mirror with a source at hand, which gives messages and keeps acks. */
class Scene {
  readonly acks: Ack[] = []
  readonly root: string
  readonly stream = new StreamWriter(7)
  status: (() => MirrorStatus) | undefined
  received: Position | undefined
  takes = true
  connections = 1
  readonly outcome: Promise<Outcome>
  readonly #source = new Readable({ read: () => undefined })

  constructor(t: Test, options: Partial<MirrorOptions> = {}, root?: string) {
    this.root = root ?? join(tempDirectory(t).path, 'mirror')
    const upstream: Upstream = {
      subscribe: () => undefined,
      send: (message) => this.#take(message),
      state: () => ({
        received: this.received,
        connections: this.connections,
        isConnected: true,
      }),
    }
    const onStatus = (status: () => MirrorStatus) => void (this.status = status)
    const all = { source: this.#source, upstream, sync: 3600, onStatus, ...options }
    this.outcome = replay([], this.root, all)
    this.give()
  }

  /** Gives what was added to the stream since. */
  give(): void {
    const messages = this.stream.messages.splice(0)
    this.received = { epoch: 7, seq: this.stream.seq }
    this.#source.push(Buffer.concat(messages))
  }

  /** As `n` changes and a sync. */
  change(n: number, isSync = true): number {
    for (let i = 0; i < n; i++) this.stream.add('mkdir', { path: `d${this.stream.seq}` })
    if (isSync) this.stream.add('fsync', { path: 'd1' })
    this.give()
    return this.stream.seq
  }

  async end(): Promise<Outcome> {
    this.stream.bye()
    this.give()
    this.#source.push(null)
    return this.outcome
  }

  get last(): Ack | undefined {
    return this.acks.at(-1)
  }

  #take(message: Buffer): boolean {
    if (!this.takes) return false
    const ack = decodeMessage(message)
    // Of what it suspects it asks what is there.
    if (ack?.name !== 'ack') return true
    const { who, ...body } = ack.body
    this.acks.push({ ...body, who: who.toString(), ms: performance.now() })
    return true
  }
}

void t.test('acks are in order, few, and true', async (t) => {
  const random = seeded(t)
  const scene = new Scene(t)
  for (let i = 0; i < 40; i++) {
    scene.change(1 + random.next(50), random.next(4) === 0)
    await sleep(random.next(20))
    const { last, root } = scene
    if (!last) continue
    const { seq, durableSeq, epoch } = mirrorPosition(root)
    const isTrue = last.epoch === epoch && last.applied <= seq && last.durable <= durableSeq
    if (!isTrue) t.fail(`${JSON.stringify(last)} is ahead of ${seq}, ${durableSeq}`)
  }
  const { error } = await scene.end()
  t.equal(error, undefined)
  const { acks, stream } = scene
  for (const [i, ack] of acks.entries()) {
    const { received, applied, durable } = ack
    const before = acks[i - 1] ?? { received: 0, applied: 0, durable: 0, ms: -Infinity, who: '' }
    const isOrdered = durable <= applied && applied <= received && durable >= before.durable
    if (!isOrdered || applied < before.applied) t.fail(`${JSON.stringify({ before, ack })}`)
    // The timer of Node may be a little early.
    if (durable === before.durable && ack.ms - before.ms < 90 && i < acks.length - 1)
      t.fail(`an ack after ${ack.ms - before.ms} ms that nobody waits for`)
  }
  t.match(scene.last, { applied: stream.seq, durable: stream.seq }, 'the last one says all')
  t.match(scene.last?.who, /^[0-9a-f]{16} .+:\/.*\/mirror$/)
  t.ok(acks.length > 5, `${acks.length} acks`)
})

void t.test('an fsync is acknowledged without a message behind it, several at once', async (t) => {
  const scene = new Scene(t)
  const first = scene.change(3)
  await until('acknowledged', () => (scene.last?.durable ?? 0) >= first)
  for (let i = 0; i < 200; i++) scene.change(5)
  const last = scene.change(1)
  await until('acknowledged', () => (scene.last?.durable ?? 0) >= last)
  const moves = new Set(scene.acks.map(({ durable }) => durable)).size
  t.ok(moves < 100, `200 were made durable in ${moves} steps`)
  scene.change(10, false)
  await sleep(300)
  t.match(scene.last, { applied: scene.stream.seq, durable: last }, 'nobody waits for the rest')
  t.equal((await scene.end()).error, undefined)
})

void t.test('--sync always needs no fsync, and none makes nothing durable', async (t) => {
  const always = new Scene(t, { sync: 'always' })
  const last = always.change(20, false)
  await until('acknowledged', () => (always.last?.durable ?? 0) >= last)
  t.equal((await always.end()).error, undefined)
  const none = new Scene(t, { sync: 'none' })
  const seq = none.change(20)
  await until('acknowledged', () => (none.last?.applied ?? 0) >= seq)
  t.equal((await none.end()).error, undefined)
  t.ok(none.acks.every(({ durable }) => durable === 0))
  t.equal(none.status?.().durable, undefined)
})

void t.test('what cannot be sent is sent later, and to who comes back', async (t) => {
  const scene = new Scene(t)
  scene.takes = false
  const seq = scene.change(5)
  await sleep(300)
  t.strictSame(scene.acks, [])
  scene.takes = true
  await until('acknowledged', () => (scene.last?.durable ?? 0) >= seq)
  const count = scene.acks.length
  await sleep(250)
  t.equal(scene.acks.length, count, 'nothing is said twice')
  scene.connections++
  await until('acknowledged', () => scene.acks.length === count + 1)
  const { who } = scene.last!
  await scene.end()
  const again = new Scene(t, {}, scene.root)
  await until('acknowledged', () => (again.last?.durable ?? 0) > 0)
  t.match(again.last, { who, durable: seq + 1 }, 'the same mirror, and what it has')
  again.stream.seq = scene.stream.seq
  await again.end()
})

void t.test('what did not reach the disk is not acknowledged', async (t) => {
  for (const [call, nth] of [
    ['syncfs', 1],
    ['syncfs', 3],
    ['fdatasync', 1],
    ['fdatasync', 3],
  ] as const) {
    // The thread that syncs takes its faults from here.
    process.env['TFS_FAULTS'] = `${call}:${nth}:EIO`
    const scene = new Scene(t)
    let good = 1
    let error: Outcome['error']
    void scene.outcome.then((outcome) => (error = outcome.error))
    for (let round = 1; round <= nth; round++) {
      const seq = scene.change(2)
      await until('acknowledged or failed', () => !!error || (scene.last?.durable ?? 0) >= seq)
      if (!error) good = seq
    }
    delete process.env['TFS_FAULTS']
    t.match((await scene.outcome).error, { code: 'EIO', syscall: call })
    t.ok(scene.acks.every(({ durable }) => durable <= good))
    t.match(mirrorPosition(scene.root), { boot0: 0, boot1: 0 }, 'the next run trusts no more')
    t.match(scene.status?.().faults.join(), /could not be made durable/)
  }
})

void t.test(
  'what a run without syncs has applied is synced before it is acknowledged',
  async (t) => {
    const root = join(tempDirectory(t).path, 'mirror')
    const stream = new StreamWriter(7)
    stream.seq = 49
    for (let i = 0; i < 5; i++) stream.add('mkdir', { path: `d${i}` })
    await replay(stream.bytes, root, { sync: 'none' })
    process.env['TFS_FAULTS'] = 'syncfs:1:EIO'
    const scene = new Scene(t, {}, root)
    scene.stream.seq = stream.seq
    scene.change(1)
    t.match((await scene.outcome).error, { code: 'EIO', syscall: 'syncfs' })
    delete process.env['TFS_FAULTS']
    t.ok(scene.acks.every(({ durable }) => durable === 0))
  },
)

void t.test('the state is healthy only where it is', async (t) => {
  const scene = new Scene(t)
  scene.stream.sec = Math.floor(Date.now() / 1000)
  t.match(scene.status?.().faults, ['nothing is applied yet'])
  const seq = scene.change(3)
  await until('durable', () => scene.status?.().durable?.seq === seq)
  t.match(scene.status?.(), { faults: [], position: { epoch: 7, seq }, lagMessages: 0 })
  t.ok(scene.status!().lagMs! < 15_000)
  scene.received = { epoch: 7, seq: seq + 5 }
  t.equal(scene.status?.().lagMessages, 5)
  scene.stream.sec -= 100
  scene.change(1)
  await until('applied', () => scene.status?.().position.seq === seq + 2)
  t.match(scene.status?.().faults, ['is behind'])
  scene.stream.sec += 100
  scene.stream.add('doubt', { path: 'd1' })
  scene.change(1)
  await until('applied', () => scene.status?.().suspects === 1)
  t.match(scene.status?.().faults, ['1 suspect paths'])
  await scene.end()
  t.match(scene.status?.().faults, ['1 suspect paths', 'the source has ended'])
})
