// Random operations of several processes, the same on a plain directory and on a mount: each gives
// the same result on both, the trees are equal at the end, and the mirror is the store.
// TFS_SEED=n plays that seed alone.

import { mkdtempSync, chmodSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { DifferentialRuns } from '../support/differential/differential-run.js'
import type { Operation } from '../support/differential/operation.js'
import { randomOperations } from '../support/differential/random-operations.js'
import { shrink } from '../support/differential/shrink.js'
import { withMirroredMount, type MirroredMount } from '../support/mirrored-mount.js'
import { removeTree } from '../support/remove-tree.js'
import { seed } from '../support/seed.js'

const operationCount = 2000
const isLong = process.env['TFS_LONG'] !== undefined
const seedCount = isLong ? 100 : 3
const seeds = Array.from({ length: process.env['TFS_SEED'] ? 1 : seedCount }, (_, i) => seed + i)

if (process.getuid?.() !== 0) throw new Error('several users act here: run it as root')
t.setTimeout(900_000)

void t.test('random operations give the same on a mount as on a plain directory', async (t) => {
  await withRuns(t, async (runs) => {
    for (const seed of seeds) {
      const operations = randomOperations(seed, operationCount)
      const { failure, upTo, succeeded } = await runs.run(operations)
      t.equal(failure, '', `seed ${seed}, ${operationCount} operations`)
      t.ok(failure !== '' || succeeded > operationCount / 5, `${succeeded} succeed (seed ${seed})`)
      if (failure !== '') await explain(t, runs, seed, operations.slice(0, upTo))
    }
  })
})

void t.test('a FIFO that is open without a name can be looked at', async (t) => {
  await withRuns(t, async (runs) => {
    const stat = 'statx $fd0 s n4096 n4095 o256'
    const words = ['mknodat n-100 s61 n4516 n0', 'openat n-100 s61 n2048 n0', stat]
    words.push('unlinkat n-100 s61 n0', 'fchmod $fd0 n384', 'fsync $fd0', stat)
    const calls = words.map((text) => ({
      words: text,
      compared: text === stat ? ('stat' as const) : ('errno' as const),
      ...(text.startsWith('openat') ? { into: 'fd0' } : {}),
    }))
    t.equal((await runs.run([{ who: 0, show: 'a FIFO', calls }])).failure, '')
  })
})

void t.test('a copy from a file without a name to one open for writing alone', async (t) => {
  await withRuns(t, async (runs) => {
    const opens = (name: string, flags: number, into: string) => {
      return { words: `openat n-100 s${name} n${flags} n420`, compared: 'errno' as const, into }
    }
    const calls: Operation['calls'] = [
      opens('61', 0o102, 'fd0'),
      { words: 'write $fd0 f5000,1 n5000', compared: 'all' },
      { words: 'unlinkat n-100 s61 n0', compared: 'all' },
      opens('62', 0o101, 'fd1'),
      { words: 'write $fd1 f9000,2 n9000', compared: 'all' },
      { words: `copy_file_range $fd0 n0 $fd1 n0 n4000 n0`, compared: 'all' },
      { words: 'lseek $fd0 n1000 n0', compared: 'all' },
      { words: `copy_file_range $fd0 n0 $fd1 n0 n4000 n0`, compared: 'all' },
    ]
    t.equal((await runs.run([{ who: 0, show: 'copy', calls }])).failure, '')
  })
})

void t.test('canary: a byte that was written differently is found', async (t) => {
  await withRuns(t, async (runs) => {
    const operations = writing()
    t.equal((await runs.run(operations)).failure, '', 'as it is')
    const last = operations.at(-1) as Operation
    const calls = last.calls.map((c) => ({ ...c, words: c.words.replace('f5,1 ', 'f5,2 ') }))
    const tampered = [...operations.slice(0, -1), { ...last, tampered: { ...last, calls } }]
    t.match((await runs.run(tampered)).failure, /the store is not as the plain directory/)
    const result = [...operations, { ...last, tampered: { ...last, calls: last.calls.slice(1) } }]
    t.match((await runs.run(result)).failure, /operation 2, process 0/, 'and another result')
  })
})

void t.test('canary: a mirror with one wrong byte is found', async (t) => {
  await withRuns(t, async (runs, { mirror }) => {
    const { failure } = await runs.run(writing(), (sub) => {
      const path = join(mirror, sub, 'a')
      const { atime, mtime } = statSync(path)
      writeFileSync(path, readFileSync(path).fill(1, 0, 1))
      utimesSync(path, atime, mtime)
    })
    t.match(failure, /the mirror is not as the store \(walk\)/)
    t.match(failure, /the mirror is not as the store \(rsync\)/)
  })
})

void t.test('what a failure does not need is taken out of the list', async (t) => {
  const list = Array.from({ length: 1000 }, (_, i) => i)
  const fails = async (some: readonly number[]) => some.includes(17) && some.includes(803)
  t.strictSame(await shrink(list, fails, { triesMax: 500, timeMs: 10_000 }), [17, 803])
})

async function withRuns(
  t: Test,
  body: (runs: DifferentialRuns, m: MirroredMount) => Promise<void>,
): Promise<void> {
  const plain = mkdtempSync(join(tmpdir(), 'tfs-plain-'))
  chmodSync(plain, 0o755)
  try {
    await withMirroredMount(t, { mountOptions: 'suid,dev' }, async (m) => {
      const runs = new DifferentialRuns(m, plain)
      try {
        await body(runs, m)
      } finally {
        await runs.end()
      }
    })
  } finally {
    removeTree(plain)
  }
}

/** Prints as short a list as is found soon that fails too. */
async function explain(
  t: Test,
  runs: DifferentialRuns,
  seed: number,
  operations: readonly Operation[],
): Promise<void> {
  const fails = async (some: readonly Operation[]) => (await runs.run(some)).failure !== ''
  const few = await shrink(operations, fails, { triesMax: 150, timeMs: 90_000 })
  const { failure } = await runs.run(few)
  t.comment(`TFS_SEED=${seed}; of ${operations.length} operations these ${few.length} suffice:`)
  for (const { who, show, calls } of few.slice(-20)) {
    t.comment(`  ${who}: ${show}   (${calls.map(({ words }) => words).join('; ')})`)
  }
  t.comment(failure)
}

function writing(): Operation[] {
  const open: Operation = {
    who: 0,
    show: 'open',
    calls: [{ words: `openat n-100 s61 n${0o102} n420`, compared: 'errno', into: 'fd0' }],
  }
  const write: Operation = {
    who: 0,
    show: 'write',
    calls: [{ words: 'write $fd0 f5,1 n5', compared: 'all' }],
  }
  return [open, write]
}
