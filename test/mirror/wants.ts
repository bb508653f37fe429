// What a mirror still lacks is asked for until all of it has come, by the names that it has here.

import t from 'tap'
import { renameFlag, type Body } from '#wire'
import { Wants } from '../../packages/mirror/wants.js'

const [file, other] = [Buffer.from('file'), Buffer.from('other')]
const mebibyte = 1 << 20
const times = { dirMtimeSec: 0, dirMtimeNsec: 0, newDirMtimeSec: 0, newDirMtimeNsec: 0 }

/** Wants, and what was asked for. */
function asking(linksAt?: (path: Buffer) => number) {
  const wants = new Wants(linksAt)
  const sent: Body<'want-assert'>[] = []
  const ask = () =>
    wants.ask((body) => {
      sent.push(body)
      return true
    })
  return { wants, sent, ask }
}

void t.test('a piece of which a part came is asked for again', async (t) => {
  const { wants, sent, ask } = asking()
  wants.want(file, mebibyte, mebibyte)
  ask()
  t.match(sent, [{ offset: mebibyte, length: mebibyte }])
  t.ok(wants.begins(sent[0]!))
  wants.got(file, mebibyte, 4096)
  wants.askAgain()
  t.notOk(wants.isEmpty)
  ask()
  t.match(sent[1], { offset: mebibyte, length: mebibyte })
  wants.begins(sent[1]!)
  wants.got(file, mebibyte, mebibyte / 2)
  wants.got(file, mebibyte + mebibyte / 2, mebibyte / 2)
  wants.ends(sent[1]!.id, true)
  t.ok(wants.isEmpty)
})

void t.test('what a file lacks it lacks by its other names, too', async (t) => {
  for (const last of ['unlink', 'rename'] as const) {
    const { wants, sent, ask } = asking(() => 2)
    wants.want(file, 0, mebibyte)
    wants.join(file, other)
    ask()
    wants.begins(sent[0]!)
    if (last === 'unlink') wants.follow(last, { path: file, ...times })
    else wants.follow(last, { path: Buffer.from('x'), newPath: file, flags: 0, ...times })
    // It may have been of another file by then.
    wants.ends(sent[0]!.id, true)
    ask()
    t.match(sent[1], { path: other, offset: 0, length: mebibyte }, last)
    t.notOk(wants.isLost)
    wants.begins(sent[1]!)
    wants.ends(sent[1]!.id, true)
    t.ok(wants.isEmpty)
  }
})

void t.test('a name that takes the place of another of the same file stands for it', async (t) => {
  const { wants, sent, ask } = asking(() => 2)
  wants.want(file, 0, mebibyte)
  wants.join(file, other)
  wants.follow('rename', { path: other, newPath: file, flags: 0, ...times })
  ask()
  t.match(sent, [{ path: file }])
  wants.follow('rename', { path: file, newPath: other, flags: renameFlag.EXCHANGE, ...times })
  wants.askAgain()
  ask()
  t.match(sent[1], { path: other })
})

void t.test('a name that becomes a file of its own lacks as much, for itself', async (t) => {
  const { wants, sent, ask } = asking(() => 2)
  wants.want(file, 0, mebibyte)
  wants.want(file, mebibyte, 5)
  wants.join(file, other)
  wants.split(file)
  wants.split(file)
  wants.forget(file)
  ask()
  t.match(sent, [
    { path: other, offset: 0, length: mebibyte },
    { path: other, offset: mebibyte, length: 5 },
  ])
  t.notOk(wants.isLost)
  wants.clear()
  t.ok(wants.isEmpty)
  t.notOk(wants.begins(sent[0]!))
})

void t.test('where a file has names that nobody has told, that is said', async (t) => {
  for (const links of [1, 2]) {
    const { wants } = asking(() => links)
    wants.want(file, 0, mebibyte)
    wants.follow('unlink', { path: file, ...times })
    t.equal(wants.isLost, links > 1)
    t.ok(wants.isEmpty)
  }
})

void t.test('what leaves the part that is kept leaves its other names', async (t) => {
  const { wants, sent, ask } = asking(() => 2)
  wants.want(Buffer.from('in/file'), 0, mebibyte)
  wants.join(Buffer.from('in/file'), other)
  const moved = { path: Buffer.from('in'), newPath: Buffer.from('out'), flags: 0, ...times }
  wants.follow('rename', moved, (path) => path.toString().startsWith('out/'))
  ask()
  t.match(sent, [{ path: other }])
})

void t.test('a copy of what is lacking lacks it as well', async (t) => {
  const { wants, sent, ask } = asking()
  wants.want(file, 0, mebibyte)
  wants.want(file, 3 * mebibyte, mebibyte)
  ask()
  const copied = { from: file, path: other, fromOffset: 4096, offset: 8192 }
  wants.follow('copy', { ...copied, length: 2 * mebibyte })
  ask()
  t.match(sent.slice(2), [{ path: other, offset: 8192, length: mebibyte - 4096 }])
})

void t.test('an answer that could not be given is asked for again, later', async (t) => {
  const { wants, sent, ask } = asking()
  wants.want(file, 0, 5)
  ask()
  wants.begins(sent[0]!)
  wants.ends(sent[0]!.id, false)
  ask()
  t.equal(sent.length, 1)
  t.notOk(wants.isEmpty)
  await new Promise((resolve) => setTimeout(resolve, 1100))
  ask()
  t.equal(sent.length, 2)
})

void t.test('only what was asked for is an answer, and once', async (t) => {
  const { wants, sent, ask } = asking()
  wants.want(file, 0, 5)
  ask()
  t.notOk(wants.begins({ ...sent[0]!, path: other }))
  t.notOk(wants.begins({ ...sent[0]!, depth: 1 }))
  t.notOk(wants.begins({ ...sent[0]!, length: 4 }))
  t.notOk(wants.isAsked(sent[0]!.id))
  wants.ends(sent[0]!.id, true)
  t.ok(wants.begins(sent[0]!))
  t.ok(wants.isAsked(sent[0]!.id))
  t.notOk(wants.begins(sent[0]!))
})

void t.test('so much is asked for at once, and late answers count', async (t) => {
  const { wants, sent, ask } = asking()
  for (let i = 0; i < 40; i++) wants.want(file, i * mebibyte, mebibyte)
  ask()
  t.equal(sent.length, 16)
  const real = performance.now.bind(performance)
  t.teardown(() => void (performance.now = real))
  const late = (ms: number) => (performance.now = () => real() + ms)
  late(11_000)
  ask()
  t.equal(sent.length, 32, 'they are asked for again')
  late(12_000)
  t.ok(wants.begins(sent[0]!), 'an answer to the first request')
  t.notOk(wants.begins(sent[16]!))
  wants.ends(sent[0]!.id, true)
  late(31_000)
  ask()
  t.equal(sent.length, 33, 'while some come, no others are asked for again')
})

void t.test(
  'a hundred thousand pieces of one file take no time',
  { timeout: 20_000 },
  async (t) => {
    const { wants, sent, ask } = asking()
    const count = 100_000
    for (let i = 0; i < count; i++) wants.want(file, i * mebibyte, mebibyte)
    for (let i = 0; i < count; i++) {
      ask()
      wants.begins(sent[i]!)
      wants.got(file, i * mebibyte, mebibyte)
      wants.ends(sent[i]!.id, true)
    }
    t.ok(wants.isEmpty)
  },
)
