// Syncs on the mount that return when enough copies have it on disk.

import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { errno } from '#posix'
import { decodeMessage, MessageReader } from '#wire'
import { Replicas } from '../../packages/journal/replicas.js'
import { HeadedJournal, supportCommand } from '../support/headed-journal.js'
import { ended, until } from '../support/journal-place.js'
import { messageOf } from '../support/stream-writer.js'

t.setTimeout(120_000)
const [one, two, three] = ['1', '2', '3'].map((digit) => digit.repeat(16))

/** A journal to which the test itself sends the acks. */
class Acked extends HeadedJournal {
  ack(who: string, durable: number, epoch = this.status().position.epoch): void {
    const body = { who: `${who} host:/copy`, epoch, received: durable, applied: durable, durable }
    this.child.stdin!.write(messageOf('ack', body, { seq: 0, epoch }))
  }

  /** Runs a script in the mount that will have to wait. */
  run(script: string): ChildProcess {
    return spawn('bash', ['-euc', script], { cwd: this.mount, stdio: 'ignore', timeout: 60_000 })
  }

  async waiting(calls: number): Promise<void> {
    await until(`${calls} wait`, () => this.status().replicas.waitingCalls === calls)
  }

  /** Waits until the acks that were sent have been looked at. */
  async seen(): Promise<void> {
    const name = `seen-${performance.now()}`
    this.child.stdin!.write(messageOf('want-mark', { name }, { seq: 0, epoch: 1 }))
    await until('seen', () => this.sh('cat .tfs/mark') === `${name}\n`)
  }
}

void t.test('fsync waits for an ack that says durable, and nothing else waits', async (t) => {
  const journal = new Acked(t)
  await journal.start('--replicas', '1')
  t.equal(journal.status().state, 'under-replicated')
  journal.sh('echo x > f; mkdir d')
  const syncs = ['sync f', 'sync -d f', 'sync d'].map((script) => journal.run(script))
  // Each after the other: the kernel lets one in at a time to a file.
  await until('waits', () => journal.status().replicas.waitingCalls >= 2)
  journal.sh('for i in $(seq 100); do echo $i > f$i; done; rm f1; cat f f2 > /dev/null; ls -l')
  const { seq, epoch } = journal.status().position
  journal.ack(one!, 3)
  journal.ack(one!, seq + 1000)
  journal.ack(two!, seq, epoch - 1 || 2)
  await journal.seen()
  t.ok(journal.status().replicas.waitingCalls >= 2, 'none of these acks counts')
  const timer = setInterval(() => journal.ack(one!, journal.status().position.seq), 100)
  for (const sync of syncs) t.equal(await ended(sync), 0)
  clearInterval(timer)
  const { state, replicas } = journal.status()
  t.equal(state, 'journalling')
  t.match(replicas, { wanted: 1, waitingCalls: 0, there: 2 })
  t.match(replicas.each.at(-1), { who: `${one} host:/copy`, there: true, position: { epoch } })
  t.equal(await journal.end(), 'SIGTERM')
})

void t.test('two of three have to have it, and one of them twice is not two', async (t) => {
  const journal = new Acked(t)
  await journal.start('--replicas', '2')
  journal.sh('echo x > f')
  const sync = journal.run('sync f')
  await journal.waiting(1)
  const { seq } = journal.status().position
  journal.ack(one!, seq)
  journal.ack(`${one} elsewhere`, seq)
  journal.ack(three!, seq - 3)
  await journal.seen()
  t.equal(journal.status().replicas.waitingCalls, 1)
  journal.ack(two!, seq)
  t.equal(await ended(sync), 0)
  t.equal(await journal.end(), 'SIGTERM')
})

