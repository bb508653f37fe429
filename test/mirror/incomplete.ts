// A mirror that is being made whole is not taken for a copy: by its source, which may count copies;
// by who asks how it is; by who sets an end; by the run after it.

import * as fs from 'node:fs'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import t, { type Test } from 'tap'
import { dryRun, type MirrorOptions, type MirrorStatus, type Upstream } from '#mirror'
import { content, decodeMessage, encodeNames, type Body } from '#wire'
import { until } from '../support/journal-place.js'
import { mirrorPosition } from '../support/mirror-position.js'
import { replay, type Outcome } from '../support/replay.js'
import { messageOf, StreamWriter } from '../support/stream-writer.js'
import { tempDirectory } from '../support/temp-directory.js'

t.setTimeout(60_000)

const own = { uid: process.getuid!(), gid: process.getgid!(), mtimeSec: 5 }
let epochs = 7

/** A mirror, and its source, which states what it is to when it is asked. */
class Scene {
  readonly acks: Body<'ack'>[] = []
  readonly asked: Body<'want-assert'>[] = []
  readonly stream: StreamWriter
  readonly outcome: Promise<Outcome>
  status: (() => MirrorStatus) | undefined
  readonly #source = new Readable({ read: () => undefined })

  constructor(
    root: string,
    options: Partial<MirrorOptions>,
    stream: StreamWriter = new StreamWriter(++epochs),
  ) {
    this.stream = stream
    const upstream: Upstream = {
      subscribe: () => undefined,
      send: (message) => this.#take(message),
      state: () => ({
        received: { epoch: this.stream.epoch, seq: this.stream.seq },
        connections: 1,
        isConnected: true,
      }),
    }
    const onStatus = (status: () => MirrorStatus) => void (this.status = status)
    const all = { source: this.#source, upstream, sync: 'always' as const, onStatus, ...options }
    this.outcome = replay([], root, all)
    this.stream.add('fsync')
    this.give()
  }

  give(): void {
    this.#source.push(Buffer.concat(this.stream.messages.splice(0)))
  }

  async isAsked(times = 1): Promise<number> {
    await until('asked', () => this.asked.length >= times)
    return this.asked.at(-1)!.id
  }

  /** One file, `a`, is there, as all that has been said of it. */
  state(id: number): void {
    const type = 0o100000
    const names = encodeNames([{ name: Buffer.from('a'), type }])
    this.stream
      .add(
        'assert-begin',
        this.asked.find((one) => one.id === id)!,
      )
      .add('assert-dir', { id, mode: 0o755, ...own, names })
      .add('fsync')
    this.give()
    const file = { id, path: 'a', mode: type | 0o644, ...own, size: 1, data: 'x' }
    this.stream.add('assert-file', file).add('fsync')
    this.give()
  }

  finish(id: number): void {
    this.stream.add('assert-end', { id }).add('fsync')
    this.give()
  }

  async end(): Promise<Outcome> {
    this.stream.bye()
    this.give()
    this.#source.push(null)
    return this.outcome
  }

  /** The connection breaks. */
  async cut(): Promise<Outcome> {
    this.#source.push(null)
    return this.outcome
  }

  async applied(): Promise<void> {
    const { seq } = this.stream
    await until('applied', () => this.acks.some(({ applied }) => applied === seq))
  }

  #take(bytes: Buffer): boolean {
    const message = decodeMessage(bytes)
    if (message?.name === 'ack') this.acks.push(message.body)
    if (message?.name === 'want-assert')
      this.asked.push({ ...message.body, path: Buffer.from(message.body.path) })
    return true
  }
}

const place = (t: Test) => join(tempDirectory(t).path, 'mirror')
async function makeWhole(root: string) {
  const scene = new Scene(root, { bootstrap: true })
  const id = await scene.isAsked()
  scene.state(id)
  scene.finish(id)
  return scene.end()
}
const mark = (root: string) => fs.existsSync(join(root, '.tfs/incomplete'))

