// A mirror made whole while four programs work at random all over the source: from nothing, from
// an old copy, from a damaged one, from a copy that rsync makes meanwhile. It is exact when it says
// so.

import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { start, type Running } from '../support/broadcast-process.js'
import { generateTree } from '../support/generated-tree.js'
import { HeadedJournal, supportCommand } from '../support/headed-journal.js'
import { ended, until } from '../support/journal-place.js'
import { random } from '../support/random.js'
import { rsyncCompare } from '../support/rsync-compare.js'
import { seed } from '../support/seed.js'

const isLong = process.env['TFS_LONG'] !== undefined
const files = isLong ? 20_000 : 800
const seconds = isLong ? 60 : 3
const rounds = isLong ? 5 : 1
const built = join(import.meta.dirname, '../..')
const timeoutMs = isLong ? 600_000 : 120_000

t.setTimeout(4 * rounds * timeoutMs)
t.comment(`TFS_SEED=${seed}`)

interface Scene {
  readonly journal: HeadedJournal
  readonly socket: string
  readonly copy: string
  readonly seed: number
}

const beginnings: Record<string, (scene: Scene) => Promise<unknown> | void> = {
  nothing: () => undefined,
  'an old copy': async ({ journal, copy }) => {
    await copyTree(journal.store, copy)
    // A week of other work.
    spawnSync('sh', ['-c', supportCommand('name-storm', copy, '1', '1')], { timeout: 60_000 })
  },
  'a damaged copy': async ({ journal, copy, seed }) => {
    await copyTree(journal.store, copy)
    damage(copy, seed)
  },
  'what rsync copies meanwhile': async ({ journal, copy }) => {
    // Files go away while it looks; where hard links do, it may wait for ever for them, with -H.
    await copyTree(journal.mount, copy, '-aAX').catch(() => undefined)
  },
}

const copyTree = (from: string, to: string, how = '-aHAX') =>
  promisify(execFile)('rsync', [how, `${from}/`, to], { timeout: timeoutMs })

const exactLine = (mirror: Running) => /is exact.*/.exec(mirror.stderr())?.[0] ?? ''

/** What the usual run begins from. */
const usual = ['nothing', 'a damaged copy']

for (const [name, begin] of Object.entries(beginnings).filter(
  ([name]) => isLong || usual.includes(name),
))
  for (let round = 1; round <= rounds; round++)
    await t.test(`from ${name}, ${round}`, (t) => bootstrap(t, begin, seed + round))

async function bootstrap(
  t: Test,
  begin: (scene: Scene) => Promise<unknown> | void,
  seed: number,
): Promise<void> {
  const journal = new HeadedJournal(t, timeoutMs)
  const [socket, copy] = ['socket', 'copy'].map((name) => join(journal.dir, name)) as [
    string,
    string,
  ]
  generateTree(journal.store, files)
  // Who opens one waits for another who does.
  spawnSync('find', [journal.store, '-type', 'p', '-delete'])
  mkdirSync(copy)
  if (begin !== beginnings['what rsync copies meanwhile'])
    await begin({ journal, socket, copy, seed })
  const head = [process.execPath, join(built, 'bin/tfs-broadcast.js'), '-q', socket]
  await journal.start('--spool', journal.spool, '--exec', head.map((w) => `'${w}'`).join(' '))
  await until('the socket', () => existsSync(socket))
  const storms = [1, 2, 3, 4].map((n) => storm(journal.mount, seed * 10 + n))
  if (begin === beginnings['what rsync copies meanwhile'])
    await begin({ journal, socket, copy, seed })
  const mirror = start(
    t,
    process.execPath,
    [join(built, 'bin/tfs-mirror.js'), '--bootstrap', '--force', '-v', socket, copy],
    { timeoutMs },
  )
  t.strictSame(
    await Promise.all(storms.map(({ child }) => ended(child))),
    [0, 0, 0, 0],
    storms.map(({ said }) => said()).join(' '),
  )
  await mirror.said(/is exact from message/)
  t.comment(exactLine(mirror), `after ${storms.map(({ said }) => said().trim()).join('+')} works`)
  t.equal(await journal.end(), 'SIGTERM', journal.said)
  t.match(await mirror.ended, { code: 0 })
  t.equal(await rsyncCompare(journal.store, copy), '')
  t.notOk(existsSync(join(copy, '.tfs/incomplete')))
}

function storm(mount: string, seed: number): { child: ChildProcess; said: () => string } {
  const program = join(built, 'test/support/name-storm.js')
  const child = spawn(process.execPath, [program, mount, `${seed}`, `${seconds}`], {
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (piece: Buffer) => (said += piece.toString()))
  return { child, said: () => said }
}

/** Whatever can be wrong with a copy. */
function damage(copy: string, seed: number): void {
  const rng = random(seed)
  const paths = readdirSync(copy, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.length < 100)
    .map((entry) => join(entry.parentPath, entry.name))
  const pick = () => paths[rng.next(paths.length)]!
  for (let i = 0; i < 50; i++) {
    const path = pick()
    if (!existsSync(path)) continue
    const way = rng.next(6)
    if (way === 0) rmSync(path)
    if (way === 1) writeFileSync(path, `damage ${i}`)
    if (way === 2) truncateSync(path, rng.next(5000))
    if (way === 3) linkSync(path, `${path}.link`)
    if (way === 4) mkdirSync(`${path}.directory/a/b`, { recursive: true })
    if (way === 5) {
      rmSync(path)
      mkdirSync(path)
      writeFileSync(join(path, 'not to be here'), readFileSync('/proc/self/stat'))
    }
  }
}