void t.test('it fails after a time, or goes on with a warning, as was chosen', async (t) => {
  for (const end of ['fail', 'warn']) {
    const journal = new Acked(t)
    await journal.start('--replicas', '1', '--replicas-timeout', `300ms,${end}`)
    const code = end === 'fail' ? 1 : 0
    t.equal(await ended(journal.run('echo x > f; sync f')), code)
    const late = /the replicas: 0 of 1 have message \d+ durably in time/
    await until('said', () => late.test(journal.said))
    const direct = 'dd if=/dev/zero of=g bs=4k count=1'
    t.equal(await ended(journal.run(`${direct} oflag=sync`)), code, 'O_SYNC')
    t.equal(await ended(journal.run(`${direct} oflag=dsync`)), code, 'O_DSYNC')
    t.equal(await ended(journal.run(direct)), 0)
    t.match(journal.status(), { state: 'under-replicated', replicas: { waitingCalls: 0 } })
    t.equal(await journal.end(), 'SIGTERM')
  }
})

void t.test(
  'who waits can be killed, and is not disturbed by a signal that it takes',
  async (t) => {
    const journal = new Acked(t)
    await journal.start('--replicas', '1')
    journal.sh('echo x > f; echo x > g')
    for (const signal of ['SIGKILL', 'SIGTERM', 'SIGINT'] as const) {
      const sync = journal.run('exec sync f')
      await journal.waiting(1)
      sync.kill(signal)
      t.equal(await ended(sync), signal)
      t.equal(journal.status().replicas.waitingCalls, 0)
    }
    const program = `process.on('SIGUSR2', () => {}); require('fs').fsyncSync(3)`
    const patient = journal.run(`exec '${process.execPath}' -e "${program}" 3<>g`)
    await journal.waiting(1)
    for (let i = 0; i < 20; i++) patient.kill('SIGUSR2')
    await journal.seen()
    t.equal(journal.status().replicas.waitingCalls, 1)
    journal.ack(one!, journal.status().position.seq)
    t.equal(await ended(patient), 0)
    const last = journal.run('exec sync g')
    await journal.waiting(1)
    journal.child.kill('SIGTERM')
    await until('refused', () => journal.said.includes('a second signal'))
    journal.child.kill('SIGTERM')
    t.equal(await ended(journal.child), 'SIGTERM')
    t.not(await ended(last), 0)
  },
)

void t.test('who was killed before the wait began does not wait', async (t) => {
  const options = { count: 1, timeoutMs: undefined, onTimeout: 'fail' } as const
  const replicas = new Replicas(options, 7, () => {})
  const dead = spawn('true', { stdio: 'ignore' })
  await ended(dead)
  const results: number[] = []
  for (const [unique, isKilled] of [true, false].entries()) {
    replicas.expect(unique)
    if (isKilled) replicas.interrupt(unique)
    replicas.wait(5, unique, dead.pid!, (result) => results.push(result))
  }
  t.ok(replicas.dueMs <= 0)
  replicas.expire()
  t.strictSame(results, [-errno.EINTR])
  t.equal(replicas.pending, 1)
})

void t.test('no sync waits for copies that can have nothing any more', async (t) => {
  const journal = new Acked(t)
  journal.output = 'pipe'
  await journal.start('--replicas', '1')
  journal.sh('echo x > f')
  const sync = journal.run('sync f')
  await journal.waiting(1)
  journal.child.stdin!.end()
  await until('said', () => journal.said.includes('what they acknowledge cannot come'))
  t.equal(journal.status().replicas.waitingCalls, 1, 'the stream can still be read')
  journal.child.stdout!.destroy()
  t.equal(await ended(sync), 1)
  t.match(journal.said, 'its reader is gone')
  t.match(journal.status(), { state: 'detached', replicas: { waitingCalls: 0 } })
  t.equal(await journal.end(), 'SIGTERM')
})

void t.test('a copy of another run, or with nothing on disk, does not count as one', async (t) => {
  const journal = new Acked(t)
  await journal.start('--replicas', '1')
  const { epoch } = journal.status().position
  journal.ack(one!, 5, epoch - 1 || 2)
  journal.ack(two!, 0)
  await journal.seen()
  t.match(journal.status(), { state: 'under-replicated', replicas: { there: 2 } })
  journal.ack(two!, 1)
  await journal.seen()
  t.equal(journal.status().state, 'journalling')
  t.equal(await journal.end(), 'SIGTERM')
})

