// A journal that was killed between a change of the store and the message about it: the next one
// says it, and a copy is exact, whether the change was done or not.

import { spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { AT_FDCWD, check, close, O_DIRECTORY, O_RDONLY, openat } from '#posix'
import { Spool } from '#spool'
import { IntentFile, noChange, unsaid, type Change } from '../../packages/journal/intent.js'
import { HeadedJournal } from '../support/headed-journal.js'
import { ended } from '../support/journal-place.js'
import { rsyncCompare } from '../support/rsync-compare.js'
import { runMirror } from '../support/run-mirror.js'

t.setTimeout(300_000)
const timeout = 60_000
const isLong = process.env['TFS_LONG'] !== undefined
let marks = 0

/** What is there before. */
const base = `mkdir d e; seq 5000 > f; ln f g; ln f d/h; echo old > old; echo a > a; ln -s x s
  mkdir d/deep; seq 100 > d/deep/file; ln d/deep/file e/other; setfattr -n user.a -v 1 f
  truncate -s 3M holes; echo x | dd of=holes bs=1 seek=1M conv=notrunc status=none`

interface Case {
  /** The change, in the store. */
  readonly script: string
  readonly how: keyof typeof unsaid
  readonly one: string
  readonly other?: string
  readonly range?: { readonly offset: number; readonly length: number }
}

const cases: readonly Case[] = [
  { script: 'mkdir n; chmod 1750 n', how: 'STATE', one: 'n' },
  { script: 'touch n; chown 5:6 n', how: 'STATE', one: 'n' },
  { script: 'ln -s target n', how: 'STATE', one: 'n' },
  { script: 'mkfifo d/n', how: 'STATE', one: 'd/n' },
  { script: 'rm d/h', how: 'STATE', one: 'd/h' },
  { script: 'rm a', how: 'STATE', one: 'a' },
  { script: 'rmdir e/x 2>/dev/null || true', how: 'STATE', one: 'e/x' },
  { script: 'chmod 4751 f', how: 'STATE', one: 'f' },
  { script: 'touch -d @1000000000.123 d', how: 'STATE', one: 'd' },
  { script: 'truncate -s 100 g', how: 'STATE', one: 'g' },
  { script: 'truncate -s 2M f', how: 'STATE', one: 'f' },
  { script: 'setfattr -n user.b -v 2 f', how: 'STATE', one: 'f' },
  { script: 'setfattr -x user.a f', how: 'STATE', one: 'f' },
  { script: 'setfacl -m u:3:rwx d', how: 'STATE', one: 'd' },
  {
    script: 'printf changed | dd of=g bs=1 seek=7000 conv=notrunc status=none',
    how: 'CONTENT',
    one: 'g',
    range: { offset: 7000, length: 7 },
  },
  {
    script: 'printf more >> a',
    how: 'CONTENT',
    one: 'a',
    range: { offset: 2, length: 4 },
  },
  {
    script: 'fallocate -p -o 1M -l 4096 holes',
    how: 'CONTENT',
    one: 'holes',
    range: { offset: 1 << 20, length: 4096 },
  },
  { script: 'ln f n', how: 'LINK', one: 'f', other: 'n' },
  { script: 'seq 30000 > n', how: 'TREE', one: 'n' },
  { script: 'mv f n', how: 'RENAME', one: 'f', other: 'n' },
  { script: 'mv f old', how: 'RENAME', one: 'f', other: 'old' },
  { script: 'mv -T d n', how: 'RENAME', one: 'd', other: 'n' },
  { script: 'mv d/deep e/', how: 'RENAME', one: 'd/deep', other: 'e/deep' },
  { script: 'mv -T d m; mv -T e d; mv -T m e', how: 'EXCHANGE', one: 'd', other: 'e' },
  { script: 'mkdir n; seq 9 > n/f; mkdir n/d; ln n/f n/d/l', how: 'TREE', one: 'n' },
  { script: 'rm -r d', how: 'TREE', one: 'd', other: 'f' },
]

const inodeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.ino ?? 0

/** Notes a change that the last run, which was killed, has not said. */
function intend(journal: HeadedJournal, { how, one, other, range }: Case): void {
  const spool = new Spool(journal.spool)
  const { epoch, seq } = spool.newest()
  spool.close()
  const at = (path: string) => inodeOf(join(journal.store, path))
  const change: Change = {
    ...noChange,
    ...range,
    how: unsaid[how],
    one: Buffer.from(one),
    other: other === undefined ? undefined : Buffer.from(other),
    inode: at(one),
    otherInode: other === undefined ? 0 : at(other),
  }
  const flags = O_RDONLY | O_DIRECTORY
  const fd = check(openat(AT_FDCWD, Buffer.from(journal.spool), flags), 'open', journal.spool)
  const file = new IntentFile(fd, epoch)
  check(file.note(seq + 1, true, change), 'write', 'intent')
  file.close()
  close(fd)
}

async function kill(journal: HeadedJournal): Promise<void> {
  journal.child.kill('SIGKILL')
  await ended(journal.child)
}

/** What a mirror of the stream so far lacks. */
async function checkCopy(t: Test, journal: HeadedJournal, what: string): Promise<void> {
  const copy = join(journal.dir, 'copy')
  marks++
  journal.sh(`echo m${marks} > .tfs/mark`)
  const { status, stderr } = runMirror([`--until=m${marks}`, '--sync=none', journal.spool, copy])
  t.equal(status, 0, stderr)
  t.notMatch(stderr, 'suspect', what)
  t.equal(await rsyncCompare(journal.store, copy), '', what)
}

void t.test('each change that a kill leaves unsaid, done and not done', async (t) => {
  const journal = new HeadedJournal(t)
  await journal.start('--spool', journal.spool)
  for (const [i, one] of [...cases, ...cases].entries()) {
    // Of all of them, in the usual run, a sixth.
    if (!isLong && i % 6 > 0) continue
    const isDone = i < cases.length
    const what = `${one.how}: ${one.script}, ${isDone ? 'done' : 'not done'}`
    journal.sh(`rm -rf -- *; ${base}; sync f`)
    await checkCopy(t, journal, `before ${what}`)
    await kill(journal)
    intend(journal, one)
    if (isDone) spawnSync('sh', ['-ec', one.script], { cwd: journal.store, timeout })
    journal.said = ''
    await journal.start('--spool', journal.spool)
    t.match(journal.said, `${one.one}: was being changed when the last run was killed`)
    await checkCopy(t, journal, what)
  }
  t.equal(await journal.end(), 'SIGTERM')
})
