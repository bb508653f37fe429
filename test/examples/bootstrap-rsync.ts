// rsync and the stream together make an exact mirror while somebody writes all the time; and the
// lines for cron, run as cron runs them.

import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Example, root } from '../support/example.js'
import { eventually, run } from '../support/hello-mount.js'
import { tempDirectory } from '../support/temp-directory.js'

t.setTimeout(600_000)

void t.test('with a writer that never rests, it is exact each time', async (t) => {
  for (let round = 1; round <= 4; round++) {
    const example = new Example(t, 'bootstrap-rsync.sh')
    t.equal(await example.ended, 0, example.said)
    t.match(example.said, /\nequal: store and mirror, \d\d+ names\n$/)
    t.notMatch(example.said, /suspect/)
    t.strictSame(example.leftovers(), [])
  }
})

/** The commands of the crontab in their order, with other places. */
function cronCommands(dir: string): string[] {
  const text = readFileSync(join(root, 'examples/crontab'), 'utf8').replaceAll('/srv', dir)
  return text
    .split('\n')
    .map((line) => /^(?:@reboot|\S+ \S+ \* \* \*)\s+(.*)$/.exec(line)?.[1])
    .filter((command) => command !== undefined)
}

const writer = `i=0; while [ ! -e "$2" ]; do i=$((i + 1))
  echo $i > "$1/new"; mv "$1/new" "$1/file$((i % 100))"
  mkdir -p "$1/d/$i"; mv "$1/d" "$1/e$i"; rm -rf "$1/e$((i - 20))"; done`

void t.test(
  'the crontab: at boot, and healed at night, somebody writing all the time',
  async (t) => {
    const dir = tempDirectory(t).path
    const [atBoot = '', mirrored = '', nightly = ''] = cronCommands(dir)
    const cron = (command: string) => {
      // What cron gives to a job, and TMPDIR for us to find its processes by.
      const env = { TFS: join(root, 'examples'), PATH: '/usr/local/bin:/usr/bin:/bin' }
      const script = command.replace('sleep 10;', '')
      return new Example(t, '/bin/sh', ['-c', script], { env, tmp: tempDirectory(t).path })
    }
    const mount = join(dir, 'tree')
    const start = cron(atBoot)
    await eventually('start', () => run('mountpoint', '-q', mount).status === 0)
    await eventually('start', () => run('test', '-S', `${mount}.socket`).status === 0)
    const stop = join(dir, 'stop')
    const work = spawn('sh', ['-c', writer, 'sh', mount, stop], { stdio: 'inherit' })
    t.teardown(() => writeFileSync(stop, ''))

    const first = cron(mirrored)
    await first.hasSaid('follows the stream')
    run('sh', '-c', `cd '${dir}/mirror' && echo damage > file7; rm -rf e*; touch d; mkdir nothing`)
    const second = cron(nightly)
    t.not(await first.ended, 0, 'the new one ends the old')
    await second.hasSaid('follows the stream')
    t.match(second.said, 'ends the mirror of an earlier run')

    writeFileSync(stop, '')
    t.equal(await new Promise((resolve) => work.on('exit', resolve)), 0, 'the writer saw no error')
    process.kill(Number(readFileSync(`${mount}.socket.pid`, 'latin1')), 'SIGTERM')
    t.equal(await start.ended, 0, start.said)
    t.equal(await second.ended, 0, second.said)
    const compare = ['-aHAXn', '--delete', '--itemize-changes', '--exclude=/.tfs']
    t.match(run('rsync', ...compare, `${mount}.store/`, `${dir}/mirror/`), {
      status: 0,
      stdout: '',
    })
    t.notMatch(readFileSync(`${dir}/mirror.log`, 'utf8'), 'suspect')
  },
)

void t.test('what does not work leaves the mount at work', async (t) => {
  const dir = tempDirectory(t).path
  const args = ['store', 'mount', 'socket'].map((name) => join(dir, name))
  const start = new Example(t, 'start.sh', args, { tmp: tempDirectory(t).path })
  const writes = () => run('sh', '-c', `echo x > '${dir}/mount/x'`).status === 0
  await eventually('start', () => run('mountpoint', '-q', args[1]!).status === 0 && writes())
  const fails = async (what: RegExp, mirror: string, options: string[], env = {}) => {
    const parameters = [`${dir}/socket`, join(dir, mirror), ...options]
    const example = new Example(t, 'bootstrap-rsync.sh', parameters, { env })
    t.equal(await example.ended, 1, example.said)
    t.match(example.said, what)
    t.ok(writes(), 'it goes on')
    t.strictSame(example.leftovers(), [])
  }
  await fails(/not empty and no mirror/, 'store', [])
  await fails(/rsync failed/, 'copy', ['--no-such-option'])
  await fails(/rsync failed/, 'copy', [], { HOLD_MAX: '0.001' })
  start.signal('SIGTERM')
  t.equal(await start.ended, 0, start.said)
})
