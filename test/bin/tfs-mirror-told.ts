// What a mirror says of how it is made whole and compared: its progress, its status, and the last
// comparison, which later runs know of.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { start, type Running } from '../support/broadcast-process.js'
import { HeadedJournal } from '../support/headed-journal.js'
import { until } from '../support/journal-place.js'
import { mirrorProgram, runMirror } from '../support/run-mirror.js'

t.setTimeout(120_000)

const broadcast = join(import.meta.dirname, '../../bin/tfs-broadcast.js')

/** What SIGUSR1 makes it say, as an object. */
async function asked({ child, stderr }: Running): Promise<Record<string, unknown>> {
  const before = stderr().length
  child.kill('SIGUSR1')
  await until('told', () => /"what":"status".*\}\n/.test(stderr().slice(before)))
  const line = stderr().slice(before).split('\n')
  return JSON.parse(line.find((one) => one.includes('"what":"status"'))!).status
}

void t.test('while it is stated, when it is, and afterwards', async (t) => {
  const journal = new HeadedJournal(t)
  const [socket, copy] = [join(journal.dir, 'socket'), join(journal.dir, 'copy')]
  const exec = `'${process.execPath}' '${broadcast}' -q '${socket}'`
  // Three pieces, a second and a half each.
  await journal.start('--assert-rate', '700KB', '--exec', exec)
  await until('the socket', () => existsSync(socket))
  journal.sh('mkdir d; head -c 3000000 /dev/urandom >d/large; echo abc >a; ln -s a b; mkfifo c')
  const run = (...args: string[]) =>
    start(t, process.execPath, [mirrorProgram, '-v', '--log-json', ...args, socket, copy])
  const mirror = run('--bootstrap', '--progress', '--check')
  await mirror.said(/follows/)
  let status: Record<string, unknown> = {}
  await until('half of it', async () => {
    status = await asked(mirror)
    return ((status['assertion'] as { received: number } | null)?.received ?? 0) > 1_000_000
  })
  t.match(status, {
    state: 'not healthy',
    isIncomplete: true,
    assertion: { why: 'whole', path: '.', directories: Number },
    verified: null,
    faults: ['is incomplete: what is there is being stated'],
  })
  await mirror.said(/is exact from message/)
  t.match(
    mirror.stderr(),
    /2 directories and 4 files stated, 0 B compared, 2\.9 MiB received, 0 names removed/,
  )
  t.match(await asked(mirror), { state: 'healthy', isIncomplete: false, assertion: null })

  journal.sh('rm d/large; echo . >.tfs/verify')
  await mirror.said(/compared '\.' with the source: no difference .* 4 B compared/)
  t.match(await asked(mirror), { verified: { path: '.', differences: 0, repaired: false } })
  writeFileSync(join(copy, 'a'), 'xyz\n')
  writeFileSync(join(copy, 'extra'), '')
  journal.sh('echo a >.tfs/verify')
  await mirror.said(/compared 'a' with the source: \d differences/)
  mirror.child.kill('SIGTERM')
  await mirror.ended

  const verify = ['--verify', socket, copy]
  const found = runMirror(['-q', ...verify])
  t.match(found, {
    status: 1,
    stderr: /\d differences \(2 directories, 3 files, 4 B compared/,
  })
  t.match(found.stdout.toString(), /^extra: extra .*\na: content: /m)
  const repaired = runMirror(['-q', '--repair', ...verify])
  t.match(repaired, { status: 1, stderr: /\d differences, repaired \(/ })
  const right = runMirror(['-q', ...verify])
  t.match(right, { status: 0, stderr: '', stdout: { length: 0 } })
  t.match(runMirror(verify), { status: 0, stderr: /no difference \(2 directories, 3 files/ })
  const next = run('--follow')
  const lock = join(copy, '.tfs/lock')
  await until('it is at work', () => readFileSync(lock, 'latin1') === `${next.child.pid}\n`)
  await until('it is there', async () => (await asked(next))['state'] === 'healthy')
  t.match(await asked(next), { verified: { path: '.', differences: 0, position: { seq: Number } } })
})
