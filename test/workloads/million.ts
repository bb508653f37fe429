// A large tree stated in bounded memory: as data to a mirror that has nothing, as hashes to one
// that compares, as hashes to one that has half of it. Where the tree is less large, so is what the
// programs may have beside themselves: some 700 bytes for each file.

import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { start, type Running } from '../support/broadcast-process.js'
import { compiled } from '../support/compiled.js'
import { HeadedJournal } from '../support/headed-journal.js'
import { rsyncCompare } from '../support/rsync-compare.js'
import { Subscriber } from '../support/subscriber.js'

const isLong = process.env['TFS_LONG'] !== undefined
const files = Number(process.env['TFS_FILES'] ?? (isLong ? 1_000_000 : 5000))
const timeoutMs = isLong ? 3_600_000 : 120_000
const bin = (name: string) => join(import.meta.dirname, '../../bin', `${name}.js`)
const boundMiB = 512
// Of each thread; what it has without any file is 14.
const heapMiB = 20
const env = isLong
  ? process.env
  : { ...process.env, NODE_OPTIONS: `--max-old-space-size=${heapMiB}` }

t.setTimeout(3 * timeoutMs)

await t.test(`${files} files`, async (t) => {
  const journal = new HeadedJournal(t, timeoutMs)
  const [socket, copy] = ['socket', 'copy'].map((name) => join(journal.dir, name)) as [
    string,
    string,
  ]
  mkdirSync(copy)
  journal.env = env
  execFileSync(compiled('many-files'), [journal.store, `${files}`], { timeout: timeoutMs })
  const head = [process.execPath, bin('tfs-broadcast'), '-q', socket]
  await journal.start('--exec', `exec ${head.map((word) => `'${word}'`).join(' ')}`)
  const client = await Subscriber.connectSoon(socket)
  client.client.socket.destroy()
  const run = (...options: string[]) =>
    start(t, process.execPath, [bin('tfs-mirror'), '-v', ...options, socket, copy], {
      timeoutMs,
      env,
    })
  const tell = (what: string, mirror: Running, sinceMs: number) =>
    told(t, what, { journal: journal.child.pid!, mirror: mirror.child.pid! }, sinceMs)

  let since = performance.now()
  const first = run('--bootstrap')
  await first.said(/is exact from message/)
  tell('made whole from nothing', first, since)
  first.child.kill('SIGTERM')
  t.match(await first.ended, { signal: 'SIGTERM' })

  since = performance.now()
  const second = run('--verify')
  const sampled = sample(second)
  t.match(await second.ended, { code: 0 }, 'no difference')
  t.comment(`compared: ${((performance.now() - since) / 1000).toFixed(1)} s`)
  check(t, 'compared', { journal: peakMiB(journal.child.pid!), mirror: await sampled })

  // Half of it is lost.
  execFileSync('rm', ['-rf', ...['wide', 's1', 's3', 's5', 's7', 's9'].map((s) => join(copy, s))])
  since = performance.now()
  const third = run('--bootstrap')
  await third.said(/is exact from message/)
  tell('made whole from a part', third, since)

  t.equal(await journal.end(), 'SIGTERM')
  t.match(await third.ended, { code: 0 })
  t.equal(await rsyncCompare(journal.store, copy, false, timeoutMs), '', 'exact')
})

type Peaks = Readonly<Record<string, number>>

function told(t: Test, what: string, pids: Record<string, number>, sinceMs: number): void {
  const seconds = (performance.now() - sinceMs) / 1000
  t.comment(`${what}: ${seconds.toFixed(1)} s, ${Math.round(files / seconds)} files/s`)
  const peaks = Object.entries(pids).map(([name, pid]) => [name, peakMiB(pid)] as const)
  check(t, what, Object.fromEntries(peaks))
}

function check(t: Test, what: string, peaks: Peaks): void {
  const all = Object.entries(peaks)
  t.comment(`${what}: ${all.map(([name, mib]) => `${name} ${mib.toFixed(0)} MiB`).join(', ')}`)
  for (const [name, mib] of all) t.ok(mib > 0 && mib < boundMiB, `${name}, ${what}`)
}

// Of one that ends by itself.
async function sample({ child }: Running): Promise<number> {
  let most = 0
  while (child.exitCode === null && child.signalCode === null) {
    most = Math.max(most, peakMiB(child.pid!))
    await sleep(50)
  }
  return most
}

/** The most memory that a process had at any time; 0 where it is gone. */
function peakMiB(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1')
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024
  } catch {
    return 0
  }
}
