// tfs-journal as its users start it.

import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { decodeMessage, Framer, type Message } from '#wire'
import { tempDirectory } from '../support/temp-directory.js'

const program = join(import.meta.dirname, '../../bin/tfs-journal.js')
const mirror = join(import.meta.dirname, '../../bin/tfs-mirror.js')
const timeout = 60_000

interface Place {
  dir: string
  store: string
  mount: string
  stream: string
}

function place(t: Test): Place {
  const dir = tempDirectory(t).path.toString()
  const at = (name: string) => join(dir, name)
  mkdirSync(at('store'))
  mkdirSync(at('mount'))
  t.teardown(() => {
    for (const path of [at('mount'), at('store')])
      if (mounted(path)) spawnSync('umount', ['-l', path], { timeout })
  })
  return { dir, store: at('store'), mount: at('mount'), stream: at('stream') }
}

const mounted = (path: string) =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .some((line) => line.split(' ')[4] === path)

/** Runs it to its end, with the stream in a file. */
function journal({ stream }: Place, ...args: string[]) {
  const out = openSync(stream, 'w')
  const { status, stderr, signal } = spawnSync(process.execPath, [program, ...args], {
    stdio: ['ignore', out, 'pipe'],
    timeout,
    encoding: 'utf8',
  })
  closeSync(out)
  return { status, stderr, signal }
}

/** Starts it and waits until it has mounted. */
async function start(
  { stream }: Place,
  mountpoint: string,
  ...args: string[]
): Promise<ChildProcess> {
  const out = openSync(stream, 'w')
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', out, 'pipe'] })
  closeSync(out)
  const deadline = Date.now() + timeout
  while (!mounted(mountpoint)) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error('it has not mounted')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return child
}

const ended = (child: ChildProcess): Promise<number | NodeJS.Signals | null> =>
  new Promise((resolve) => child.on('exit', (code, signal) => resolve(code ?? signal)))

const shell = (command: string) =>
  spawnSync('/bin/sh', ['-c', command], { timeout, encoding: 'utf8' }).status

function messages(file: string): Message[] {
  const framer = new Framer()
  framer.push(readFileSync(file))
  const all: Message[] = []
  for (let next = framer.next(); next; next = framer.next()) all.push(decodeMessage(next)!)
  return all
}

const brief = (file: string) =>
  messages(file)
    .filter(({ name }) => name !== 'setattr' && name !== 'tick')
    .map(({ name, body }) => {
      const { path, newPath } = body as { path?: Buffer; newPath?: Buffer }
      return [name, path, newPath].filter(Boolean).join(' ')
    })

/** What rsync finds to differ between the store and a fresh replay of the stream. */
function differences({ dir, store, stream }: Place, ...excludes: string[]): string {
  const copy = join(dir, 'copy')
  mkdirSync(copy)
  // Unlike a mirror's, the root's own times are not the stream's while nothing happens in it.
  const replay = spawnSync(process.execPath, [mirror, stream, copy], { timeout, encoding: 'utf8' })
  if (replay.status !== 0) return `tfs-mirror: ${replay.status} ${replay.stderr}`
  const filters = ['/.tfs', ...excludes].map((pattern) => `--exclude=${pattern}`)
  const args = ['-aHAXn', '--delete', '--itemize-changes', ...filters, `${store}/`, `${copy}/`]
  return spawnSync('rsync', args, { timeout, encoding: 'utf8' }).stdout
}

void t.test('captive mode records what a command did, and ends with its code', async (t) => {
  const at = place(t)
  const { status, stderr } = journal(at, at.store, at.mount, '--run', 'echo hi > a; mv a b; exit 7')
  t.equal(status, 7, stderr)
  t.strictSame(brief(at.stream), ['hello', 'create a', 'write a', 'rename a b', 'bye'])
  t.equal(differences(at), '')
  t.notOk(mounted(at.mount))
  t.equal(journal(at, at.store, at.mount, '--run', 'kill -TERM $$').status, 128 + 15)
})

void t.test('over the store itself', async (t) => {
  const at = place(t)
  const { status, stderr } = journal(at, at.store, at.store, '--run', 'mkdir d; echo x > d/f')
  t.equal(status, 0, stderr)
  t.equal(readFileSync(join(at.store, 'd/f'), 'utf8'), 'x\n')
  t.equal(differences(at), '')
})