void t.test('nothing is acknowledged as durable before it is whole, and on disk', async (t) => {
  const root = place(t)
  const scene = new Scene(root, { bootstrap: true })
  const id = await scene.isAsked()
  scene.state(id)
  await scene.applied()
  t.ok(mark(root))
  t.match(scene.status?.(), { isIncomplete: true, faults: [/is incomplete/] })
  t.ok(scene.acks.every(({ durable }) => durable === 0))
  // What was stated is on disk by then.
  const before = scene.stream.seq
  scene.finish(id)
  await until('whole', () => !mark(root))
  t.ok(mirrorPosition(root).durableSeq >= before)
  await until('acknowledged', () => scene.acks.at(-1)!.durable === scene.stream.seq)
  t.match(scene.status?.(), { isIncomplete: false, faults: [] })
  t.match((await scene.end()).result, { isIncomplete: false })
  t.equal(fs.readFileSync(join(root, 'a'), 'latin1'), 'x')
})

void t.test('an end that the user has set does not make it whole', async (t) => {
  const root = place(t)
  const until = { kind: 'mark', name: Buffer.from('here') } as const
  const scene = new Scene(root, { bootstrap: true, until })
  scene.state(await scene.isAsked())
  scene.stream.add('mark', { name: 'here' })
  scene.give()
  t.match((await scene.outcome).result, { isIncomplete: true })
  t.ok(mark(root))
  const output = new Writable({ write: (_piece, _encoding, done) => done() })
  const source = Readable.from([new StreamWriter(++epochs, mirrorPosition(root)).bye().bytes])
  const dry = { directory: root, source, force: false, rules: [], output, say: () => undefined }
  t.match(await dryRun(dry), { isIncomplete: true }, 'nor does looking at what would be done')
  t.match((await replay([], root)).error, { code: 'EMIRROR_INCOMPLETE' })
})

void t.test(
  'one that is repaired is made whole first, one that is compared is refused',
  async (t) => {
    const root = place(t)
    const first = new Scene(root, { bootstrap: true })
    first.state(await first.isAsked())
    t.match((await first.end()).result, { isIncomplete: true })
    const verify = { path: Buffer.alloc(0), repair: true }
    const merely = await replay([], root, { verify: { ...verify, repair: false } })
    t.match(merely.error, { code: 'EMIRROR_COMPARE', message: /is incomplete: .*--bootstrap/ })
    t.ok(mark(root))
    const scene = new Scene(root, { verify })
    const id = await scene.isAsked()
    scene.state(id)
    scene.finish(id)
    const again = await scene.isAsked(2)
    t.notOk(mark(root))
    scene.state(again)
    scene.finish(again)
    t.match((await scene.outcome).result, { differing: 0, isIncomplete: false, isAborted: false })
  },
)

/** A mirror that is whole, and the stream as it goes on when messages are forgotten. */
async function forgotten(root: string): Promise<StreamWriter> {
  const first = new Scene(root, { bootstrap: true })
  const id = await first.isAsked()
  first.state(id)
  first.finish(id)
  await until('whole', () => !mark(root))
  await first.cut()
  const { epoch, seq } = mirrorPosition(root)
  const stream = new StreamWriter(epoch)
  stream.messages.length = 0
  stream.messages.push(messageOf('subscribed', { epoch, seq }, { seq: 0, epoch }))
  stream.seq = seq + 8
  return stream.add('gap', { from: seq + 1, to: seq + 9 })
}

void t.test('a gap in its own epoch, which no hello precedes, heals by itself', async (t) => {
  const root = place(t)
  const scene = new Scene(root, {}, await forgotten(root))
  const id = await scene.isAsked()
  fs.writeFileSync(join(root, 'extra'), '')
  scene.state(id)
  scene.finish(id)
  t.match(await scene.end(), { error: undefined, result: { isIncomplete: false } })
  t.same(fs.readdirSync(root).toSorted(), ['.tfs', 'a'])
})

