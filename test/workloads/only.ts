// A mirror of a part of its source, while programs work at random all over the source: files and
// directories, and what leads to the part, go and come across its edge, and files have names on
// both sides of it. The part is exact, and nothing else is there.

import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { start, type Running } from '../support/broadcast-process.js'
import { generateTree } from '../support/generated-tree.js'
import { HeadedJournal } from '../support/headed-journal.js'
import { ended, until } from '../support/journal-place.js'
import { pause } from '../support/mirrored-mount.js'
import { rsyncCompare } from '../support/rsync-compare.js'
import { seed } from '../support/seed.js'

const isLong = process.env['TFS_LONG'] !== undefined
const files = isLong ? 5000 : 300
const seconds = isLong ? 60 : 2
const rounds = isLong ? 6 : 1
const built = join(import.meta.dirname, '../..')
const timeoutMs = isLong ? 300_000 : 60_000

t.setTimeout(rounds * timeoutMs * 2)
t.comment(`TFS_SEED=${seed}`)

const acrossTheEdge = `
  test -d a/b || { rm -rf a; mkdir -p a/b; }
  test -d a/b/c || { rm -rf a/b/c; mkdir a/b/c; }
  test -d z || { rm -rf z; mkdir z; }
  for i in 1 2 3; do
    mkdir -p z/in$i/deep a/b/c/out$i/deep
    for f in 1 2 3 4; do
      echo "in $i $f" > z/in$i/deep/$f; echo "out $i $f" > a/b/c/out$i/deep/$f
      ln z/in$i/deep/$f a/b/c/link$i$f; ln a/b/c/out$i/deep/$f z/link$i$f
    done
    mv z/in$i a/b/c/; mv a/b/c/out$i z/
    echo more >> a/b/c/in$i/deep/1; echo more >> z/link\${i}1; echo more >> z/out$i/deep/2
    mv z/out$i/deep/1 a/b/c/back$i; ln z/link\${i}2 a/b/c/again$i
    echo more >> z/link\${i}2
  done
  mv a q; mv a/b/c/in1 z/ 2>/dev/null || true; echo more >> q/b/c/in1/deep/2; mv q a
  mv a/b x; mkdir a/b; mkdir a/b/c; echo other > a/b/c/other
  mv a/b/c z/other; mv x/c a/b/c; mv z/other a/b/c/
`

for (let round = 1; round <= rounds; round++)
  await t.test(`round ${round}`, (t) => follow(t, seed + round))

async function follow(t: Test, seed: number): Promise<void> {
  const journal = new HeadedJournal(t, timeoutMs)
  const [socket, copy] = ['socket', 'copy'].map((name) => join(journal.dir, name)) as [
    string,
    string,
  ]
  for (const name of ['a/b/c', 'z']) {
    mkdirSync(join(journal.store, name), { recursive: true })
    generateTree(join(journal.store, name), files)
  }
  // Who opens one waits for another who does; links made before it joins a mirror cannot know.
  spawnSync('find', [journal.store, '-type', 'p', '-delete'])
  spawnSync('find', [join(journal.store, 'z'), '-type', 'f', '-links', '+1', '-delete'])
  const head = [process.execPath, join(built, 'bin/tfs-broadcast.js'), '-q', socket]
  await journal.start('--spool', journal.spool, '--exec', head.map((w) => `'${w}'`).join(' '))
  await until('the socket', () => existsSync(socket))
  const mirror = (...words: string[]) =>
    start(
      t,
      process.execPath,
      [join(built, 'bin/tfs-mirror.js'), '--only', 'a/b/c', ...words, socket, copy],
      { timeoutMs },
    )
  let running = mirror('--bootstrap')
  await running.said(/is exact from message/)
  const storms = [1, 2, 3].map((n) => storm(journal.mount, seed * 10 + n))
  const all = Promise.all(storms.map(({ child }) => ended(child)))
  // It is killed now and then, and goes on where it was.
  for (let i = 0; i < (isLong ? 5 : 1); i++) {
    await pause((seconds * 1000) / (isLong ? 6 : 2))
    running.child.kill('SIGKILL')
    await running.ended
    running = mirror()
  }
  t.strictSame(await all, [0, 0, 0], storms.map(({ said }) => said()).join(' '))
  journal.sh(acrossTheEdge)
  await settled(journal, copy, running)
  t.comment(`after ${storms.map(({ said }) => said().trim()).join('+')} works`)
  t.equal(await journal.end(), 'SIGTERM', journal.said)
  t.match(await running.ended, { code: 0 }, running.stderr())
  t.equal(await rsyncCompare(join(journal.store, 'a/b/c'), join(copy, 'a/b/c')), '')
  t.strictSame(readdirSync(copy).toSorted(), ['.tfs', 'a'])
  t.strictSame(readdirSync(join(copy, 'a')), ['b'])
  t.strictSame(readdirSync(join(copy, 'a/b')), ['c'])
}

// All that was done has come, and what had to be asked for as well.
async function settled(journal: HeadedJournal, copy: string, mirror: Running): Promise<void> {
  journal.sh('echo > a/b/c/settled')
  const suspects = join(copy, '.tfs/suspects')
  const isSettled = () => existsSync(join(copy, 'a/b/c/settled')) && !existsSync(suspects)
  for (let calm = 0, end = performance.now() + timeoutMs / 2; calm < 5; await pause(100)) {
    if (performance.now() > end) throw new Error(`it does not settle: ${mirror.stderr()}`)
    calm = isSettled() ? calm + 1 : 0
  }
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
