// SIGUSR2: the mount stands still, and the store is then exactly what the stream has said.

import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { tempDirectory } from '../support/temp-directory.js'

const bin = (name: string) => join(import.meta.dirname, '../../bin', `${name}.js`)
const timeout = 60_000
t.setTimeout(5 * timeout)

interface Running {
  readonly journal: ChildProcess
  readonly store: string
  readonly mount: string
  /** What the journal wrote, as far as `reader` has taken it. */
  readonly stream: string
  readonly reader: ChildProcess
  said: string
}

/** A journal with its stream in a pipe that `readCommand` reads as its standard input. */
async function start(t: Test, readCommand: string): Promise<Running> {
  const dir = tempDirectory(t).path
  const [store, mount, stream, pipe] = ['store', 'mount', 'stream', 'pipe'].map((name) =>
    join(dir, name),
  ) as [string, string, string, string]
  for (const path of [store, mount]) mkdirSync(path)
  spawnSync('mkfifo', [pipe], { timeout })
  const ends = openSync(pipe, constants.O_RDWR)
  const [input, output] = [openSync(pipe, 'r'), openSync(pipe, 'w')]
  const reader = spawn('sh', ['-c', readCommand, 'sh', stream], {
    stdio: [input, 'inherit', 'inherit'],
    timeout,
  })
  const journal = spawn(process.execPath, [bin('tfs-journal'), '-v', store, mount], {
    stdio: ['ignore', output, 'pipe'],
    timeout,
  })
  for (const fd of [ends, input, output]) closeSync(fd)
  const running: Running = { journal, store, mount, stream, reader, said: '' }
  journal.stderr!.setEncoding('utf8').on('data', (text: string) => (running.said += text))
  t.teardown(() => {
    for (const child of [journal, reader]) child.kill('SIGKILL')
    spawnSync('umount', ['-l', mount], { timeout, stdio: 'ignore' })
  })
  await until('mounted', () => readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${mount} `))
  return running
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  const endMs = performance.now() + timeout
  while (!isSo()) {
    if (performance.now() > endMs) throw new Error(`${what}: not within ${timeout} ms`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

const isStopped = ({ pid }: ChildProcess) =>
  /^State:\s+T/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'))

const ended = (child: ChildProcess): Promise<number | NodeJS.Signals | null> =>
  child.exitCode !== null || child.signalCode !== null
    ? Promise.resolve(child.exitCode ?? child.signalCode)
    : new Promise((resolve) => child.on('exit', (code, signal) => resolve(code ?? signal)))

/** What a replay of the stream so far lacks of the store, by rsync. */
function differences({ store, stream }: Running, copy: string): string {
  mkdirSync(copy)
  // Not at its end: exit code 2, as for any stream without a bye.
  const args = [bin('tfs-mirror'), stream, copy]
  const { status, stderr } = spawnSync(process.execPath, args, { timeout, encoding: 'utf8' })
  if (status !== 2) return `tfs-mirror: ${status} ${stderr}`
  const compare = ['-aHAXn', '--delete', '--itemize-changes', '--exclude=/.tfs']
  return spawnSync('rsync', [...compare, `${store}/`, `${copy}/`], { timeout, encoding: 'utf8' })
    .stdout
}

const writer = `cd "$1" && i=0; while [ ! -e "$2" ]; do
  i=$((i + 1)); mkdir d$i; echo $i > d$i/f.tmp; mv d$i/f.tmp d$i/f; ln d$i/f l$i
  mv -T d$i e; [ -e e/x ] || seq 5000 > e/x; mv e g$i; rm -rf g$((i - 3)); done`

void t.test('with a writer at work, store and stream agree at each stop', async (t) => {
  const running = await start(t, 'exec cat > "$1"')
  const { journal, mount } = running
  const flag = `${running.stream}.end`
  const work = spawn('sh', ['-c', writer, 'sh', mount, flag], { stdio: 'inherit', timeout })
  t.teardown(() => work.kill('SIGKILL'))
  // Until something changes in the root, its own times are not in the stream.
  await until('at work', () => existsSync(join(running.store, 'g1')))
  for (let round = 1; round <= 3; round++) {
    await new Promise((resolve) => setTimeout(resolve, 150))
    journal.kill('SIGUSR2')
    await until('stopped', () => isStopped(journal))
    // What the pipe gave, `cat` may still have in its hands.
    await until('written', () => /\bS\b/.test(stateOf(running.reader)))
    t.equal(differences(running, `${running.stream}.${round}`), '', `stop ${round}`)
    journal.kill('SIGCONT')
  }
  writeFileSync(flag, '')
  t.equal(await ended(work), 0, 'the writer saw no error')
  journal.kill('SIGTERM')
  t.equal(await ended(journal), 'SIGTERM')
  t.equal(await ended(running.reader), 0)
  const line = /^tfs-journal: stands still: after message \d+, until SIGCONT$/gm
  t.equal(running.said.match(line)?.length, 3, running.said)
})

const stateOf = ({ pid }: ChildProcess) => readFileSync(`/proc/${pid}/stat`, 'latin1')

void t.test('it waits for its reader to take all; SIGCONT or an end call it off', async (t) => {
  const running = await start(t, 'exec sleep 600')
  const { journal } = running
  await untilItWaits(running)
  t.notOk(isStopped(journal), 'the journal waits, too')
  journal.kill('SIGCONT')
  t.equal(await write(running), 0, 'called off')
  const { writing } = await untilItWaits(running)
  journal.kill('SIGTERM')
  t.equal(await writing, 0, 'called off by a signal to end')
  // Which the mount has refused if it was in use.
  journal.kill('SIGTERM')
  t.equal(await ended(journal), 'SIGTERM', running.said)
  t.notMatch(running.said, 'stands still')
})

// Never killed while it waits: it could not end before the mount goes on.
const write = ({ mount }: Running) =>
  ended(spawn('sh', ['-c', `echo x >> '${mount}/file'`], { stdio: 'inherit' }))

/** Asks the journal to stand still, and writes until a write does not return: gives it back. */
async function untilItWaits(running: Running): Promise<{ writing: Promise<unknown> }> {
  running.journal.kill('SIGUSR2')
  for (;;) {
    const writing = write(running)
    const late = new Promise<'late'>((resolve) => setTimeout(resolve, 1000, 'late'))
    if ((await Promise.race([writing, late])) === 'late') return { writing }
  }
}
