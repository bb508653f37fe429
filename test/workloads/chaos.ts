// Chaos: while git, SQLite, tar and random operations work on a mount, every program but the
// journal is killed with SIGKILL and started again, over and over, at random. In the end three
// mirrors, reached in three ways, are exact, and none has applied a message twice: applied-once.ts
// says how that is counted, and the first test here that the counting finds it.

import { copyFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { AppliedOnce } from '../support/chaos/applied-once.js'
import { Killer, type Recovery } from '../support/chaos/killer.js'
import { Load } from '../support/chaos/load.js'
import { Site } from '../support/chaos/site.js'
import { SourceRecord } from '../support/chaos/source-record.js'
import { within } from '../support/chaos/within.js'
import { rsyncCompare } from '../support/rsync-compare.js'
import { runMirror } from '../support/run-mirror.js'
import { seed, seeded } from '../support/seed.js'
import { spoolOf } from '../support/spool-files.js'
import { StreamWriter } from '../support/stream-writer.js'
import { tempDirectory } from '../support/temp-directory.js'

const isLong = process.env['TFS_LONG'] !== undefined
const kills = isLong ? 220 : 15
const killingMs = isLong ? 330_000 : 7000
const calmMs = isLong ? 15_000 : 1500
const files = isLong ? 1000 : 150
const pauseMs = isLong ? 1500 : 500
const settleMs = 180_000
const memoryMaxKiB = 200 << 10
t.setTimeout(isLong ? 2_400_000 : 600_000)

await t.test('the counting finds a message that is applied twice', (t) => {
  const stream = new StreamWriter().add('create', { path: 'file' })
  for (let i = 0; i < 40; i++)
    stream.add('write', { path: 'file', offset: 9 * i, data: `write ${i}` })
  stream.bye()
  const spool = spoolOf(t, stream.messages)
  const root = join(tempDirectory(t).path, 'mirror')
  const source = new SourceRecord(spool)
  const copy = new AppliedOnce(root, source)
  const run = (...args: string[]) => {
    copy.begin()
    const { stdout, stderr } = runMirror(['--tee', '--sync', 'none', ...args, spool, root])
    t.equal(stderr, '')
    copy.take(stdout)
    copy.end()
  }
  const [position, kept] = [join(root, '.tfs/position'), join(root, '../kept')]
  run('--until', '10')
  copyFileSync(position, kept)
  run('--until', '15')
  t.strictSame(copy.faults, [])
  // As if it had not noted what it had applied.
  copyFileSync(kept, position)
  run('--until', '20')
  t.equal(copy.faults.filter((fault) => fault.includes('was passed on before')).length, 5)
  run()
  t.equal(copy.record.seq, stream.seq)
  t.equal(copy.messages, stream.seq - 1 + 5)
  source.read()
  t.strictSame(copy.record.differing(source.record), [])
  source.close()
  t.end()
})

await t.test('everything is killed and started again', async (t) => {
  const random = seeded(t)
  const { path } = tempDirectory(t)
  await Load.prepare(path, files)
  const site = new Site(path)
  const killer = new Killer(site, random)
  try {
    await site.start()
    const load = new Load({ mount: site.mount, work: path, seed, pauseMs })
    await killer.run(kills, killingMs, calmMs)
    await load.end()
    await killer.recovered()
    const last = site.source.read()
    await within(settleMs, 'all current', () =>
      site.copies.every(({ record }) => record.seq >= last),
    )
    t.strictSame(await site.end(), [], 'no program ended by itself, and each in order at the end')
    tell(t, site, killer, load)
    await check(t, site, killer)
  } catch (error) {
    t.comment(site.said)
    for (const { name, said } of site.units) t.comment(`${name}: ${said}`)
    throw error
  } finally {
    killer.close()
    site.close()
  }
})

async function check(t: Test, site: Site, killer: Killer): Promise<void> {
  t.ok(killer.count >= kills, `${killer.count} kills`)
  for (const [i, copy] of site.copies.entries()) {
    const name = `mirror ${i + 1}`
    const mirror = site.mirrors[i]!
    t.equal(await rsyncCompare(site.store, mirror), '', `${name} is exact`)
    t.notOk(existsSync(join(mirror, '.tfs/suspects')), `${name} suspects nothing`)
    t.strictSame(copy.faults, [], `${name} has applied each message once`)
    t.equal(copy.record.seq, site.source.record.seq, `${name} has the last one`)
    t.strictSame(copy.record.differing(site.source.record), [], `${name} has what was sent`)
  }
  for (const [name, kib] of killer.memory)
    if (name.startsWith('tfs-broadcast')) t.ok(kib < memoryMaxKiB, `${name}: ${kib} KiB at most`)
}

function tell(t: Test, site: Site, killer: Killer, load: Load): void {
  const { record } = site.source
  t.comment(`${record.seq} messages, ${(record.bytes / 1e6).toFixed(1)} MB`)
  t.comment(`rounds: ${[...load.rounds].map(([kind, n]) => `${kind} ${n}`).join(', ')}`)
  t.comment(`kills: ${[...killer.kills].map(([name, n]) => `${name} ${n}`).join(', ')}`)
  for (const [i, { messages, runs, inDoubt }] of site.copies.entries())
    t.comment(
      `mirror ${i + 1}: ${runs} runs passed on ${messages} messages as applied; ` +
        `at its ends the message in doubt was done ${inDoubt.done} times, and so redone, ` +
        `not done ${inDoubt.notDone}, not to be known ${inDoubt.notKnown}, none ${inDoubt.none}`,
    )
  for (const { name, starts, refusals } of site.units)
    t.comment(`${name}: ${starts} starts, ${refusals} of them in vain`)
  const memory = [...killer.memory].map(([name, kib]) => `${name} ${(kib / 1024).toFixed(0)}`)
  t.comment(`memory at most, in MiB: ${memory.join(', ')}`)
  t.comment('until the copy is current again, after all kills and after those that were alone:')
  tellTimes(t, 'all', killer.recoveries)
  for (const name of [...killer.kills.keys()].sort())
    tellTimes(
      t,
      name,
      killer.recoveries.filter(({ part }) => part === name),
    )
}

function tellTimes(t: Test, name: string, recoveries: readonly Recovery[]): void {
  const alone = recoveries.filter(({ isAlone }) => isAlone)
  t.comment(`  ${name}: ${times(recoveries)}; ${times(alone)}`)
}

function times(recoveries: readonly Recovery[]): string {
  if (recoveries.length === 0) return 'none'
  const sorted = recoveries.map(({ ms }) => ms).sort((a, b) => a - b)
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))]
  const shown = (ms = NaN) => `${(ms / 1000).toFixed(2)} s`
  return (
    `${sorted.length} times, median ${shown(at(0.5))}, 95 % ${shown(at(0.95))}, ` +
    `maximum ${shown(at(1))}`
  )
}
