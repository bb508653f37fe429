// A database whose source waits for a replica: whatever moment all of the source is killed at, it
// starts from the mirror and has every transaction that its clients were told to be committed.

import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { CommitRecorder, recordedIn, recordersTable } from '../support/commit-recorder.js'
import { until } from '../support/journal-place.js'
import { transactionsIn } from '../support/pgbench.js'
import { Postgres } from '../support/postgres.js'
import type { Random } from '../support/random.js'
import { ReplicatedSource } from '../support/replicated-source.js'
import { seeded } from '../support/seed.js'
import { shell } from '../support/shell.js'

const isLong = process.env['TFS_LONG'] !== undefined
const rounds = isLong ? 20 : 2
const loadMs = isLong ? 4000 : 1500
const rateSec = isLong ? 15 : 3
const clients = 4
t.setTimeout(isLong ? 3_600_000 : 300_000)

class Bank {
  readonly recorders: CommitRecorder[] = []
  readonly postgres: Postgres
  readonly #source: ReplicatedSource
  readonly #random: Random
  #load: Promise<string> | undefined

  constructor(source: ReplicatedSource, random: Random) {
    this.#source = source
    this.#random = random
    this.postgres = new Postgres(join(source.journal.mount, 'pg'), source.journal.dir)
  }

  async make(): Promise<void> {
    const { mount } = this.#source.journal
    await shell('install -d -o postgres -g postgres -m 700 "$1"', [join(mount, 'pg')])
    await this.postgres.initialise({ quick: true })
    await this.postgres.start()
    await this.postgres.client(`pgbench -q -i -s 1 2>&1`)
    await this.postgres.query(recordersTable)
  }

  /** Works until the source is killed; each client has been told of so many commits at least. */
  async work(commits: number): Promise<void> {
    const log = `pgbench -n -c 2 -T 600 -l --log-prefix=round${this.recorders.length}`
    this.#load = this.postgres.client(`${log} 2>&1 || true`)
    const first = this.recorders.length
    for (let i = 0; i < clients; i++)
      this.recorders.push(new CommitRecorder(this.postgres, first + i))
    const now = this.recorders.slice(first)
    await until('commits', () => now.every(({ reported }) => reported >= commits))
  }

  /** kill -9 of all that belongs to the source, one after the other. */
  async kill(): Promise<void> {
    const all = [...this.#source.processes, ...this.postgres.processes()]
    const isSlow = this.#random.next(2) === 0
    while (all.length > 0) {
      const [pid] = all.splice(this.#random.next(all.length), 1)
      killed(pid!)
      if (isSlow) await sleep(this.#random.next(5))
    }
  }

  /** After that: waits until all is gone, the clients too. */
  async gone(): Promise<void> {
    await this.#source.gone()
    // The journal may have started another one while it was being killed.
    for (const pid of this.#source.processes) killed(pid)
    await this.postgres.gone()
    await this.#load
    for (const recorder of this.recorders) await recorder.ended()
  }

  /** Transactions that pgbench was told of. */
  async told(): Promise<number> {
    return Number(await shell('cat "$1"/round* | wc -l', [this.postgres.work]))
  }

  /** What a database that runs has of all that was reported. */
  async check(t: Test, postgres: Postgres, where: string): Promise<[number, number]> {
    const { reported, missing, beyond, wrong } = await recordedIn(postgres, this.recorders)
    t.equal(missing, 0, `${where}: all of ${reported} transactions`)
    t.strictSame(wrong, [], where)
    const [told, found] = [await this.told(), await transactionsIn(t, postgres, where)]
    t.ok(found >= told, `${where}: ${found} of pgbench's ${told} transactions`)
    return [reported + told, beyond + found - told]
  }
}

function killed(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    // Of PostgreSQL's, many end where their server does.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** Starts the database of the copy, on a copy of that, for `body`. */
async function onMirror<T>(
  source: ReplicatedSource,
  body: (postgres: Postgres) => Promise<T>,
): Promise<T> {
  const data = join(source.journal.dir, 'restored')
  await shell('cp -a "$1" "$2"', [join(source.copy, 'pg'), data])
  const postgres = new Postgres(data, source.journal.dir)
  try {
    await postgres.start()
    return await body(postgres)
  } finally {
    await postgres.kill()
    rmSync(data, { recursive: true })
  }
}

/** Starts the source again: what its kill has left unsaid comes to the copy. */
async function restart(t: Test, source: ReplicatedSource, replicas: number): Promise<number> {
  await source.start(replicas)
  const { stated } = source
  t.ok(stated.length <= 2, `${stated.length} paths were being changed`)
  t.strictSame(await source.differences(), [], `the copy; stated: ${stated.join(' ')}`)
  return stated.length
}

/** Commits per second of pgbench. */
async function rate(postgres: Postgres): Promise<number> {
  const said = await postgres.client(`pgbench -n -c ${clients} -T ${rateSec} 2>&1`)
  return Number(/tps = ([\d.]+)/.exec(said)?.[1])
}

void t.test('whatever is killed, the mirror has what was reported', async (t) => {
  const random = seeded(t)
  const source = new ReplicatedSource(t)
  const bank = new Bank(source, random)
  const { postgres } = bank
  t.teardown(() => postgres.kill())
  await source.start(1)
  await bank.make()
  let [reported, beyond, stated] = [0, 0, 0]
  for (let round = 1; round <= rounds; round++) {
    await bank.work(2)
    await sleep(random.next(loadMs))
    await bank.kill()
    // As if the mirror's machine had stopped soon after; or it takes what has come still.
    await source.endMirror(random.next(2) === 0 ? 'SIGKILL' : 'SIGTERM')
    await bank.gone()
    const before = reported
    const where = `round ${round}`
    ;[reported, beyond] = await onMirror(source, (copy) => bank.check(t, copy, where))
    t.ok(reported > before, `${where}: ${reported - before} more transactions`)
    stated += await restart(t, source, 1)
    await postgres.start()
    await bank.check(t, postgres, `${where}, the source`)
  }
  t.comment(
    `${rounds} rounds, ${reported} transactions reported, all found, and ${beyond} beyond them;`,
    `${stated} paths were being changed`,
  )
  const waiting = await rate(postgres)
  await postgres.stop()
  t.equal(await source.journal.end(), 'SIGTERM')
  await source.endMirror('SIGTERM')

  t.equal(await restart(t, source, 0), 0, 'a clean end')
  await postgres.start()
  const alone = await rate(postgres)
  t.comment(`with --replicas 1: ${(waiting / alone).toFixed(2)} of the commits per second without`)

  // Without replicas a mirror that stands still has not what was reported: that is found.
  source.signalMirror('SIGSTOP')
  await bank.work(5)
  await bank.kill()
  await source.endMirror('SIGKILL')
  await bank.gone()
  const { missing } = await onMirror(source, (copy) => recordedIn(copy, bank.recorders))
  t.ok(missing >= 5 * clients, `a mirror that stands still lacks ${missing}`)
  await restart(t, source, 1)
  await postgres.start()
  await bank.check(t, postgres, 'at the end')
  await postgres.stop()
  await source.current()
  t.strictSame(await source.differences(), [])
  t.equal(await source.journal.end(), 'SIGTERM')
})
