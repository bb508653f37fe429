// The start file: mounted and broadcast until a signal, also after a crash.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Example } from '../support/example.js'
import { eventually, run } from '../support/hello-mount.js'
import { tempDirectory } from '../support/temp-directory.js'

t.setTimeout(300_000)

interface Started {
  readonly example: Example
  readonly dir: string
  readonly journal: () => number
}

function start(t: Test, mount = 'mount', dir = tempDirectory(t).path): Started {
  const args = [join(dir, 'store'), join(dir, mount), join(dir, 'socket')]
  const example = new Example(t, 'start.sh', args, { tmp: tempDirectory(t).path })
  return { example, dir, journal: () => Number(readFileSync(`${args[2]}.pid`, 'latin1')) }
}

const isMounted = (path: string) =>
  readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${path} `)
const isServed = (dir: string) => run('test', '-S', join(dir, 'socket')).status === 0

const up = ({ dir }: Started, mount = 'mount') =>
  eventually('start', () => isMounted(join(dir, mount)) && isServed(dir))

void t.test('until a signal', async (t) => {
  const started = start(t)
  const { example, dir } = started
  await up(started)
  t.equal(run('sh', '-c', `echo x > '${dir}/mount/file'`).status, 0)
  t.equal(run('cat', `${dir}/store/file`).stdout, 'x\n')
  const cwd = `/proc/${started.journal()}/cwd`
  t.equal(run('readlink', cwd).stdout, `${dir}/store\n`)
  example.signal('SIGTERM')
  t.equal(await example.ended, 0, example.said)
  t.notOk(isMounted(join(dir, 'mount')))
  t.equal(run('ls', dir).stdout, 'mount\nstore\n')
  t.strictSame(example.leftovers(), [])
})

void t.test('over the store itself, again after the journal was killed', async (t) => {
  const first = start(t, 'store')
  await up(first, 'store')
  // It answers once the stream has begun.
  t.equal(run('ls', `${first.dir}/store`).status, 0)
  process.kill(first.journal(), 'SIGKILL')
  t.equal(await first.example.ended, 2, 'the stream broke off')
  t.match(first.example.said, /ends here without a bye/)
  t.match(run('ls', `${first.dir}/store`).stderr, /not connected/)

  const second = start(t, 'store', first.dir)
  await eventually('start', () => run('ls', `${first.dir}/store`).status === 0)
  await up(second, 'store')
  second.example.signal('SIGINT')
  t.equal(await second.example.ended, 0, second.example.said)
  t.strictSame(second.example.leftovers(), [])
})

void t.test('a socket that belongs to something else', async (t) => {
  const dir = tempDirectory(t).path
  mkdirSync(join(dir, 'store'))
  writeFileSync(join(dir, 'socket'), 'precious')
  const { example } = start(t, 'mount', dir)
  t.equal(await example.ended, 1, example.said)
  t.notOk(isMounted(join(dir, 'mount')), 'no mount without a broadcast')
  t.equal(readFileSync(join(dir, 'socket'), 'latin1'), 'precious')
})

void t.test('without arguments it offers something to try', async (t) => {
  const example = new Example(t, 'start.sh')
  await example.hasSaid('work in ')
  const [, mount = ''] = /work in (\S+), and/.exec(example.said) ?? []
  await eventually('start', () => isMounted(mount))
  example.signal('SIGINT')
  t.equal(await example.ended, 0, example.said)
  t.equal(await new Example(t, 'start.sh', ['one']).ended, 100)
})
