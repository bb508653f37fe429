// Files that are being changed all the time, by all of their names, while their content is read for
// an assertion: a mirror that compares finds no difference, and the assertion comes to its end.

import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, linkSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { start } from '../support/broadcast-process.js'
import { HeadedJournal } from '../support/headed-journal.js'
import { ended, until } from '../support/journal-place.js'
import { rsyncCompare } from '../support/rsync-compare.js'

const timeoutMs = 120_000
t.setTimeout(timeoutMs)
const built = join(import.meta.dirname, '../..')

void t.test('what is read while it changes is never stated', async (t) => {
  const journal = new HeadedJournal(t, timeoutMs)
  const [socket, copy] = ['socket', 'copy'].map((name) => join(journal.dir, name)) as [
    string,
    string,
  ]
  mkdirSync(copy)
  mkdirSync(join(journal.store, 'links'))
  for (let i = 0; i < 60; i++) {
    const size = i < 4 ? (6 << 20) + i : 200_000 + 20_000 * i
    writeFileSync(join(journal.store, `${i}`), randomBytes(size))
    if (i % 2) linkSync(join(journal.store, `${i}`), join(journal.store, 'links', `${i}`))
  }
  const head = [process.execPath, join(built, 'bin/tfs-broadcast.js'), '-q', socket]
  await journal.start('--spool', journal.spool, '--exec', head.map((w) => `'${w}'`).join(' '))
  await until('the socket', () => existsSync(socket))
  const args = ['--bootstrap', '--force', '--check', '-v', socket, copy]
  const mirror = start(t, process.execPath, [join(built, 'bin/tfs-mirror.js'), ...args], {
    timeoutMs,
  })
  await mirror.said(/is exact from message/)

  const script = `
    for n in $(seq 100); do
      i=$((RANDOM % 60)); f=$i; [ $((RANDOM % 2)) = 0 ] && [ -e links/$i ] && f=links/$i
      case $((RANDOM % 8)) in
        0) truncate -s $((RANDOM * 40)) $f ;;
        1) fallocate -p -o $((RANDOM * 20)) -l 50000 $f ;;
        2) ln -f $f again$$; mv again$$ $f ;;
        3) cp $((RANDOM % 60)) new$$; mv new$$ $f ;;
        *) head -c 60000 /dev/urandom | dd of=$f seek=$((RANDOM % 400)) conv=notrunc ;;
      esac
    done; true`
  const scripts = [1, 2].map(() =>
    spawn('bash', ['-c', script], { cwd: journal.mount, timeout: timeoutMs, stdio: 'ignore' }),
  )
  let isWorking = true
  const works = Promise.all(scripts.map((child) => ended(child))).finally(() => (isWorking = false))
  let rounds = 0
  let reread = 0
  for (; isWorking || rounds === 0; rounds++) {
    journal.sh('echo . > .tfs/verify')
    await until('stated', () => isOver(journal))
    reread += (JSON.parse(journal.sh('cat .tfs/verify')) as Progress).last.reread
  }
  t.strictSame(await works, [0, 0])
  t.comment(`${rounds} assertions, ${reread} pieces read again`)
  t.ok(reread > 0)
  t.equal(await journal.end(), 'SIGTERM', journal.said)
  const { code, stderr } = await mirror.ended
  t.equal(code, 0, stderr)
  t.notMatch(stderr, /after message/)
  t.equal(await rsyncCompare(journal.store, copy), '')
})

interface Progress {
  readonly active: object[]
  readonly waiting: number
  readonly last: { readonly reread: number }
}

const isOver = (journal: HeadedJournal) => {
  const { active, waiting } = JSON.parse(journal.sh('cat .tfs/verify')) as Progress
  return active.length + waiting === 0
}
