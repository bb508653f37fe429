// Heads that die, hang and are replaced: with a spool behind them nothing is lost, without one it
// is said what is.

import { spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { decodeMessage, Framer, subscribeTo, type Message } from '#wire'
import { ended, until } from '../support/journal-place.js'
import { HeadedJournal, supportCommand } from '../support/headed-journal.js'
import { seeded } from '../support/seed.js'

t.setTimeout(180_000)
const kills = 20
/** Messages that a recording head has read and not written. */
const inHandMax = 200

function messagesOf(file: string): Message[] {
  const framer = new Framer()
  framer.push(readFileSync(file))
  const all: Message[] = []
  for (let next = framer.next(); next; next = framer.next()) all.push(decodeMessage(next)!)
  return all
}

/** Kills the head at random while a program works on the mount; gives what heads have recorded. */
async function recordThroughKills(t: Test, mode: string, isSpooled: boolean, times = kills) {
  const journal = new HeadedJournal(t)
  const args = isSpooled ? ['--spool', journal.spool] : []
  const file = join(journal.dir, 'recorded')
  writeFileSync(file, '')
  const rng = seeded(t)
  await journal.start('--exec', supportCommand('recording-head', file, mode), ...args)
  const worker = supportCommand('steady-writer', journal.mount, join(journal.dir, 'ticks'))
  const work = spawn('sh', ['-c', `exec ${worker}`], { stdio: ['ignore', 'ignore', 'inherit'] })
  t.teardown(() => work.kill('SIGKILL'))
  for (let i = 0; i < times; i++) {
    await sleep(100 + rng.next(500))
    // So that what it waits before it starts another one does not grow.
    const isSoon = rng.next(2) === 0
    const killed = journal.killHead()
    if (isSoon) journal.child.kill('SIGHUP')
    else if (i % 3 === 0) await sleep(100)
    const timer = setTimeout(() => journal.child.kill('SIGHUP'), isSoon ? 10_000 : 300)
    await killed
    clearTimeout(timer)
  }
  work.kill('SIGTERM')
  t.equal(await ended(work), 0, 'the work on the mount noticed nothing')
  await sleep(500)
  const { position, head, missed } = journal.status()
  t.ok(head!.restarts >= times)
  const end = await journal.end()
  return { journal, messages: messagesOf(file), last: position.seq, missed, end }
}

const linesOf = (file: string): number =>
  existsSync(file) ? readFileSync(file, 'utf8').split('\n').length - 1 : 0

void t.test('a head never finds the spool without a writer', async (t) => {
  const journal = new HeadedJournal(t)
  const found = join(journal.dir, 'found')
  const lock = `flock --nonblock '${journal.spool}/lock'`
  const exec = `${lock} echo free >> '${found}' || echo taken >> '${found}'; exec cat > /dev/null`
  for (let run = 1; run <= 3; run++) {
    await journal.start('--spool', journal.spool, '--exec', exec)
    journal.sh('echo x >> f')
    await until('looked', () => linesOf(found) === run)
    journal.child.kill('SIGKILL')
    await ended(journal.child)
    journal.said = ''
    t.equal(readFileSync(found, 'utf8'), 'taken\n'.repeat(run))
  }
})

void t.test('a head that keeps its position gets each message once', async (t) => {
  const { messages, last, end } = await recordThroughKills(t, 'subscribe', true)
  t.equal(end, 'SIGTERM')
  const numbers = messages.map(({ seq }) => seq)
  t.ok(numbers.length > last)
  t.strictSame(
    numbers,
    numbers.map((_, i) => i + 1),
  )
  t.equal(messages.at(-1)?.name, 'bye')
})

void t.test('a head that takes what comes misses nothing that a spool has', async (t) => {
  const { messages, last, missed } = await recordThroughKills(t, 'plain', true, kills / 2)
  const numbers = new Set(messages.map(({ seq }) => seq))
  t.equal(missed, 0)
  t.ok(numbers.size > last)
  t.equal(Math.max(...numbers), numbers.size, 'none is missing')
  t.notOk(messages.some(({ name }) => name === 'gap'))
})

void t.test('without a spool a gap says what no head has got', async (t) => {
  const { messages, journal, missed, end } = await recordThroughKills(t, 'plain', false)
  const recorded = new Set<number>()
  const named = new Set<number>()
  // What had left the pipe when a head was killed, and that it had not recorded yet.
  let inHand = 0
  let last = 0
  for (const { name, seq, body } of messages) {
    if (name === 'hello' && last > 0) continue
    if (name === 'gap') {
      const { from, to } = body as { from: number; to: number }
      inHand += from - 1 - last
      for (let n = from; n <= to; n++) named.add(n)
    } else {
      inHand += seq - 1 - last
      recorded.add(seq)
    }
    if (seq <= last) t.fail(`${name} ${seq} after ${last}`)
    last = seq
  }
  t.ok(named.size > 0)
  t.notOk(
    [...named].some((n) => recorded.has(n)),
    'what is named has not come',
  )
  const missing = last - recorded.size - named.size
  t.equal(missing, inHand, 'all that is missing is named, or was in a head when it was killed')
  // A head may have had a gap itself in hand.
  t.ok(missing - (missed - named.size) <= 2 * kills * inHandMax, `${missing} of ${missed} unnamed`)
  t.comment(`${recorded.size} recorded, ${named.size} named by gaps, ${missing} in hand`)
  t.ok(missed >= named.size)
  t.match(journal.said, 'have reached none: a gap says so')
  t.equal(end, 'SIGTERM')
})

void t.test('a head that takes nothing does not hold up the mount where a spool is', async (t) => {
  const journal = new HeadedJournal(t)
  await journal.start('--spool', journal.spool, '--exec', 'sleep 60')
  const script = 'head -c 8000000 /dev/zero > a; cp a b; rm a; mkdir d; ls > /dev/null'
  journal.sh(script)
  const { state, head } = journal.status()
  t.equal(state, 'journalling')
  t.equal(head?.restarts, 0)
  journal.child.kill('SIGTERM')
  await until('unmounted', () => journal.said.includes('the stream: has ended'))
  journal.child.kill('SIGTERM')
  t.equal(await ended(journal.child), 'SIGTERM')
  t.match(journal.said, 'the spool keeps it for the next run')
})

void t.test('a head that takes nothing is replaced with --on-full detach', async (t) => {
  const journal = new HeadedJournal(t)
  const file = join(journal.dir, 'recorded')
  writeFileSync(file, '')
  const once = `if mkdir '${journal.dir}/first' 2> /dev/null; then exec sleep 60; fi`
  const head = `${once}; exec ${supportCommand('recording-head', file)}`
  await journal.start('--exec', head, '--on-full', 'detach', '--full-timeout', '500ms')
  journal.sh('head -c 8000000 /dev/zero > a')
  await until('another head', () => journal.heads().length === 2)
  journal.sh('echo x > b')
  const { state, missed } = journal.status()
  t.equal(state, 'incomplete')
  t.ok(missed > 0)
  t.equal(await journal.end(), 'SIGTERM')
  const names = messagesOf(file).map(({ name }) => name)
  t.strictSame(names.slice(0, 2), ['hello', 'gap'])
  t.equal(names.at(-1), 'bye')
})

void t.test('SIGHUP gives another head, and an unmount the end of its stream', async (t) => {
  const journal = new HeadedJournal(t)
  const file = join(journal.dir, 'recorded')
  await journal.start('--exec', `cat >> '${file}'; echo ended >> '${file}.ends'`)
  journal.sh('echo 1 > a')
  await until('recorded', () => readFileSync(file).length > 300)
  journal.child.kill('SIGHUP')
  await until('another head', () => journal.heads().length === 2)
  journal.sh('echo 2 > b')
  t.equal(journal.status().head?.restarts, 1)
  journal.sh(`cd /; umount '${journal.mount}'`)
  // Each of the two began with a hello; nothing was on its way when the first one ended.
  t.ok([0, 1].includes((await ended(journal.child)) as number), journal.said)
  const names = messagesOf(file).map(({ name }) => name)
  t.equal(names.filter((name) => name === 'hello').length, 2)
  t.equal(names.at(-1), 'bye')
  t.match(readFileSync(`${file}.ends`, 'utf8'), 'ended')
})

void t.test('a position that is not there is refused, and the mount goes on', async (t) => {
  for (const isSpooled of [true, false]) {
    const journal = new HeadedJournal(t)
    const file = join(journal.dir, 'recorded')
    writeFileSync(file, '')
    const foreign = subscribeTo({ epoch: 77, seq: 5 }).toString('base64')
    const head = `echo ${foreign} | base64 -d; exec ${supportCommand('recording-head', file)}`
    const args = isSpooled ? ['--spool', journal.spool] : []
    await journal.start('--exec', head, ...args)
    await until('another head', () => journal.heads().length >= 2)
    t.match(journal.said, isSpooled ? 'does not have what follows' : '(--spool)')
    journal.sh('echo x > x')
    await journal.end()
  }
})

void t.test('a head that cannot run is tried again, and says so once', async (t) => {
  const journal = new HeadedJournal(t)
  await journal.start('--exec', 'exec /no/such/program')
  await until('tries', () => journal.heads().length >= 4)
  journal.sh('echo x > x')
  t.match(journal.status(), { state: 'incomplete' })
  t.equal(journal.said.match(/ended with code 127/g)?.length, 1)
  t.equal(await journal.end(), 'SIGTERM')
})