void t.test(
  'what is excluded is not journalled, and crosses the border with its content',
  async (t) => {
    const at = place(t)
    const script = `mkdir -p tmp/deep/er keep
    echo 1 > tmp/a; echo 2 > tmp/deep/b; ln tmp/deep/b tmp/deep/er/c
    echo o > keep/x.o; echo k > keep/k
    setfattr -n user.test -v value tmp/deep/b; truncate -s 1M tmp/deep/er/hole; mkfifo tmp/deep/pipe
    mv tmp/deep deep; mv keep/k tmp/k; mv tmp/a keep/k2
    mkdir out; echo 1 > out/1; echo 2 > out/2; mv out tmp/out
    ln tmp/k linked; echo more >> tmp/k; rm tmp/k; echo again >> linked
    echo e > keep/e; echo f > tmp/f
    mkdir -p a/tmp; echo t > a/tmp/t; mv a/tmp tmp2; mv tmp2 a/x.o; mv a b`
    const args = ['--exclude', '/tmp', '--exclude', '*.o']
    const { status, stderr } = journal(
      at,
      at.store,
      at.mount,
      ...args,
      '--run',
      `set -e; ${script}`,
    )
    t.equal(status, 0, stderr)
    t.equal(differences(at, '/tmp', '*.o'), '')
    t.notMatch(brief(at.stream).join('\n'), / tmp(\/|$)|\.o( |$)/m)
  },
)

void t.test(
  'what crosses the border into a directory with a default ACL inherits nothing',
  async (t) => {
    const at = place(t)
    const script = `mkdir -p tmp/d in; echo 1 > tmp/f; echo 2 > tmp/d/g; mkfifo tmp/p
    setfacl -m u:1:rwx tmp/d/g; setfacl -d -m u:2:rwx,g:3:rx in; chmod 750 tmp/d
    mv tmp/f in/f; mv tmp/d in/d; mv tmp/p in/p; echo 3 > in/made; mkdir in/made.d`
    const { status, stderr } = journal(
      at,
      at.store,
      at.mount,
      '--exclude=/tmp',
      '--run',
      `set -e; ${script}`,
    )
    t.equal(status, 0, stderr)
    t.equal(differences(at, '/tmp'), '')
  },
)

void t.test('an anchored pattern below a directory that is renamed', async (t) => {
  const at = place(t)
  const script = `mkdir -p a/skip a/keep b; echo 1 > a/skip/1; echo 2 > a/keep/2
    mv a c; mkdir -p d/skip; echo 3 > d/skip/3; mv d a; mv a/skip/3 b/3; mv c a2`
  const { status, stderr } = journal(
    at,
    at.store,
    at.mount,
    '--exclude=/a/skip',
    '--run',
    `set -e; ${script}`,
  )
  t.equal(status, 0, stderr)
  t.equal(differences(at, '/a/skip'), '')
})

void t.test('SIGTERM unmounts, ends the stream and is what it dies of', async (t) => {
  const at = place(t)
  const child = await start(at, at.mount, at.store, at.mount)
  const end = ended(child)
  t.equal(shell(`echo x > ${at.mount}/x`), 0)
  child.kill('SIGTERM')
  t.equal(await end, 'SIGTERM')
  t.notOk(mounted(at.mount))
  t.equal(brief(at.stream).at(-1), 'bye')
})

void t.test(
  'a busy mount stays, with the name of who holds it, until a second signal',
  async (t) => {
    const at = place(t)
    const child = await start(at, at.mount, at.store, at.mount)
    const holder = spawn('/bin/sh', ['-c', `cd ${at.mount} && echo in && exec sleep 60`])
    await new Promise((resolve) => holder.stdout.once('data', resolve))
    let errors = ''
    child.stderr!.on('data', (data) => (errors += String(data)))
    child.kill('SIGTERM')
    const deadline = Date.now() + timeout
    while (!errors.includes('second signal') && Date.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 20))
    t.match(errors, String(holder.pid))
    t.ok(mounted(at.mount))
    const end = ended(child)
    child.kill('SIGTERM')
    t.equal(await end, 'SIGTERM')
    holder.kill('SIGKILL')
    t.notOk(mounted(at.mount))
    t.equal(brief(at.stream).at(-1), 'bye')
  },
)