void t.test('what is passed on begins with the hello of the epoch that is taken up', async (t) => {
  const root = place(t)
  await forgotten(root)
  const pieces: Buffer[] = []
  const output = new Writable({
    write(piece: Buffer, _encoding, done) {
      pieces.push(piece)
      done()
    },
  })
  const scene = new Scene(root, { output, isLost: true })
  const id = await scene.isAsked()
  scene.state(id)
  scene.finish(id)
  t.match(await scene.end(), { error: undefined, result: { isIncomplete: false } })
  const passed = Buffer.concat(pieces)
  t.match(await replay(passed, `${root}2`), { error: undefined })
  const kept = fs.readFileSync(join(root, '.tfs/hello'))
  t.strictSame(kept, passed.subarray(0, kept.length))
})

void t.test('a mirror that joins without a word of what is there says so, once', async (t) => {
  const root = place(t)
  const first = new Scene(root, {})
  await first.applied()
  t.match((await first.end()).said.join(), /mirror is taken to be .*; .* use --bootstrap/)
  const { epoch, seq } = mirrorPosition(root)
  const next = new Scene(root, {}, new StreamWriter(++epochs, { epoch, seq }))
  t.strictSame((await next.end()).said, [])
})

void t.test('a comparison does not heal what is missing, and says what does', async (t) => {
  const root = place(t)
  const stream = await forgotten(root)
  const verify = { path: Buffer.alloc(0), repair: true }
  const { error } = await new Scene(root, { verify }, stream).outcome
  t.match(error, { code: 'EMIRROR_POSITION', message: /are missing: .*--bootstrap/ })
})

void t.test('a mirror of another source is not made whole by this one', async (t) => {
  const root = place(t)
  await forgotten(root)
  const other = () => new StreamWriter(++epochs, { epoch: 0, seq: 0 }, 'other')
  const refused = await new Scene(root, { bootstrap: true }, other()).outcome
  const error = { code: 'EMIRROR_SOURCE', message: /the source is 'other', and not .*--force/ }
  t.match(refused, { error, result: undefined })
  t.same([mark(root), fs.existsSync(join(root, 'a'))], [false, true])

  const cut = new Scene(root, { bootstrap: true })
  cut.state(await cut.isAsked())
  t.match(cut.status?.(), { faults: ['is incomplete: what is there is being stated'] })
  const { said } = await cut.end()
  t.match(said.join(), /takes up epoch \d+ \(all is stated anew\)/)
  t.notMatch(said.join(), /--force/)
  t.match(await new Scene(root, {}, other()).outcome, { error })
  t.same([mark(root), fs.existsSync(join(root, 'a'))], [true, true], 'it is still incomplete')

  const forced = new Scene(root, { force: true }, other())
  const id = await forced.isAsked()
  forced.state(id)
  forced.finish(id)
  t.match(await forced.end(), { error: undefined, result: { isIncomplete: false } })
})

void t.test('what does not fit one that is being repaired does not stop it', async (t) => {
  const root = place(t)
  t.match((await makeWhole(root)).result, { isIncomplete: false })
  fs.rmSync(join(root, 'a'))
  fs.mkdirSync(join(root, 'a'))
  const verify = { path: Buffer.alloc(0), repair: true }
  const { epoch, seq } = mirrorPosition(root)
  const scene = new Scene(root, { verify }, new StreamWriter(++epochs, { epoch, seq }))
  scene.stream.add('write', { path: 'a', data: 'x' })
  scene.give()
  const id = await scene.isAsked()
  await scene.applied()
  t.match(scene.status?.(), { suspects: 1 })
  scene.state(id)
  scene.finish(id)
  const { result, error } = await scene.outcome
  t.equal(error, undefined)
  t.match(result, { suspects: 0, isIncomplete: false })
  t.ok(result!.differing > 0)
  t.equal(fs.readFileSync(join(root, 'a'), 'latin1'), 'x')
})

