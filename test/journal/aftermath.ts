// What a run goes on from, and what is in doubt, after runs that ended in every way.

import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { check, eventfd } from '#posix'
import { aftermathOf, pathsLeft } from '../../packages/journal/aftermath.js'
import { noChange } from '../../packages/journal/intent.js'
import { JournalSpool } from '../../packages/journal/journal-spool.js'
import { SyncPool } from '../../packages/journal/sync-pool.js'
import { HeadedJournal } from '../support/headed-journal.js'
import { ended, until } from '../support/journal-place.js'
import { runMirror } from '../support/run-mirror.js'
import { messageOf, StreamWriter } from '../support/stream-writer.js'
import { tempDirectory } from '../support/temp-directory.js'

t.setTimeout(120_000)
const timeout = 60_000

/** A journal's spool without the journal. It is not closed: as after a kill. */
class Killed {
  readonly #path: string
  readonly #syncs = new SyncPool(check(eventfd(), 'eventfd'))
  #spool: JournalSpool | undefined

  constructor(t: Test) {
    this.#path = join(tempDirectory(t).path, 'spool')
    t.teardown(() => this.#spool?.close())
  }

  /** Another run after a kill: what it goes on from. `as` is how far it comes. */
  run(epoch: number, as: 'opened' | 'begun' | 'greeted' | 'settled') {
    this.#spool?.close()
    const nothing = () => {}
    const spool = new JournalSpool(
      {
        path: this.#path,
        sync: 'none',
        onFull: 'block',
        isAbandoned: () => true,
        onStall: nothing,
        onDetach: nothing,
        onSyncFailure: nothing,
        syncs: this.#syncs,
      },
      epoch,
    )
    this.#spool = spool
    const aftermath = aftermathOf(spool)
    const { previous, left, owed, owedSince, unconnected } = aftermath
    const told = {
      from: previous.epoch,
      left: pathsLeft(aftermath).map(String),
      owed: owed.paths().map(String),
      ...(unconnected === undefined ? {} : { unconnected }),
    }
    if (as === 'opened') return told
    spool.begin(previous.epoch, left, owedSince)
    if (as === 'begun') return told
    for (const message of new StreamWriter(epoch, previous).messages)
      spool.append(message, message.length)
    if (as === 'settled') spool.settle()
    return told
  }

  /** Changes what is at `path`, and is killed before that is in the stream. */
  change(path: string, epoch: number): void {
    const body = { path: 'written', offset: 0, data: 'x' }
    const message = messageOf('write', body, { seq: 2, epoch })
    this.#spool!.append(message, message.length)
    this.#spool!.intend(3, false, { ...noChange, one: Buffer.from(path) })
  }
}

void t.test('a run that is killed before it has begun leaves all to the next one', (t) => {
  const spool = new Killed(t)
  t.strictSame(spool.run(1, 'settled'), { from: 0, left: [], owed: [] })
  spool.change('path', 1)
  const left = (from: number) => ({ from, left: ['path'], owed: ['written'] })
  t.strictSame(spool.run(2, 'opened'), left(1))
  t.strictSame(spool.run(3, 'begun'), left(1))
  t.strictSame(spool.run(4, 'begun'), left(1))
  t.strictSame(spool.run(5, 'greeted'), left(1))
  t.strictSame(spool.run(6, 'begun'), left(5))
  t.strictSame(spool.run(7, 'settled'), left(5))
  t.match(spool.run(8, 'settled'), { from: 7, left: [] })
  t.end()
})

void t.test(
  'a spool without room that the mount went on without is not gone on from',
  async (t) => {
    if (process.getuid?.() !== 0) {
      t.comment('only root can mount a small file system')
      return
    }
    const journal = new HeadedJournal(t)
    mkdirSync(journal.spool, { mode: 0o700 })
    const small = ['-t', 'tmpfs', '-o', 'size=2m,mode=700', 'tmpfs', journal.spool]
    spawnSync('mount', small, { timeout })
    t.teardown(() => spawnSync('umount', ['-l', journal.spool], { timeout }))
    await journal.start('--spool', journal.spool, '--on-full', 'detach')
    journal.sh('head -c 4M /dev/zero > large; echo x > small')
    await until('said', () => journal.said.includes('are not in it'))
    await journal.end()
    spawnSync('mount', ['-o', 'remount,size=64m', journal.spool], { timeout })
    journal.said = ''
    await journal.start('--spool', journal.spool)
    t.match(journal.said, 'does not go on from its end: its last run')
    await journal.end()
  },
)

void t.test(
  'what is linked after it was written is in doubt until all of it is said',
  async (t) => {
    const journal = new HeadedJournal(t)
    await journal.start('--spool', journal.spool)
    // With no name it emits nothing; then all at once.
    const script = `const fs = require('fs'), size = 128 << 20
    const fd = fs.openSync('.', 0o20200002, 0o600)
    for (let at = 0; at < size; at += 1 << 20) fs.writeSync(fd, Buffer.alloc(1 << 20, 1))
    fs.writeSync(1, '.')
    require('child_process').spawnSync('ln', ['-L', '/proc/self/fd/3', 'linked'],
      { stdio: [0, 1, 2, fd] })`
    const linking = spawn(process.execPath, ['-e', script], {
      cwd: journal.mount,
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout,
    })
    await new Promise((resolve) => linking.stdout.once('data', resolve))
    const isUnderWay = () =>
      readdirSync(journal.spool)
        .filter((name) => name.endsWith('.tfs'))
        .some((name) => statSync(join(journal.spool, name)).size > 8 << 20)
    const deadlineMs = performance.now() + timeout
    while (!isUnderWay() && performance.now() < deadlineMs);
    journal.child.kill('SIGKILL')
    await ended(journal.child)
    await ended(linking)
    journal.said = ''
    await journal.start('--spool', journal.spool)
    t.match(journal.said, 'linked: was being changed when the last run was killed')
    await journal.end()
  },
)

void t.test('the spool is made durable by the clock, and by syncs', async (t) => {
  const started = async (sync: string) => {
    const journal = new HeadedJournal(t)
    journal.env = { ...process.env, TFS_FAULTS: 'fdatasync:1:EIO' }
    await journal.start('--spool', journal.spool, '--spool-sync', sync)
    return journal
  }
  const often = await started('200ms')
  await until('said', () => often.said.includes('the spool: cannot be made durable (EIO)'))
  often.sh('echo x > f; sync f')
  t.equal(await often.end(), 'SIGTERM')
  const rarely = await started('1h')
  rarely.sh('echo y > f')
  t.throws(() => rarely.sh('sync f'), /Input\/output error/)
  rarely.sh('sync f')
  t.equal(await rarely.end(), 'SIGTERM')
})

void t.test('the time of a file that loses the name by which it was written', async (t) => {
  const journal = new HeadedJournal(t)
  await journal.start('--spool', journal.spool)
  // While a file is open its time comes after a quiet second.
  const script = `const fs = require('fs')
    const write = (name) => fs.writeSync(fs.openSync(name, 'a'), 'more')
    for (const name of ['a', 'c', 'e', 'f']) fs.closeSync(fs.openSync(name, 'w'))
    fs.linkSync('a', 'b'); fs.linkSync('f', 'g')
    write('a'); fs.unlinkSync('a')
    write('c'); fs.linkSync('c', 'd'); fs.unlinkSync('c')
    write('f'); fs.renameSync('e', 'f')
    process.kill(${journal.child.pid}, 'SIGKILL')`
  spawnSync(process.execPath, ['-e', script], { cwd: journal.mount, timeout })
  await ended(journal.child)
  journal.said = ''
  await journal.start('--spool', journal.spool)
  t.equal(await journal.end(), 'SIGTERM')
  const copy = join(journal.dir, 'copy')
  const { status, stderr } = runMirror(['--sync=none', journal.spool, copy])
  t.equal(status, 0, stderr)
  for (const name of ['b', 'd', 'f', 'g']) {
    const [there, here] = [journal.store, copy].map((at) =>
      statSync(join(at, name), { bigint: true }),
    )
    t.equal(here!.mtimeNs, there!.mtimeNs, name)
  }
})