void t.test('an unmount by somebody else is a clean end', async (t) => {
  const at = place(t)
  const child = await start(at, at.mount, at.store, at.mount)
  const end = ended(child)
  t.equal(shell(`echo x > ${at.mount}/x && umount ${at.mount}`), 0)
  t.equal(await end, 0)
  t.strictSame(brief(at.stream), ['hello', 'create x', 'write x', 'bye'])
})

void t.test('a dead mount of an earlier run is replaced, over the store too', async (t) => {
  const at = place(t)
  for (const mountpoint of [at.mount, at.store]) {
    const child = await start(at, mountpoint, at.store, mountpoint)
    const end = ended(child)
    child.kill('SIGKILL')
    await end
    t.throws(() => readFileSync(join(mountpoint, 'x')), { code: 'ENOTCONN' })
    const { status, stderr } = journal(at, at.store, mountpoint, '--run', 'echo x > x')
    t.equal(status, 0, stderr)
    t.match(stderr, 'dead mount')
    t.equal(readFileSync(join(at.store, 'x'), 'utf8'), 'x\n')
  }
})

void t.test(
  'a second journal of the same store is refused, with the process of the first',
  async (t) => {
    const at = place(t)
    mkdirSync(join(at.dir, 'other'))
    const child = await start(at, at.mount, at.store, at.mount)
    const end = ended(child)
    const second = { ...at, stream: join(at.dir, 'second') }
    const elsewhere = journal(second, at.store, join(at.dir, 'other'), '--run', 'true')
    t.equal(elsewhere.status, 1, elsewhere.stderr)
    t.match(elsewhere.stderr, `already journalled by ${child.pid}`.replace('by ', 'by process '))
    const same = journal(second, at.store, at.mount, '--run', 'true')
    t.equal(same.status, 1, same.stderr)
    t.equal(shell(`echo x > ${at.mount}/x`), 0)
    child.kill('SIGTERM')
    await end
    t.match(brief(at.stream), ['hello', 'create x', 'write x', 'bye'])
  },
)

void t.test('loops and nonsense are refused before anything is mounted', async (t) => {
  const at = place(t)
  mkdirSync(join(at.store, 'inner'))
  writeFileSync(join(at.dir, 'file'), '')
  const cases: [string[], number, RegExp][] = [
    [[at.store, join(at.store, 'inner')], 100, /lies inside the store/],
    [[join(at.dir, 'none'), at.mount], 111, /does not exist/],
    [[join(at.dir, 'file'), at.mount], 111, /cannot be opened/],
    [[at.store, join(at.dir, 'none')], 111, /none' does not exist; make it/],
    [[at.store, join(at.dir, 'file')], 111, /not a directory/],
    [[at.store, at.mount, '-o', 'nonsense'], 100, /nonsense/],
    [[at.store, at.mount, '--nonsense'], 100, /nonsense/],
    [[at.store, at.mount, '--full-timeout', 'x'], 100, /--full-timeout/],
    [[at.store], 100, /too few/],
  ]
  for (const [args, code, why] of cases) {
    const { status, stderr } = journal(at, ...args)
    t.equal(status, code, stderr)
    t.match(stderr, why)
    t.notOk(mounted(at.mount))
  }
  const into = { ...at, stream: join(at.store, 'inner/stream') }
  t.match(journal(into, at.store, at.mount, '--run', 'true').stderr, /into the store itself/)
})

void t.test('the reserved name is neither shown nor made', async (t) => {
  const at = place(t)
  mkdirSync(join(at.store, '.tfs'))
  const script = `test -z "$(ls -A)"; ! mkdir .tfs; ! mv d .tfs; ! ls .tfs; mkdir -p d/.tfs`
  const { status, stderr } = journal(
    at,
    at.store,
    at.mount,
    '--run',
    `set -e; mkdir -p d; rmdir d; ${script}`,
  )
  t.equal(status, 0, stderr)
  t.ok(existsSync(join(at.store, 'd/.tfs')))
})

void t.test('read-only', async (t) => {
  const at = place(t)
  writeFileSync(join(at.store, 'x'), 'x')
  const { status } = journal(at, at.store, at.mount, '-o', 'ro', '--run', 'cat x && ! touch y')
  t.equal(status, 0)
  t.strictSame(brief(at.stream), ['hello', 'bye'])
})
