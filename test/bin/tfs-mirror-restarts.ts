// One tfs-mirror that follows a spool, whatever becomes of the journal that writes it: it takes
// each run of it for what it is, and ends exact.

import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { Spool } from '#spool'
import { start } from '../support/broadcast-process.js'
import { until } from '../support/journal-place.js'
import { mirrorPosition } from '../support/mirror-position.js'
import { rsyncCompare } from '../support/rsync-compare.js'
import { mirrorProgram } from '../support/run-mirror.js'
import { seeded } from '../support/seed.js'
import { shell } from '../support/shell.js'
import { tempDirectory } from '../support/temp-directory.js'

const isLong = process.env['TFS_LONG'] !== undefined
const kills = isLong ? 50 : 4
const timeout = 60_000
const journalProgram = join(import.meta.dirname, '../../bin/tfs-journal.js')
t.setTimeout(isLong ? 1_800_000 : 120_000)

/** A journal with a spool, until it is ended. */
async function journal(t: Test, store: string, mount: string, spool: string) {
  const args = [journalProgram, '-v', '--spool', spool, store, mount]
  const running = start(t, process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  await running.said(/journalled from now on/)
  return running
}

/** Makes, writes, renames and removes files, over and over. */
function load(mount: string, n: number): ChildProcess {
  const script =
    'i=0; while :; do i=$((i+1)); mkdir -p d; echo "$0 $i" > d/a; mv d/a f$((i%9)); ' +
    'echo $i >> log; rm -f d/b; ln f$((i%9)) d/b; done'
  const options = { cwd: mount, stdio: 'ignore', timeout: isLong ? 1_800_000 : timeout } as const
  return spawn('sh', ['-c', script, `run ${n}`], options)
}

void t.test('the journal is killed and started again, the mirror goes on', async (t) => {
  const random = seeded(t)
  const { path } = tempDirectory(t)
  const [store, mount, spool, copy] = ['store', 'mount', 'spool', 'copy'].map((name) =>
    join(path, name),
  ) as [string, string, string, string]
  for (const directory of [store, mount, spool, copy]) mkdirSync(directory, { mode: 0o700 })
  t.teardown(() => spawnSync('umount', ['-l', mount], { timeout, stdio: 'ignore' }))
  const args = [mirrorProgram, '--follow', '--sync', '2', spool, copy]
  const mirror = start(t, process.execPath, args, { timeoutMs: 1_800_000 })
  for (let n = 0; n < kills; n++) {
    const running = await journal(t, store, mount, spool)
    const worker = load(mount, n)
    await sleep(300 + random.next(700))
    const gone = once(worker, 'exit')
    running.child.kill('SIGKILL')
    worker.kill('SIGKILL')
    await Promise.all([running.ended, gone])
  }
  const last = await journal(t, store, mount, spool)
  await shell(`rm -rf ${mount}/d; echo end > ${mount}/end`)
  last.child.kill('SIGTERM')
  await last.ended
  const opened = new Spool(spool)
  const { epoch, seq } = opened.newest()
  opened.close()
  await until('at the end', () => {
    if (mirror.child.exitCode !== null) throw new Error(mirror.stderr())
    const at = mirrorPosition(copy)
    return at.epoch === epoch && at.seq === seq
  })
  mirror.child.kill('SIGTERM')
  const { signal, stderr } = await mirror.ended
  t.equal(signal, 'SIGTERM', stderr)
  const cat = spawnSync('sh', ['-c', `cat ${spool}/*.tfs | wc -c`], { encoding: 'utf8', timeout })
  const first = spawnSync('sh', ['-c', `cat ${spool}/*.tfs | od -An -tu4 -N4`], {
    encoding: 'utf8',
  })
  const bytes = Number(cat.stdout) - Number(first.stdout)
  t.equal(mirrorPosition(copy).bytes, bytes, 'each message once')
  const suspects = stderr.match(/noted as suspect/g)?.length ?? 0
  t.comment(`${suspects} suspects in ${kills} kills`)
  t.ok(suspects <= 3 * kills, stderr)
  t.equal(await rsyncCompare(store, copy), '')
})
