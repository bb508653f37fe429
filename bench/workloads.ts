// What is measured: the seconds that the work itself takes, as its caller sees them.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { generateTree } from '../test/support/generated-tree.js'
import { shell } from '../test/support/shell.js'

export interface Material {
  /** An archive of a tree of `files` files and more, and how many. */
  readonly tar: string
  readonly files: number
  readonly scale: Scale
}

/** How much of each. */
export interface Scale {
  readonly files: number
  readonly writeMiB: number
  /** MiB of the file that is written and read at random places. */
  readonly randomMiB: number
  readonly transactions: number
}

export const scales = {
  full: { files: 20_000, writeMiB: 1024, randomMiB: 256, transactions: 1000 },
  quick: { files: 1000, writeMiB: 64, randomMiB: 16, transactions: 50 },
} as const satisfies Record<string, Scale>

export interface Workload {
  readonly name: string
  /** Seconds, of work in the directory `path`. */
  run(path: string, material: Material): Promise<number>
}

const timeoutMs = 900_000

export async function prepare(dir: string, scale: Scale): Promise<Material> {
  const [tree, tar] = [join(dir, 'tree'), join(dir, 'tree.tar')]
  mkdirSync(tree)
  generateTree(tree, scale.files)
  await shell('tar -C "$1" --format=posix --xattrs --sparse -cf "$2" .; rm -r "$1"', [tree, tar])
  return { tar, files: scale.files, scale }
}

// What is still to be written to disk is not part of the work.
async function timed(script: string, args: string[], before = ':'): Promise<number> {
  const measured = `${before}; sync; cat "$2" >/dev/null; from=$EPOCHREALTIME
    ${script}
    echo "$from $EPOCHREALTIME"`
  const said = await shell(measured, args, { timeoutMs })
  const [from = NaN, to = NaN] = said.trim().split('\n').at(-1)!.split(' ').map(Number)
  return to - from
}

const unpack = 'mkdir "$1/tree"; tar -C "$1/tree" --xattrs -xpf "$2"'
const unpacked = `[ -e "$1/tree" ] || { ${unpack}; }`
const cold = 'sync; echo 3 >/proc/sys/vm/drop_caches'
const written = (mib: number) =>
  `[ -e "$1/large" ] || dd if=/dev/urandom of="$1/large" bs=1M count=${mib} status=none`
const read = 'cat "$1/large" >/dev/null'

export const workloads: readonly Workload[] = [
  { name: 'untar', run: (path, { tar }) => timed(unpack, [path, tar]) },
  {
    name: 'find, warm',
    run: (path, { tar }) => {
      const find = 'find "$1/tree" -type f -newermt 1980-01-01 | wc -l >/dev/null'
      return timed(`${find}; ${find}; ${find}`, [path, tar], `${unpacked}; ${find}`)
    },
  },
  {
    name: 'git status, warm',
    run: (path, { tar }) => {
      const git = 'git -c safe.directory="*" -c core.fsmonitor=false -C "$1/tree"'
      const begin = `${unpacked}; ${git} init -q; ${git} add -A 2>/dev/null || true
        ${git} status -s >/dev/null`
      return timed(`for i in 1 2 3; do ${git} status -s >/dev/null; done`, [path, tar], begin)
    },
  },
  {
    name: 'rm -rf',
    run: (path, { tar }) => timed('rm -rf "$1/tree"', [path, tar], unpacked),
  },
  {
    name: 'sequential write',
    run: (path, { tar, scale: { writeMiB } }) => {
      const dd = `dd if=/dev/zero of="$1/large" bs=1M count=${writeMiB} status=none`
      return timed(dd, [path, tar], 'rm -f "$1/large"')
    },
  },
  {
    name: 'sequential read, cold',
    run: (path, { tar, scale }) => timed(read, [path, tar], `${written(scale.writeMiB)}; ${cold}`),
  },
  {
    name: 'sequential read, warm',
    run: (path, { tar, scale }) => timed(read, [path, tar], `${written(scale.writeMiB)}; ${read}`),
  },
  {
    name: 'random reads of 4 KiB, warm',
    run: (path, { scale }) => fio(path, 'randread', 1, scale),
  },
  { name: 'random writes of 4 KiB', run: (path, { scale }) => fio(path, 'randwrite', 1, scale) },
  {
    name: 'random writes of 4 KiB, 4 jobs',
    run: (path, { scale }) => fio(path, 'randwrite', 4, scale),
  },
  { name: 'SQLite, wal', run: (path, { scale }) => sqlite(path, 'wal', scale) },
  { name: 'SQLite, delete', run: (path, { scale }) => sqlite(path, 'delete', scale) },
]

/** As many of them as the file has blocks, in files that are there. Its seconds are fio's own. */
async function fio(path: string, kind: string, jobs: number, scale: Scale): Promise<number> {
  const mib = scale.randomMiB / jobs
  const job = `
    for i in $(seq 0 $(($3 - 1))); do head -c "$4M" /dev/zero > "$1/job.$i.0"; done; sync
    fio --name=job --directory="$1" --rw="$2" --bs=4k --size="$4M" --numjobs="$3" \\
      --ioengine=psync --randseed=1 --allow_file_create=0 --fallocate=none --group_reporting \\
      --output-format=json
    rm "$1"/job.*`
  const said = await shell(job, [path, kind, `${jobs}`, `${mib}`], { timeoutMs })
  const { jobs: results } = JSON.parse(said.slice(said.indexOf('{'))) as {
    jobs: Record<'read' | 'write', { runtime: number; total_ios: number }>[]
  }
  const { runtime, total_ios: count } = results[0]![kind === 'randread' ? 'read' : 'write']
  if (count !== scale.randomMiB * 256) throw new Error(`fio did ${count}`)
  return runtime / 1000
}

/** Transactions of one row each, every one made durable. */
function sqlite(path: string, mode: string, { transactions }: Scale): Promise<number> {
  const script = `pragma journal_mode=${mode}; pragma synchronous=full; create table t (n, text);
    ${"insert into t values (1, 'some text');".repeat(transactions)}`
  const run = `sqlite3 "$1/${mode}.db" <"$1/script" >/dev/null`
  const before = `rm -f "$1/${mode}.db"*; cat <<'END' >"$1/script"\n${script}\nEND\n:`
  return timed(run, [path, '/dev/null'], before)
}
