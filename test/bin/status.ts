// SIGUSR1 of each program that reads a stream: how it is, for people and for machines.

import * as fs from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { listening, start, type Running } from '../support/broadcast-process.js'
import { until } from '../support/journal-place.js'
import { history, filesOf } from '../support/spool-files.js'
import { messageOf } from '../support/stream-writer.js'
import { tempDirectory } from '../support/temp-directory.js'

t.setTimeout(300_000)

interface Status {
  readonly program: string
  readonly what: string
  readonly status: { readonly state: string }
}

const run = (t: Test, name: string, ...args: string[]): Running =>
  start(t, process.execPath, [join(import.meta.dirname, `../../bin/${name}.js`), ...args])

/** What a program with --log-json answers: one line. */
async function asked({ child, stderr }: Running): Promise<Status> {
  const before = stderr().length
  child.kill('SIGUSR1')
  await until('told', () => stderr().slice(before).endsWith('}\n'))
  return JSON.parse(stderr().slice(before)) as Status
}

void t.test('healthy while all is well, and only then', async (t) => {
  const { path } = tempDirectory(t)
  const [socket, spool, copy] = [join(path, 'socket'), join(path, 'spool'), join(path, 'copy')]
  const broadcast = run(t, 'tfs-broadcast', '--log-json', socket)
  const keeper = run(t, 'tfs-spool', '--log-json', '--reader', 'one', spool)
  await listening(socket, broadcast)
  t.match(await asked(broadcast), { status: { state: 'waits for its source' } })
  const stream = history(10)
  const put = (message: Buffer) => {
    broadcast.stdin.write(message)
    keeper.stdin.write(message)
  }
  put(stream.bytes)
  const ticker = setInterval(() => put(stream.add('tick').messages.at(-1)!), 100)
  t.teardown(() => clearInterval(ticker))
  await until('kept', () => fs.existsSync(spool) && filesOf(spool).length > 0)
  const readers = [
    run(t, 'tfs-cat', '--log-json', '--from', 'oldest', socket),
    run(t, 'tfs-dump', '--log-json', '-f', socket),
    run(t, 'tfs-spool', '--log-json', '-f', spool),
  ] as const
  const mirror = run(t, 'tfs-mirror', '--log-json', '-f', spool, copy)
  for (const { child } of readers)
    await new Promise((resolve) => child.stdout!.once('data', resolve))
  await until('applied', () => fs.existsSync(join(copy, '.tfs/suspects')))
  const all = [broadcast, keeper, ...readers]
  await until('all is well', async () => {
    const states = await Promise.all(all.map(asked))
    return states.every(({ status }) => status.state === 'healthy')
  })
  const lag = { bytes: Number, messages: Number, seconds: Number }
  const at = { epoch: 7, seq: Number }
  t.match(await asked(broadcast), {
    program: 'tfs-broadcast',
    what: 'status',
    status: { input: { ...at, gaps: 0 }, clients: [{ ...at, lag, from: 'window' }, { id: 2 }] },
  })
  t.match(await asked(keeper), {
    status: { spool: { ...at, missing: 0 }, output: { ...at, lag }, readers: [{ name: 'one' }] },
  })
  const [cat, dump, reader] = readers
  for (const one of [cat, dump])
    t.match(await asked(one), {
      status: { position: at, waitingBytes: Number, isConnected: true },
    })
  t.match(await asked(reader), { status: { output: { ...at, lag } } })
  // Its source's clock stood still long ago.
  t.match(await asked(mirror), {
    status: { state: 'not healthy', faults: [/suspect/, 'is behind'] },
  })

  clearInterval(ticker)
  const to = stream.seq + 10
  stream.seq = to
  put(messageOf('gap', { from: to - 9, to }, { seq: to }))
  const isSaid = (one: Running, what: string) => async () =>
    (await asked(one)).status.state.includes(what)
  await until('a gap', isSaid(broadcast, 'messages are missing'))
  put(stream.bye().messages.at(-1)!)
  await until('an end', isSaid(broadcast, 'the stream has ended'))
  await until('an end', isSaid(keeper, 'the stream has ended'))
  await until('an end', isSaid(cat, 'the stream has ended'))
  broadcast.child.kill('SIGKILL')
  await until('no connection', isSaid(cat, 'the source is not connected'))
})
