// DIR/.tfs: its marker, its lock, what is not trusted in it, what is not done without it.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { replay } from '../support/replay.js'
import { StreamWriter } from '../support/stream-writer.js'
import { tempDirectory } from '../support/temp-directory.js'

const program = join(import.meta.dirname, '../../bin/tfs-mirror.js')
const stream = (epoch = 7) => new StreamWriter(epoch).add('create', { path: `f${epoch}` })
const whole = stream().bye().bytes

void t.test('an empty or missing directory is taken, and its mtime left as it is', async (t) => {
  const { path } = tempDirectory(t)
  const root = join(path, 'mirror')
  fs.mkdirSync(root)
  fs.utimesSync(root, 5, 5)
  t.match(await replay(new StreamWriter().bye().bytes, root), { error: undefined })
  t.equal(fs.statSync(root).mtimeMs, 5000)
  t.equal(fs.statSync(join(root, '.tfs')).mode & 0o777, 0o700)
  for (const name of fs.readdirSync(join(root, '.tfs')))
    t.equal(fs.statSync(join(root, '.tfs', name)).mode & 0o777, 0o600, name)
  t.match(await replay(whole, join(path, 'one/two')), { error: { code: 'ENOENT' } })
  t.notOk(fs.existsSync(join(path, 'one')), 'only the last component is made')
  t.match(await replay(whole, join(path, 'mirror/.tfs/lock')), { error: { code: 'EMIRROR_ROOT' } })
})

void t.test('24: state that somebody planted', async (t) => {
  const { path } = tempDirectory(t)
  const victim = join(path, 'victim')
  const plants: [string, (state: string, root: string) => void, RegExp][] = [
    ['.tfs is a symlink', (_, root) => fs.symlinkSync(path, join(root, '.tfs')), /not a directory/],
    ['.tfs is a file', (_, root) => fs.writeFileSync(join(root, '.tfs'), ''), /not a directory/],
    [
      'open to others',
      (state) => (fs.mkdirSync(state), fs.chmodSync(state, 0o755)),
      /open to others/,
    ],
    [
      "somebody else's",
      (state) => (fs.mkdirSync(state, 0o700), fs.chownSync(state, 1, 1)),
      /user 1/,
    ],
    [
      'lock',
      (state) => (fs.mkdirSync(state, 0o700), fs.symlinkSync(victim, join(state, 'lock'))),
      /link/,
    ],
    [
      'position',
      (state) => (fs.mkdirSync(state, 0o700), fs.symlinkSync(victim, join(state, 'position'))),
      /link/,
    ],
    [
      'hard link',
      (state) => (fs.mkdirSync(state, 0o700), fs.linkSync(victim, join(state, 'lock'))),
      /other names/,
    ],
    [
      'FIFO',
      (state) => (fs.mkdirSync(state, 0o700), spawnSync('mkfifo', [join(state, 'lock')])),
      /regular/,
    ],
    [
      'suspects',
      (state) => (fs.mkdirSync(state, 0o700), fs.symlinkSync(victim, join(state, 'suspects'))),
      /link/,
    ],
    [
      'omitted',
      (state) => (fs.mkdirSync(state, 0o700), fs.symlinkSync(victim, join(state, 'omitted'))),
      /link/,
    ],
    [
      'trash',
      (state) => (fs.mkdirSync(state, 0o700), fs.symlinkSync(path, join(state, 'trash'))),
      /not a directory/,
    ],
  ]
  for (const [what, plant, reason] of plants) {
    const root = fs.mkdtempSync(join(path, 'mirror-'))
    fs.writeFileSync(victim, 'precious')
    plant(join(root, '.tfs'), root)
    // Only looked at where there is something to note.
    const bad = new StreamWriter().add('unlink', { path: 'missing' }).bye().bytes
    t.match(await replay(bad, root), { error: { code: 'EMIRROR_STATE', message: reason } }, what)
    t.equal(fs.readFileSync(victim, 'utf8'), 'precious')
    fs.rmSync(victim)
  }
})

