// --seed: a command of the user's fills the directory, and what it lacks the source states.

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { start, type Running } from '../support/broadcast-process.js'
import { HeadedJournal } from '../support/headed-journal.js'
import { ended, until } from '../support/journal-place.js'
import { rsyncCompare } from '../support/rsync-compare.js'
import { mirrorProgram, runMirror } from '../support/run-mirror.js'
import { tempDirectory } from '../support/temp-directory.js'

t.setTimeout(120_000)

const broadcast = join(import.meta.dirname, '../../bin/tfs-broadcast.js')

interface Scene {
  readonly journal: HeadedJournal
  readonly socket: string
  readonly copy: string
  /** The command that copies the tree. */
  readonly rsync: string
  readonly incomplete: string
  readonly mirror: (...args: string[]) => Running
}

async function scene(t: Test): Promise<Scene> {
  const journal = new HeadedJournal(t)
  const [socket, copy] = ['socket', 'copy'].map((name) => join(journal.dir, name)) as [
    string,
    string,
  ]
  await journal.start('--exec', `'${process.execPath}' '${broadcast}' -q '${socket}'`)
  await until('the socket', () => existsSync(socket))
  journal.sh('mkdir d; seq 999 >d/a; ln d/a d/b; truncate -s 1M hole; echo old >f')
  const rsync = `rsync -aHAX --delete --exclude=/.tfs '${journal.store}/' '${copy}'`
  const mirror = (...args: string[]) =>
    start(t, process.execPath, [mirrorProgram, '-v', ...args], { timeoutMs: 60_000 })
  return { journal, socket, copy, rsync, incomplete: join(copy, '.tfs/incomplete'), mirror }
}

/** Lets a mirror that follows the journal come to the end of the stream: they are equal then. */
async function endsExact(t: Test, { journal, copy }: Scene, mirror: Running): Promise<void> {
  await mirror.said(/is exact from message/)
  journal.sh('echo last >last')
  await journal.end()
  t.match(await mirror.ended, { code: 0 })
  t.equal(await rsyncCompare(journal.store, copy), '')
  t.notOk(existsSync(join(copy, '.tfs/incomplete')))
}

void t.test('it runs locked and marked; what changes meanwhile is not missed', async (t) => {
  const it = await scene(t)
  const { journal, socket, copy, rsync, incomplete } = it
  const go = join(journal.dir, 'go')
  const wait = `while [ ! -e '${go}' ]; do sleep .1; done`
  const seed = `echo said; ls '${incomplete}' && ${rsync} && ${wait}`
  const mirror = it.mirror('--seed', seed, socket, copy)
  await until('copied', () => existsSync(join(copy, 'f')) || mirror.child.exitCode !== null)
  t.match(runMirror([socket, copy]), { status: 1, stderr: /process \d+ is mirroring into it/ })
  journal.sh('echo new >f; mv d e; rm e/b; mkdir d; echo x >d/y')
  writeFileSync(go, '')
  await endsExact(t, it, mirror)
  const { stdout } = await mirror.ended
  t.equal(stdout.length, 0, 'standard output is ours')
  t.match(mirror.stderr(), new RegExp(`^said\n(.*\n)?${incomplete}\n`, 'm'))
})

void t.test('exit codes of rsync that leave something out, and others', async (t) => {
  const it = await scene(t)
  const { socket, copy, incomplete } = it
  for (const [seed, why] of [
    ['exit 12', /the seed: ended with exit code 12/],
    ['kill -9 $$', /the seed: died of SIGKILL/],
    ['no-such-command', /exit code 127/],
  ] as const) {
    t.match(runMirror(['-q', '--seed', seed, socket, copy]), { status: 111, stderr: why })
    t.ok(existsSync(incomplete))
  }
  writeFileSync(join(copy, 'mine'), 'x')
  t.equal(runMirror(['-q', '--seed', 'exit 12', socket, copy]).status, 111)
  t.ok(existsSync(join(copy, 'mine')), 'nothing is removed')
  const mirror = it.mirror('--seed', `${it.rsync}; exit 24`, socket, copy)
  await endsExact(t, it, mirror)
  t.match(mirror.stderr(), /exit code 24 \(files have gone meanwhile\)/)
})

