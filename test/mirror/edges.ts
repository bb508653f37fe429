// What comes into a mirror from where it leaves things out: asked for at once, also while it is
// made whole or has taken up another stream, and nothing is exact before it has come.

import * as fs from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { setTimeout } from 'node:timers/promises'
import t from 'tap'
import { content, decodeMessage, encodeNames, type Body } from '#wire'
import { replay } from '../support/replay.js'
import { StreamWriter } from '../support/stream-writer.js'
import { tempDirectory } from '../support/temp-directory.js'

const [directory, file] = [0o040000, 0o100000]
const own = { uid: process.getuid!(), gid: process.getgid!(), mtimeSec: 1_600_000_000 }
const rules = [{ exclude: true, pattern: '/out' }]
const limitMs = 10_000

interface Source {
  readonly stream: StreamWriter
  /** States what was asked for, between its begin and its end. */
  readonly answer: (stream: StreamWriter, asked: Body<'want-assert'>) => void
  /** What is to be said before the stream ends. */
  readonly until: RegExp
}

/** Replays a stream that answers; what was asked for and said comes back in its order. */
async function follow(root: string, { stream, answer, until }: Source, options = {}) {
  const events: string[] = []
  const waiting: Body<'want-assert'>[] = []
  const upstream = {
    subscribe: () => undefined,
    send(bytes: Buffer) {
      const message = decodeMessage(bytes)
      if (message?.name !== 'want-assert') return true
      waiting.push({ ...message.body, path: Buffer.from(message.body.path) })
      events.push(`asks for ${message.body.path.toString()}`)
      return true
    },
    state: () => ({ received: undefined, connections: 1, isConnected: true }),
  }
  async function* pieces() {
    let given = 0
    const next = () => {
      const bytes = Buffer.concat(stream.messages.slice(given))
      given = stream.messages.length
      return bytes
    }
    stream.add('tick')
    yield next()
    const end = performance.now() + limitMs
    while (performance.now() < end && !events.some((event) => until.test(event))) {
      await setTimeout(5)
      for (let asked = waiting.shift(); asked; asked = waiting.shift()) {
        stream.add('assert-begin', asked)
        answer(stream, asked)
        stream.add('assert-end', { id: asked.id })
        yield next()
      }
    }
    stream.bye()
    yield next()
  }
  const source = Readable.from(pieces())
  const say = (line: string) => void events.push(line)
  const outcome = await replay([], root, { source, upstream, rules, say, ...options })
  return { ...outcome, events }
}

const stateFile = (stream: StreamWriter, id: number, path: string, data: string, more = {}) =>
  stream.add('assert-file', {
    id,
    path,
    mode: file | 0o644,
    ...own,
    size: data.length,
    data,
    ...more,
  })

const stateDirectory = (
  stream: StreamWriter,
  id: number,
  path: string,
  names: Record<string, number>,
) =>
  stream.add('assert-dir', {
    id,
    path,
    mode: 0o755,
    ...own,
    names: encodeNames(
      Object.entries(names).map(([name, type]) => ({ name: Buffer.from(name), type })),
    ),
  })

const place = (t: Parameters<typeof tempDirectory>[0]) => {
  const root = join(tempDirectory(t).path, 'mirror')
  return { root, at: (path: string) => join(root, path) }
}

const created = { uid: own.uid, gid: own.gid, mtimeSec: 1, dirMtimeSec: 2 }
const begun = (epoch: number) =>
  new StreamWriter(epoch)
    .add('mkdir', { path: 'out', mode: 0o755, ...created })
    .add('mkdir', { path: 'in', mode: 0o755, ...created })
    .add('create', { path: 'out/f', mode: 0o644, ...created })

for (const force of [false, true])
  await t.test(`what a rename brings in is asked for, force: ${force}`, async (t) => {
    const { root, at } = place(t)
    const { error, events } = await follow(
      root,
      {
        stream: begun(71).add('rename', { path: 'out/f', newPath: 'in/g', newDirMtimeSec: 3 }),
        answer(stream, { id, path }) {
          if (path.equals(Buffer.from('in/g'))) stateFile(stream, id, 'in/g', 'one')
          else stateDirectory(stream, id, 'in', { g: file })
        },
        until: /as the source states them now/,
      },
      { force },
    )
    t.equal(error, undefined)
    t.ok(events.includes('asks for in/g'), events.join('\n'))
    t.equal(fs.readFileSync(at('in/g'), 'utf8'), 'one')
    t.notOk(fs.existsSync(at('.tfs/suspects')))
  })

for (const onDivergence of ['repair', 'stop'])
  void t.test(
    `what comes in while it is made whole has come, --on-divergence ${onDivergence}`,
    async (t) => {
      const { root, at } = place(t)
      const { error, events } = await follow(
        root,
        {
          stream: new StreamWriter(72),
          answer(stream, { id, path }) {
            const shown = path.toString()
            if (shown === 'in/h') return void stateFile(stream, id, 'in/h', 'two')
            stateDirectory(stream, id, shown, shown === '' ? { in: directory, out: directory } : {})
            if (shown !== '') return
            stateDirectory(stream, id, 'in', {})
            // What follows it goes with it.
            stream
              .add('rename', { path: 'out/f', newPath: 'in/g' })
              .add('rename', { path: 'in/g', newPath: 'in/h' })
          },
          until: /is exact from/,
        },
        { bootstrap: true, force: true, onDivergence },
      )
      t.equal(error, undefined)
      const [asked, exact] = [/asks for in\/h/, /is exact from/].map((what) =>
        events.findIndex((event) => what.test(event)),
      )
      t.ok(asked! > 0 && asked! < exact!, events.join('\n'))
      t.equal(fs.readFileSync(at('in/h'), 'utf8'), 'two')
    },
  )

void t.test('a link of a file whose first name is left out has its content', async (t) => {
  const { root, at } = place(t)
  let pieces = 0
  const linked = { group: 1, content: content.STATED, size: 5, linkOf: 'out/f' }
  const { error, events } = await follow(
    root,
    {
      stream: new StreamWriter(73),
      answer(stream, { id, path }) {
        if (path.equals(Buffer.from('f'))) {
          pieces++
          stateFile(stream, id, 'f', 'three', { group: 1 })
          return
        }
        stateDirectory(stream, id, '', { f: file, g: file, h: file, out: directory })
        stateDirectory(stream, id, 'out', { f: file })
        stateFile(stream, id, 'out/f', 'three', { group: 1 })
        stateFile(stream, id, 'f', '', linked)
        stateFile(stream, id, 'g', '', linked)
        stateFile(stream, id, 'h', 'four', { group: 2 })
      },
      until: /is exact from/,
    },
    { bootstrap: true, force: true },
  )
  t.equal(error, undefined)
  t.equal(pieces, 1)
  for (const name of ['f', 'g']) t.equal(fs.readFileSync(at(name), 'utf8'), 'three')
  t.equal(fs.statSync(at('f')).ino, fs.statSync(at('g')).ino)
  t.notOk(fs.existsSync(at('out')))
  t.match(events.join('\n'), /has several names; what is written .* is found by --verify/)
})
