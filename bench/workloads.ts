// What is measured: the seconds that the work itself takes, as its caller sees them.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { generateTree } from '../test/support/generated-tree.js'
import { shell } from '../test/support/shell.js'

export interface Material {
  /** An archive of a tree of `files` files and more. */
  readonly tar: string
}

export interface Workload {
  readonly name: string
  /** Seconds, of work in the directory `path`. */
  run(path: string, material: Material): Promise<number>
}

const files = 10_000
const timeoutMs = 900_000

export async function prepare(dir: string): Promise<Material> {
  const [tree, tar] = [join(dir, 'tree'), join(dir, 'tree.tar')]
  mkdirSync(tree)
  generateTree(tree, files)
  await shell('tar -C "$1" --format=posix --xattrs --sparse -cf "$2" .; rm -r "$1"', [tree, tar])
  return { tar }
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

export const workloads: readonly Workload[] = [
  {
    name: `untar of ${files} files`,
    run: (path, { tar }) => timed(unpack, [path, tar]),
  },
  {
    name: 'rm -rf of them',
    run: (path, { tar }) =>
      timed('rm -rf "$1/tree"', [path, tar], `[ -e "$1/tree" ] || { ${unpack}; }`),
  },
  {
    name: 'write of 1 GiB',
    run: (path, { tar }) =>
      timed('dd if=/dev/zero of="$1/large" bs=1M count=1024 status=none', [path, tar]),
  },
  {
    name: 'random writes of 4 KiB',
    run: (path) => fio(path, 'randwrite'),
  },
]

/** 65,536 of them in a file of 256 MiB that is there. Its seconds are fio's own. */
async function fio(path: string, kind: string): Promise<number> {
  const job = `
    head -c 256M /dev/zero > "$1/random"; sync
    fio --name=job --filename="$1/random" --rw="$2" --bs=4k --size=256M --ioengine=psync \\
      --randseed=1 --allow_file_create=0 --fallocate=none --output-format=json
    rm "$1/random"`
  const said = await shell(job, [path, kind], { timeoutMs })
  const { jobs } = JSON.parse(said.slice(said.indexOf('{'))) as {
    jobs: { write: { runtime: number; total_ios: number } }[]
  }
  const { runtime, total_ios: count } = jobs[0]!.write
  if (count !== 65_536) throw new Error(`fio made ${count} writes`)
  return runtime / 1000
}
