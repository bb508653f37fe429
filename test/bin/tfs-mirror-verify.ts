// What cannot be compared, or looked at, is refused, and nothing is made or changed for it.

import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { start } from '../support/broadcast-process.js'
import { HeadedJournal } from '../support/headed-journal.js'
import { until } from '../support/journal-place.js'
import { mirrorProgram, runMirror } from '../support/run-mirror.js'
import { StreamWriter } from '../support/stream-writer.js'
import { tempDirectory } from '../support/temp-directory.js'

t.setTimeout(120_000)

const broadcast = join(import.meta.dirname, '../../bin/tfs-broadcast.js')

const wrong: readonly (readonly [string[], RegExp])[] = [
  [['--verify', 'copy'], /--verify needs a SOURCE that takes requests/],
  [['--verify=.tfs', 'socket', 'copy'], /--verify: \.tfs is not mirrored/],
  [['--verify=./.tfs/x', 'socket', 'copy'], /--verify: \.tfs is not mirrored/],
  [['--verify=/a', 'socket', 'copy'], /--verify: '\/a' begins with a slash: .* relative to DIR/],
  [['-n', '--bootstrap', 'socket', 'copy'], /--dry-run: --verify tells/],
  [['-n', '--verify', 'socket', 'copy'], /changes nothing: leave out --dry-run/],
  [['-n', '--seed', 'true', 'socket', 'copy'], /--seed and --dry-run: .*--verify/],
]

void t.test('what cannot be meant', async (t) => {
  for (const [words, stderr] of wrong)
    t.match(runMirror(words), { status: 100, stderr }, words.join(' '))
  t.notOk(existsSync('copy'))
  const dir = tempDirectory(t).path
  const [record, copy] = [join(dir, 'record'), join(dir, 'copy')]
  writeFileSync(record, new StreamWriter().bye().bytes)
  const stderr = /record: it states nothing: SOURCE must be/
  t.match(runMirror(['--verify', record, copy]), { status: 111, stderr })
  t.notOk(existsSync(copy))
})

void t.test('what is not there', async (t) => {
  const journal = new HeadedJournal(t)
  const path = (name: string) => join(journal.dir, name)
  const socket = path('socket')
  await journal.start('--exec', `'${process.execPath}' '${broadcast}' -q '${socket}'`)
  await until('the socket', () => existsSync(socket))
  journal.sh('mkdir d; echo x >d/f')
  const run = (...words: string[]) => runMirror([...words])
  const fails = (stderr: RegExp, ...words: string[]) =>
    t.match(run('--verify', ...words), { status: 1, stderr }, words.join(' '))
  mkdirSync(path('empty'))
  mkdirSync(path('other'))
  writeFileSync(path('other/precious'), '')
  fails(/none: is not there/, socket, path('none'))
  fails(/empty: is no mirror/, socket, path('empty'))
  fails(/other: is no mirror/, '--force', '--repair', socket, path('other'))
  t.notOk(existsSync(path('none')))
  t.same([readdirSync(path('empty')), readdirSync(path('other'))], [[], ['precious']])

  t.equal(run('--until', '1', '--bootstrap', socket, path('copy')).status, 1, 'incomplete')
  fails(/is incomplete: finish it with --bootstrap/, socket, path('copy'))
  t.equal(run('--verify', '--repair', socket, path('copy')).status, 0)
  t.match(run('--verify=nosuch', socket, path('copy')), {
    status: 1,
    stderr: /there is no 'nosuch', here or there/,
  })
  t.match(run('--verify=', socket, path('copy')), { status: 0, stderr: /no difference/ })
  t.match(run('--verify=d/f', socket, path('copy')), { status: 0, stderr: /no difference/ })

  const only = ['--only', 'nosuch', '--bootstrap', socket, path('part')]
  const mirror = start(t, process.execPath, [mirrorProgram, ...only])
  await mirror.said(/the source has no 'nosuch' \(--only\)/)
  mirror.child.kill('SIGTERM')
  await mirror.ended
})
