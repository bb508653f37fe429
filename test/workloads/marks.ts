// Marks in a large spool: each restores the tree that it was set on, and is found without a look
// at all of the spool.

import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { HeadedJournal } from '../support/headed-journal.js'
import { ended } from '../support/journal-place.js'
import { rsyncCompare } from '../support/rsync-compare.js'
import { seeded } from '../support/seed.js'
import { shell } from '../support/shell.js'

const isLong = process.env['TFS_LONG'] !== undefined
const marks = isLong ? 1000 : 40
const restores = isLong ? 50 : 6
const bytesEach = isLong ? Math.ceil((5 * 2 ** 30) / marks) : 1 << 20
const segmentSize = isLong ? 64 << 20 : 4 << 20
// To find a mark: the segment that is written last, and what the program itself is.
const readMax = segmentSize + (24 << 20)
const timeoutMs = 600_000
t.setTimeout(isLong ? 3_600_000 : 300_000)

const built = join(import.meta.dirname, '../..')
const mirror = join(built, 'bin/tfs-mirror.js')
const changingTree = join(built, 'test/support/changing-tree.js')

interface Restored {
  readonly sec: number
  /** Bytes that were read, from wherever. */
  readonly read: number
}

/** Makes `directory` what it was at a mark. */
function restore(mark: number, spool: string, directory: string): Restored {
  // What a shell's children have read counts as its own, once they have ended.
  const script = '"$@" >&2 && grep rchar /proc/$$/io'
  const args = [process.execPath, mirror, '--sync', 'none', '--until', `mark-${mark}`]
  const begin = performance.now()
  const { status, stdout, stderr } = spawnSync(
    'sh',
    ['-c', script, 'sh', ...args, spool, directory],
    { timeout: timeoutMs, encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(`mark ${mark}: ${status} ${stderr}`)
  const sec = (performance.now() - begin) / 1000
  return { sec, read: Number(/rchar: (\d+)/.exec(stdout)?.[1]) }
}

const mean = (list: readonly number[]) => list.reduce((a, b) => a + b, 0) / list.length

void t.test('each mark restores the tree that it was set on', async (t) => {
  const { next } = seeded(t)
  const journal = new HeadedJournal(t, 3_600_000)
  const { dir, store, mount, spool } = journal
  const [saved, restored] = [join(dir, 'saved'), join(dir, 'restored')]
  mkdirSync(saved)
  const chosen = new Set<number>()
  while (chosen.size < restores) chosen.add(next(marks))
  const start = () => journal.start('--spool', spool, '--segment-size', `${segmentSize}`)
  const work = (first: number, last: number) => {
    const args = [mount, next(2 ** 31), bytesEach, first, last].map(String)
    return shell('exec "$@"', [process.execPath, changingTree, ...args], { timeoutMs })
  }
  await start()
  let [set, runs] = [0, 1]
  for (const mark of [...chosen].toSorted((a, b) => a - b)) {
    await work(set, mark)
    set = mark + 1
    await shell('cp -a "$1" "$2"', [store, join(saved, `${mark}`)])
    if (next(4) > 0) continue
    // Some runs end in order, some do not; what was done had come to its end.
    journal.child.kill(next(2) ? 'SIGKILL' : 'SIGTERM')
    await ended(journal.child)
    journal.said = ''
    await start()
    runs++
  }
  if (set < marks) await work(set, marks - 1)
  t.equal(await journal.end(), 'SIGTERM')
  const listed = await shell('"$1" "$2" ls --json "$3"', [
    process.execPath,
    join(built, 'bin/tfs-spool.js'),
    spool,
  ])
  const bytes = Number(await shell('du -cb "$1"/*.tfs | tail -n 1 | cut -f 1', [spool]))
  t.ok(bytes >= marks * bytesEach, `${bytes} bytes`)
  t.equal(listed.match(/"mark-\d+"/g)?.length, marks)

  const entries = Number(await shell('find "$1" | wc -l', [store]))
  t.ok(entries > 50, `${entries} entries at the end`)
  const found: Restored[] = []
  const whole: Restored[] = []
  let other = ''
  // A set keeps the order in which they were chosen.
  for (const mark of chosen) {
    whole.push(restore(mark, spool, restored))
    const differences = await rsyncCompare(join(saved, `${mark}`), restored)
    t.equal(differences, '', `mark ${mark}`)
    if (other) t.not(await rsyncCompare(other, restored), '', 'and no other tree')
    other = join(saved, `${mark}`)
    // It is there already: all that is done is to find it.
    found.push(restore(mark, spool, restored))
    t.ok(found.at(-1)!.read < readMax, `${found.at(-1)!.read} bytes are read to find mark ${mark}`)
    rmSync(restored, { recursive: true })
  }
  const rate = mean(whole.map(({ sec, read }) => read / sec))
  t.comment(
    `${marks} marks in ${Math.round(bytes / 2 ** 20)} MiB of ${runs} runs, ${restores} restored:`,
    `${mean(whole.map(({ sec }) => sec)).toFixed(1)} s each, ${(rate / 2 ** 20).toFixed(0)} MiB/s;`,
    `to find one ${mean(found.map(({ sec }) => sec)).toFixed(2)} s,`,
    `${(mean(found.map(({ read }) => read)) / 2 ** 20).toFixed(1)} MiB read`,
  )
})
