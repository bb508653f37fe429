// What heads get from a spool: behind what all copies have, not only those that came back first.

import { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { check, pipe2 } from '#posix'
import { listReaders, Spool } from '#spool'
import { decodeMessage, Framer, type Message, type Position } from '#wire'
import { HeadFeed } from '../../packages/journal/head-feed.js'
import { history, spoolOf } from '../support/spool-files.js'
import { until } from '../support/journal-place.js'

const last = 41
/** It takes nothing before it is asked for. */
const readOnly = { readable: true, writable: false, pauseOnCreate: true } as const

class Scene {
  readonly path: string
  feed: HeadFeed
  #ordinal = 0
  #input: Socket | undefined

  constructor(t: Test) {
    this.path = spoolOf(t, history(last - 1).messages)
    this.feed = this.make()
  }

  make = () =>
    new HeadFeed(
      this.path,
      () => {},
      () => {},
    )

  /** Another head, which ends after `work`. */
  again(work: () => void): void {
    this.attach()
    work()
    this.detach()
  }

  attach(): void {
    const pipe: [number, number] = [-1, -1]
    check(pipe2(pipe), 'pipe2')
    this.#input = new Socket({ ...readOnly, fd: pipe[0] })
    this.feed.attach(pipe[1], this.#ordinal++)
  }

  detach(): void {
    this.#input?.destroy()
    this.feed.detach()
  }

  ack(who: string, applied: number, durable = applied, epoch = 7): void {
    this.feed.acked({ who, epoch, received: last, applied, durable })
  }

  /** Waits until the head at hand is told the end of its input. */
  async ended(): Promise<void> {
    const input = this.#input!
    await until('the end', () => (input.read(), input.readableEnded))
  }

  /** What the head at hand gets, until the last message, which comes so many times. */
  async messages(times = 1): Promise<Message[]> {
    const framer = new Framer()
    const all: Message[] = []
    await until('the last', () => {
      framer.push((this.#input?.read() as Buffer | null) ?? Buffer.alloc(0))
      for (let next = framer.next(); next; next = framer.next()) all.push(decodeMessage(next)!)
      return all.filter(({ seq }) => seq === last).length === times
    })
    return all
  }

  /** Where the next head begins. */
  get noted(): Position | undefined {
    const spool = new Spool(this.path)
    const [reader] = listReaders(spool.fd)
    spool.close()
    return reader?.position
  }
}

const position = (seq: number): Position => ({ epoch: 7, seq })

void t.test('a head that ends before all copies are back takes nothing from those', (t) => {
  const scene = new Scene(t)
  scene.again(() => {
    scene.ack('a', 20)
    scene.ack('b', 10)
  })
  t.strictSame(scene.noted, position(10))
  scene.again(() => scene.ack('a', 30))
  t.strictSame(scene.noted, position(10), 'b is still on its way')
  scene.again(() => scene.ack('b', 25))
  t.strictSame(scene.noted, position(25))
  scene.feed.close(false)
  scene.feed = scene.make()
  scene.again(() => scene.ack('a', 35))
  t.strictSame(scene.noted, position(25), 'after a restart of the journal, too')
  scene.feed.close(false)
  t.end()
})

void t.test('what a copy has not on disk it may have to ask for again', (t) => {
  const scene = new Scene(t)
  scene.again(() => scene.ack('a', 20, 10))
  t.strictSame(scene.noted, position(10))
  scene.again(() => scene.ack('a', 30, 0))
  t.strictSame(scene.noted, position(30), 'one that never has anything on disk')
  scene.again(() => {
    scene.ack('a', 35, 32)
    scene.ack('a', 3, 0, 8)
  })
  t.strictSame(scene.noted, position(32), 'nothing of the next epoch as yet')
  scene.feed.close(false)
  t.end()
})

void t.test('a position that is asked for when all has been passed on is answered', async (t) => {
  const scene = new Scene(t)
  scene.again(() => scene.ack('a', 20))
  scene.attach()
  scene.feed.end()
  // Until its input has been written, and more.
  await sleep(300)
  scene.feed.subscribe(position(35))
  const all = await scene.messages(2)
  const from = all.findIndex(({ name }) => name === 'subscribed')
  t.strictSame(
    all.slice(from + 1).map(({ seq }) => seq),
    [36, 37, 38, 39, 40, 41],
  )
  await scene.ended()
  scene.feed.close(true)
  t.strictSame(scene.noted, position(last))
})

void t.test('of positions asked for at once the last one counts', async (t) => {
  const scene = new Scene(t)
  scene.attach()
  for (const seq of [3, 12, 30]) scene.feed.subscribe(position(seq))
  const all = await scene.messages()
  const from = all.findIndex(({ name }) => name === 'subscribed')
  t.match(all[from], { body: position(30) })
  t.strictSame(
    all.slice(from + 1).map(({ seq }) => seq),
    Array.from({ length: last - 30 }, (_, i) => 31 + i),
  )
  scene.detach()
  scene.feed.close(false)
})
