// A mirror that is killed at any moment, and started again, ends where one ends that was left
// alone.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import t from 'tap'
import { RandomStream } from '../support/random-stream.js'
import { removeTree } from '../support/remove-tree.js'
import { rsyncCompare } from '../support/rsync-compare.js'
import { mirrorProgram, runMirror } from '../support/run-mirror.js'
import { seeded } from '../support/seed.js'
import { tempDirectory } from '../support/temp-directory.js'
import { listTree } from '../support/tree-listing.js'

t.setTimeout(600_000)
const kills = 50
const isLong = process.env.TFS_LONG === '1'

void t.test('kill -9 at random moments', { timeout: 600_000 }, async (t) => {
  const { path } = tempDirectory(t)
  const random = seeded(t)
  const file = join(path, 'stream')
  writeFileSync(
    file,
    new RandomStream(random)
      .run(isLong ? 100_000 : 6000)
      .settle()
      .writer.bye().bytes,
  )
  const alone = join(path, 'alone')
  t.match(runMirror([file, alone]), { status: 0, stderr: '' })

  const root = join(path, 'mirror')
  const isExact = async () => {
    t.equal(await rsyncCompare(alone, root), '')
    t.strictSame(listTree(root), listTree(alone))
  }
  let killed = 0
  let ended = 0
  for (let tries = 0; killed < kills && tries < 20 * kills; tries++) {
    if (await killOne(file, root, tries, random.next(60))) killed++
    else {
      ended++
      await isExact()
      removeTree(root)
    }
  }
  t.equal(killed, kills)
  t.comment(`${killed} kills in ${ended + 1} replays`)
  const last = runMirror([file, root])
  t.equal(last.status, 0, last.stderr)
  await isExact()
})

/** Starts it and kills it `ms` after it has begun: whether it was not done by then. */
async function killOne(file: string, root: string, i: number, ms: number): Promise<boolean> {
  const args = [mirrorProgram, '--sync', i % 10 ? '5' : 'always', file, root]
  const child = spawn(process.execPath, args, { stdio: 'ignore' })
  const exited = once(child, 'exit')
  const lock = join(root, '.tfs/lock')
  const begun = () => existsSync(lock) && readFileSync(lock, 'utf8') === `${child.pid}\n`
  for (let waited = 0; waited < 2000 && child.exitCode === null && !begun(); waited++)
    await setTimeout(1)
  await setTimeout(ms)
  child.kill('SIGKILL')
  const [, signal] = (await exited) as [number | null, string | null]
  return signal === 'SIGKILL'
}