void t.test('one that was found to differ is not healthy before it is found right', async (t) => {
  const root = place(t)
  await makeWhole(root)
  fs.writeFileSync(join(root, 'a'), 'y')
  const scene = new Scene(
    root,
    { checks: true, isLost: true },
    new StreamWriter(++epochs, mirrorPosition(root)),
  )
  const request = { depth: 1, form: 1, offset: 0, length: 0, path: Buffer.alloc(0) }
  const check = async (id: number) => {
    scene.asked.push({ id, ...request })
    scene.state(id)
    scene.finish(id)
    await scene.applied()
  }
  await check(71)
  const faults = () => scene.status?.().faults.join() ?? ''
  await until('told', () => faults().includes('differs from its source: 2 differences'))
  fs.writeFileSync(join(root, 'a'), 'x')
  fs.utimesSync(join(root, 'a'), 5, 5)
  await check(72)
  await until('right', () => !faults().includes('differs'))
  t.equal((await scene.end()).error, undefined)
})

void t.test('a source that cannot state what is to be compared is an error', async (t) => {
  const root = place(t)
  await makeWhole(root)
  const verify = { path: Buffer.alloc(0), repair: false }
  const scene = new Scene(root, { verify }, new StreamWriter(++epochs, mirrorPosition(root)))
  const asked: number[] = []
  for (let times = 1; times <= 3; times++) {
    const id = await scene.isAsked(times)
    asked.push(performance.now())
    scene.stream.add('assert-begin', scene.asked.at(-1)!)
    scene.stream.add('assert-end', { id, errno: 13 }).add('fsync')
    scene.give()
  }
  t.match((await scene.outcome).error, { code: 'EMIRROR_UNSTATED', message: /EACCES/ })
  t.ok(asked[1]! - asked[0]! >= 900, 'and it is not asked at once')
  t.ok(asked[2]! - asked[1]! >= 1900)
})

void t.test('a repair that is cut off leaves a suspect', async (t) => {
  const root = place(t)
  await makeWhole(root)
  fs.rmSync(join(root, 'a'))
  for (const isCut of [true, false]) {
    const verify = { path: Buffer.from(isCut ? 'a' : ''), repair: true }
    const scene = new Scene(
      root,
      { verify, isLost: true },
      new StreamWriter(++epochs, mirrorPosition(root)),
    )
    const id = await scene.isAsked()
    const size = 1 << 20
    const about = { id, path: 'a', mode: 0o100644, ...own, size, content: content.FOLLOWS }
    scene.stream.add('assert-begin', scene.asked[0]!).add('assert-file', about).add('fsync')
    scene.give()
    await scene.applied()
    if (!isCut) scene.finish(id)
    const { result } = await (isCut ? scene.end() : scene.outcome)
    t.match(result, { suspects: isCut ? 1 : 0 })
    fs.rmSync(join(root, 'a'))
  }
})

void t.test('while it is made whole, what does not fit it is stated once more', async (t) => {
  for (const onDivergence of ['repair', 'stop'] as const) {
    const root = place(t)
    const scene = new Scene(root, { bootstrap: true, onDivergence })
    const id = await scene.isAsked()
    scene.state(id)
    await scene.applied()
    fs.rmSync(join(root, 'a'))
    scene.stream.add('write', { path: 'a', offset: 1, data: 'y' }).add('fsync')
    scene.give()
    await scene.applied()
    scene.finish(id)
    await until('asked', () => scene.asked.some(({ path }) => path.toString() === 'a'))
    t.ok(mark(root), 'it is not exact yet')
    const again = scene.asked.find(({ path }) => path.toString() === 'a')!
    scene.stream.add('assert-begin', again)
    const file = { id: again.id, path: 'a', mode: 0o100644, ...own, size: 2, data: 'xy' }
    scene.stream.add('assert-file', file).add('assert-end', { id: again.id }).add('fsync')
    scene.give()
    await until('its directory', () => scene.asked.length === 3)
    scene.stream.add('assert-begin', scene.asked[2]!)
    scene.finish(scene.asked[2]!.id)
    await until('whole', () => !mark(root))
    t.equal(fs.readFileSync(join(root, 'a'), 'latin1'), 'xy')
    await scene.end()
  }
})