void t.test('a database commits through copies that come and go', async (t) => {
  const journal = new Acked(t)
  const copies = join(journal.dir, 'copies')
  writeFileSync(copies, `${one}\n${two}\n`)
  const head = supportCommand('acking-head', copies)
  await journal.start('--replicas', '2', '--spool', journal.spool, '--exec', head)
  const commits = ['a', 'b', 'c'].map((name) =>
    supportCommand('commits', join(journal.mount, name), '100'),
  )
  const work = commits.map((command) => journal.run(command))
  await until('both are there', () => journal.status().replicas.there === 2)
  writeFileSync(copies, `${two}\n`)
  await journal.killHead()
  // Of a copy that is gone it is known what it had, no more.
  await until('all wait', () => journal.status().replicas.waitingCalls === 3)
  writeFileSync(copies, `${two}\n${three}\n`)
  for (const each of work) t.equal(await ended(each), 0)
  const { replicas, state } = journal.status()
  t.equal(state, 'journalling')
  t.equal(replicas.each.length, 3)
  t.equal(await journal.end(), 'SIGTERM')
})

void t.test('what a sync has promised is on the copy, whatever is killed', async (t) => {
  const journal = new Acked(t)
  const [file, ticks] = ['recorded', 'ticks'].map((name) => join(journal.dir, name))
  for (const path of [file!, ticks!]) writeFileSync(path, '')
  const head = supportCommand('recording-head', file!, 'subscribe', one!)
  const args = ['--replicas', '1', '--spool', journal.spool, '--exec', head]
  const rounds = 3
  for (let round = 0; round < rounds; round++) {
    await journal.start(...args)
    const work = journal.run(supportCommand('commits', join(journal.mount, 'f'), '9999', ticks!))
    const before = readFileSync(ticks!).length
    await until('commits', () => readFileSync(ticks!).length > before + 20 * (round + 1))
    for (const pid of [journal.child.pid!, -journal.heads().at(-1)!]) process.kill(pid, 'SIGKILL')
    await ended(work)
    // A replay of what the copy has, by a reader that checks.
    const reader = new MessageReader()
    reader.push(readFileSync(file!))
    let syncs = 0
    for (let next = reader.next(); next; next = reader.next())
      if (decodeMessage(next)?.name === 'fsync') syncs++
    const promised = readFileSync(ticks!).length
    t.ok(syncs >= promised, `round ${round}: ${syncs} syncs recorded, ${promised} promised`)
    journal.said = ''
  }
  await journal.start(...args)
  t.equal(await journal.end(), 'SIGTERM')
  const whole = new MessageReader()
  whole.push(readFileSync(file!))
  let epochs = 0
  while (whole.next()) if (whole.message?.name === 'hello') epochs++
  whole.end()
  t.equal(epochs, rounds + 1, 'each message of each run once')
})

void t.test('what makes no sense is refused', (t) => {
  const program = join(import.meta.dirname, '../../bin/tfs-journal.js')
  const refused = (...args: string[]) =>
    spawnSync(process.execPath, [program, ...args, '/nowhere', '/nowhere'], {
      timeout: 60_000,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  const exec = ['--exec', 'cat']
  for (const [args, why] of [
    [['--replicas', '1'], /come on standard input, or from --exec/],
    [[...exec, '--replicas', 'x'], /not a number/],
    [[...exec, '--replicas', '65'], /from 0 to 64/],
    [[...exec, '--replicas-timeout', '3'], /goes with --replicas/],
    [[...exec, '--replicas', '1', '--replicas-timeout', '3,maybe'], /not a time/],
    [[...exec, '--replicas', '1', '--replicas-timeout', '0,warn'], /in no time/],
    [[...exec, '--spool', '/nowhere', '--spool-sync', 'x'], /--spool-sync: 'x'/],
    [[...exec, '--replicas', '1', '--replicas-timeout', 'never,warn'], /not a time/],
  ] as const) {
    const { status, stderr } = refused(...args)
    t.equal(status, 100, args.join(' '))
    t.match(stderr, why)
  }
  t.end()
})