void t.test('a signal ends all of it, and is died of', async (t) => {
  const it = await scene(t)
  const { journal, socket, copy, incomplete } = it
  const begun = join(journal.dir, 'begun')
  const slow = `sleep 50 & echo $! >'${begun}'; wait; true`
  const first = it.mirror('--seed', slow, socket, copy)
  await until('begun', () => existsSync(begun) && readFileSync(begun, 'utf8').endsWith('\n'))
  first.child.kill('SIGTERM')
  t.match(await first.ended, { signal: 'SIGTERM' })
  t.ok(existsSync(incomplete))
  const pid = readFileSync(begun, 'utf8').trim()
  t.notOk(existsSync(`/proc/${pid}/fd/0`), 'what it has started, too')

  rmSync(begun)
  const killed = it.mirror('--seed', slow, socket, copy)
  await until('begun', () => existsSync(begun) && readFileSync(begun, 'utf8').endsWith('\n'))
  killed.child.kill('SIGKILL')
  await ended(killed.child)
  const other = runMirror([socket, copy])
  t.match(other, {
    status: 1,
    stderr: /the command that process \d+ started \(--seed\) is at work/,
  })
  process.kill(Number(readFileSync(begun, 'utf8')), 'SIGTERM')
  await until('free', () => runMirror(['-q', '--seed', 'exit 9', socket, copy]).status === 111)
  await endsExact(t, it, it.mirror('--seed', it.rsync, socket, copy))
})

void t.test('it must leave .tfs as it is', async (t) => {
  const it = await scene(t)
  const { journal, socket, copy } = it
  const says = (seed: string, stderr: RegExp, ...more: string[]) =>
    t.match(runMirror(['-q', ...more, '--seed', seed, socket, copy]), { status: 111, stderr })
  const greedy = `rsync -a --delete '${journal.store}/' '${copy}'`
  says(greedy, /\.tfs: the command has removed it: add --exclude=\/\.tfs .*--force/)
  t.ok(existsSync(join(copy, 'f')))
  says(`echo x >'${copy}/.tfs/position'`, /has changed it/, '--force')
  rmSync(copy, { recursive: true })
  says(`mv '${copy}' '${copy}2'; mkdir '${copy}'`, /has put another directory there/)
  says(`rm -rf '${copy}'`, /was removed/)
  await endsExact(t, it, it.mirror('--seed', it.rsync, socket, copy))
})

void t.test('refused before anything is copied', async (t) => {
  const dir = tempDirectory(t).path
  const [copy, record] = ['copy', 'record'].map((name) => join(dir, name)) as [string, string]
  const seed = `touch '${dir}/ran'`
  const fails = (status: number, stderr: RegExp, ...args: string[]) =>
    t.match(runMirror(['--seed', seed, ...args]), { status, stderr })
  fails(100, /--seed: wanted SOURCE/, copy)
  fails(100, /--seed and --dry-run/, '-n', 'socket', copy)
  fails(100, /--verify comes after it/, '--verify', 'socket', copy)
  t.match(runMirror(['--seed', ' ', 'socket', copy]), { status: 100, stderr: /a shell command/ })
  fails(111, /socket/, join(dir, 'socket'), copy)
  writeFileSync(record, '')
  fails(111, /record: it states nothing: SOURCE must be/, record, copy)
  t.notOk(existsSync(copy))
  const it = await scene(t)
  const inside = join(it.journal.mount, 'inside')
  fails(100, /lies in the mount/, it.socket, inside)
  mkdirSync(copy)
  writeFileSync(join(copy, 'precious'), '')
  fails(1, /not empty and not a mirror/, it.socket, copy)
  t.notOk(existsSync(join(dir, 'ran')), 'the command has not run')
})