void t.test('25: state that is damaged or of another version', async (t) => {
  const root = join(tempDirectory(t).path, 'mirror')
  const file = join(root, '.tfs/position')
  t.equal((await replay(whole, root)).error, undefined)
  const good = fs.readFileSync(file)
  for (let slot = 0; slot < good.length; slot += 4096)
    for (let i = slot; i < slot + 128; i++) {
      const bad = Buffer.from(good)
      bad[i]! ^= 1
      fs.writeFileSync(file, bad)
      const { error } = await replay(whole, root)
      if (error?.code !== 'EMIRROR_STATE' || !error.message.includes('.tfs/position'))
        t.fail(`byte ${i}: ${error?.message}`)
    }
  for (const size of [1, 128, 4096, 4200]) {
    fs.writeFileSync(file, good.subarray(0, size))
    t.match(await replay(whole, root), { error: { code: 'EMIRROR_STATE', message: /damaged/ } })
  }
  fs.rmSync(file)
  t.match(await replay(whole, root), { error: { code: 'EMIRROR_ADOPT' } }, 'never from 0 by itself')
  fs.writeFileSync(file, good, { mode: 0o600 })
  t.match(await replay(whole, root), { error: undefined, result: { counts: { skipped: 3 } } })
})

void t.test('a run that ended before it began is no obstacle', async (t) => {
  const root = join(tempDirectory(t).path, 'mirror')
  fs.mkdirSync(join(root, '.tfs'), { recursive: true, mode: 0o700 })
  fs.writeFileSync(join(root, '.tfs/lock'), '', { mode: 0o600 })
  t.equal((await replay(whole, root)).error, undefined)
})

void t.test('20, 21: a second mirror of one directory', { timeout: 30_000 }, async (t) => {
  const root = join(tempDirectory(t).path, 'mirror')
  const first = spawn(process.execPath, [program, '-', root], {
    stdio: ['pipe', 'inherit', 'pipe'],
  })
  t.teardown(() => first.kill('SIGKILL'))
  first.stdin.write(stream().bytes)
  while (!fs.existsSync(join(root, 'f7'))) await new Promise((resolve) => setTimeout(resolve, 10))
  const begun = Date.now()
  const second = spawnSync(process.execPath, [program, '-', root], {
    input: whole,
    encoding: 'utf8',
    timeout: 10_000,
  })
  t.equal(second.status, 1)
  t.match(second.stderr, `process ${first.pid}`)
  t.ok(Date.now() - begun < 5000)
  first.kill('SIGKILL')
  await once(first, 'exit')
  t.equal((await replay(whole, root)).error, undefined, 'a lock dies with its holder')
})

void t.test(
  '34: the root is removed, or the position, while it runs',
  { timeout: 30_000 },
  async (t) => {
    const { path } = tempDirectory(t)
    for (const [removed, reason] of [
      ['', /was removed/],
      ['.tfs/position', /position: was removed/],
    ] as const) {
      const root = join(path, `mirror${removed.length}`)
      const child = spawn(process.execPath, [program, '-', root], {
        stdio: ['pipe', 'ignore', 'pipe'],
      })
      t.teardown(() => child.kill('SIGKILL'))
      child.stdin.write(stream().bytes)
      while (!fs.existsSync(join(root, 'f7')))
        await new Promise((resolve) => setTimeout(resolve, 10))
      let said = ''
      child.stderr.on('data', (data: Buffer) => (said += data.toString()))
      fs.rmSync(join(root, removed), { recursive: true })
      if (removed === '') fs.mkdirSync(root)
      const [code] = (await once(child, 'exit')) as [number]
      t.equal(code, 111)
      t.match(said, reason)
      if (removed === '') t.strictSame(fs.readdirSync(root), [], 'nothing in what took its place')
    }
  },
)
