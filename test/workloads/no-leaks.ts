// Nothing leaks: after a great many files were made, removed and forgotten, the journal has the
// descriptors and the memory that it had before.

import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { start } from '../support/broadcast-process.js'
import { shell } from '../support/shell.js'
import { tempDirectory } from '../support/temp-directory.js'

const isLong = process.env['TFS_LONG'] !== undefined
const warmUp = 10_000
const count = isLong ? 100_000 : 10_000
const kept = isLong ? 50_000 : 6000

// A leak of one small object for each file is some 10 MB of heap; the collector does not give all
// pages back at once, so what the process holds varies more.
const descriptorsMore = 4
const heapMoreMax = 3 << 20
const residentMoreMax = 16 << 20

const { path: dir } = tempDirectory(t)
const at = (name: string) => join(dir, name)
const [store, mount, reports] = [at('store'), at('mount'), at('reports')]
for (const path of [store, mount, reports]) mkdirSync(path)
const program = join(import.meta.dirname, '../../bin/tfs-journal.js')
const churn = join(import.meta.dirname, '../support/churn.js')

interface Held {
  readonly descriptors: number
  /** Bytes that live in the heaps of all threads. */
  readonly heap: number
  /** Bytes of the process in memory. */
  readonly resident: number
}

interface Report {
  readonly javascriptHeap: { readonly usedMemory: number }
  readonly workers: readonly Report[]
}

/** Node writes a report on a signal, with the heap of each thread. */
async function held(pid: number): Promise<Held> {
  const before = readdirSync(reports).length
  process.kill(pid, 'SIGPWR')
  for (let tries = 0; tries < 200; tries++) {
    await sleep(100)
    const name = readdirSync(reports).sort()[before]
    const text = name ? readFileSync(join(reports, name), 'utf8').trimEnd() : ''
    if (!text.endsWith('}')) continue
    const { javascriptHeap, workers } = JSON.parse(text) as Report
    const heaps = [javascriptHeap, ...workers.map((worker) => worker.javascriptHeap)]
    const heap = heaps.reduce((sum, { usedMemory }) => sum + usedMemory, 0)
    const status = readFileSync(`/proc/${pid}/status`, 'latin1')
    const resident = Number(/^VmRSS:\s*(\d+) kB/m.exec(status)?.[1]) * 1024
    return { descriptors: readdirSync(`/proc/${pid}/fd`).length, heap, resident }
  }
  throw new Error('no report came')
}

const megabytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`
const shown = ({ descriptors, heap, resident }: Held) =>
  `${descriptors} descriptors, heap ${megabytes(heap)}, resident ${megabytes(resident)}`

// The kernel gives its inodes up: a FORGET for each.
const forget = () => shell('sync; echo 2 > /proc/sys/vm/drop_caches')

t.setTimeout(600_000)
await t.test('made, removed, forgotten', async (t) => {
  t.teardown(() => spawnSync('umount', ['-l', mount], { timeout: 20_000, stdio: 'ignore' }))
  // A disk's file system takes minutes for so many files; it is worth them for the inode numbers
  // that it uses again.
  if (!isLong) {
    await shell('mount -t tmpfs tmpfs "$1"', [store])
    t.teardown(() => spawnSync('umount', ['-l', store], { timeout: 20_000 }))
  }
  // Collections are frequent and full, so that the heap that is used is the heap that is in use.
  const flags = [
    '--gc-global',
    '--max-semi-space-size=1',
    '--report-on-signal',
    '--report-signal=SIGPWR',
    '--report-compact',
  ]
  const command = [process.execPath, ...flags, `--report-directory=${reports}`, program]
  const script = 'mkfifo "$0"; cat "$0" >/dev/null & exec "$@" >"$0"'
  const journal = start(t, '/bin/sh', ['-c', script, at('fifo'), ...command, store, mount], {
    timeoutMs: 600_000,
  })
  const pid = journal.child.pid!
  await shell('until mountpoint -q "$1"; do sleep 0.05; done', [mount])
  const work = (files: number) =>
    shell('"$1" "$2" "$3" "$4"', [process.execPath, churn, mount, String(files)], {
      timeoutMs: 400_000,
    })

  await work(warmUp)
  await forget()
  const first = await held(pid)
  t.comment(`after ${warmUp}: ${shown(first)}`)
  const isBack = (now: Held, what: string) => {
    t.comment(`${what}: ${shown(now)}`)
    t.ok(now.descriptors <= first.descriptors + descriptorsMore, `${what}: descriptors`)
    t.ok(now.heap <= first.heap + heapMoreMax, `${what}: heap`)
    t.ok(now.resident <= first.resident + residentMoreMax, `${what}: resident memory`)
  }

  await work(count)
  await forget()
  isBack(await held(pid), `${count} made and removed`)

  const make = 'cd "$1"; for i in $(seq "$2"); do mkdir $i; (cd $i; seq 1000 | xargs touch); done'
  await shell(make, [mount, String(kept / 1000)])
  const full = await held(pid)
  t.comment(`${kept} made: ${shown(full)}`)
  t.ok(full.heap > first.heap + heapMoreMax, 'what the kernel knows does show')
  await forget()
  // The collector comes with work alone.
  await work(1000)
  isBack(await held(pid), `${kept} made and forgotten`)
  await shell('rm -r "$1"/*', [mount], { timeoutMs: 120_000 })
  isBack(await held(pid), `${kept} removed`)

  await shell('umount "$1"', [mount])
  t.equal((await journal.ended).code, 0)
})
