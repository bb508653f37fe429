// nightly.sh, by the lines of crontab-verify run as cron runs them: at boot, nightly, weekly; with
// a difference and without one.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Example, root } from '../support/example.js'
import { eventually, run } from '../support/hello-mount.js'
import { tempDirectory } from '../support/temp-directory.js'

t.setTimeout(300_000)

void t.test('rsync nightly, verify weekly, mail on a difference', async (t) => {
  const dir = tempDirectory(t).path
  const tmp = tempDirectory(t).path
  const text = readFileSync(join(root, 'examples/crontab-verify'), 'utf8').replaceAll('/srv', dir)
  const commands = [...text.matchAll(/^(?:@reboot|\S+ \S+ \* \* [*0])\s+(.*)$/gm)]
  const [atBoot = '', first = '', nightly = '', weekly = ''] = commands.map((match) => match[1])
  const cron = (command: string) => {
    const PATH = `${join(root, 'build/bin')}:${process.env['PATH']}`
    const script = command.replace('sleep 10;', '')
    return new Example(t, '/bin/sh', ['-c', script], {
      env: { TFS: join(root, 'examples'), PATH },
      tmp,
    })
  }
  for (const name of ['tree.store', 'tree']) mkdirSync(join(dir, name))
  const journal = cron(atBoot)
  await eventually('mounted', () => run('test', '-S', join(dir, 'tree.socket')).status === 0)
  t.equal(run('sh', '-c', `cd '${dir}/tree' && mkdir d && seq 99 >d/a && ln d/a b`).status, 0)
  const mirror = join(dir, 'mirror')
  const whole = () => existsSync(join(mirror, 'b')) && !existsSync(join(mirror, '.tfs/incomplete'))
  const one = cron(first)
  await eventually('whole', whole)
  writeFileSync(join(mirror, 'b'), 'damage')
  const two = cron(nightly)
  t.equal(await one.ended, 0, 'the next one ends it')
  await eventually('healed', () => whole() && readFileSync(join(mirror, 'b')).length > 6)
  t.equal(await cron(weekly).ended, 0)
  t.equal(await two.ended, 0)
  t.equal(one.said + two.said, '', 'no mail')
  const lock = join(mirror, '.tfs/lock')
  // Who asks for the lock would be in the way of who is to get it.
  const holder = () =>
    readFileSync(`/proc/${readFileSync(lock, 'latin1').trim()}/cmdline`, 'latin1')
  await eventually('it follows again', () => existsSync(lock) && isFollowing(holder))
  writeFileSync(join(mirror, 'extra'), '')
  const bad = cron(weekly)
  t.equal(await bad.ended, 1)
  t.match(bad.said, /^extra: extra /m)
  journal.signal('SIGTERM')
  await journal.ended
})

function isFollowing(holder: () => string): boolean {
  try {
    return holder().includes('--follow')
  } catch {
    return false
  }
}
