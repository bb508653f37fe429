// What is stated to the mirror of an ordinary user: what he has no leave for he gives himself, as
// far as it is his, and what only root can make is left out.

import * as fs from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { content, encodeXattrs } from '#wire'
import { tempDirectory } from '../support/temp-directory.js'

const user = 65_534

// Who one is, the mirror asks where it is loaded.
process.setgroups!([])
process.setegid!(user)
process.seteuid!(user)
const stating = await import('../support/stated-stream.js')
const { directory, file, own, replayStated } = stating
type StatedStream = InstanceType<typeof stating.StatedStream>

const device = 0o020000
const asRoot = <T>(work: () => T): T => {
  process.seteuid!(0)
  try {
    return work()
  } finally {
    process.seteuid!(user)
  }
}

function place(t: Test) {
  const { path } = asRoot(() => tempDirectory(t))
  // What is removed at the end need not be the user's to remove.
  t.teardown(() => process.seteuid!(0))
  asRoot(() => fs.chownSync(path, user, user))
  const root = join(path, 'mirror')
  fs.mkdirSync(root)
  return { root, at: (name: string) => join(root, name) }
}

const mode = (path: string) => asRoot(() => fs.statSync(path).mode & 0o7777)
const xattrs = encodeXattrs([{ name: Buffer.from('user.a'), value: Buffer.from('1') }])

const fill = (s: StatedStream) =>
  s
    .directory('', { d: directory, l: file, n: device })
    .directory('d', { e: directory, f: file, g: file, h: file }, 0o555)
    .directory('d/e', { f: file }, 0o000)
    .file('d/e/f', 'far down', { mode: file | 0o444 })
    .file('d/f', 'in d', { mode: file | 0o4444, xattrs })
    .file('d/g', 'shared', { mode: file | 0o000, group: 1 })
    .file('d/h', '', { group: 1, linkOf: 'd/g', mode: file, content: content.STATED, size: 6 })
    .large('l', 'x'.repeat(9), file | 0o4444)
    .state('assert-file', { path: 'n', mode: device | 0o666, ...own, major: 1, minor: 3 })
    .end()

void t.test('an empty mirror, twice, and after it was changed', async (t) => {
  const { root, at } = place(t)
  const check = async (what: string) => {
    const { error, result, said } = await replayStated(root, fill)
    t.equal(error, undefined, what)
    t.equal(result?.leftOut.get('devices'), 1)
    t.match(said.join('\n'), /is exact from/)
    t.strictSame(
      asRoot(() => fs.readdirSync(at('d'))),
      ['e', 'f', 'g', 'h'],
    )
    t.strictSame(
      ['d', 'd/e', 'd/e/f', 'd/f', 'd/g', 'l'].map((name) => mode(at(name))),
      [0o555, 0, 0o444, 0o4444, 0, 0o4444],
    )
    const read = (name: string) => asRoot(() => fs.readFileSync(at(name), 'utf8'))
    t.strictSame(['d/e/f', 'd/f', 'd/h', 'l'].map(read), [
      'far down',
      'in d',
      'shared',
      'xxxxxxxxx',
    ])
    t.equal(
      asRoot(() => fs.statSync(at('d')).mtimeMs),
      1_600_000_000_000,
    )
    t.equal(fs.readFileSync(at('.tfs/unlocked'), 'utf8'), '')
  }
  await check('at first')
  await check('as it is')
  fs.chmodSync(at('d'), 0o755)
  fs.mkdirSync(at('d/extra/in/it'), { recursive: true })
  for (const name of ['d/extra/in/it', 'd/extra/in', 'd/extra', 'd']) fs.chmodSync(at(name), 0o555)
  fs.chmodSync(at('d/f'), 0o644)
  fs.writeFileSync(at('d/f'), 'no d')
  fs.chmodSync(at('d/f'), 0o000)
  await check('changed')
  const found: string[] = []
  const { error } = await replayStated(root, fill, {
    bootstrap: false,
    verify: { path: Buffer.alloc(0), repair: false },
    onDifference: (name, what, how) => void found.push(`${name.toString()}: ${what}: ${how}`),
  })
  t.equal(error, undefined)
  t.strictSame(found, [], 'what it may not read is compared as well')
})

void t.test('a hash of what its owner may not read', async (t) => {
  const { root, at } = place(t)
  fs.writeFileSync(at('f'), 'x'.repeat(9), { mode: 0o200 })
  const { error, asked } = await replayStated(root, (s) =>
    s
      .directory('', { f: file })
      .hashed('f', 'x'.repeat(9), file | 0o200)
      .end(),
  )
  t.equal(error, undefined)
  t.equal(asked.length, 1, 'nothing is asked for')
  t.equal(mode(at('f')), 0o200)
})

void t.test("set-id bits of somebody else's", async (t) => {
  const { root, at } = place(t)
  const theirs = { uid: 0, gid: 0, mode: file | 0o6755 }
  const { error } = await replayStated(root, (s) =>
    s.directory('', { f: file }).file('f', 'x', theirs).end(),
  )
  t.equal(error, undefined)
  t.equal(mode(at('f')), 0o755)
  const { result } = await replayStated(
    root,
    (s) => s.directory('', { f: file }).file('f', 'x', theirs).end(),
    { bootstrap: false, verify: { path: Buffer.alloc(0), repair: false } },
  )
  t.equal(result?.differing, 0, 'are not missed')
})
