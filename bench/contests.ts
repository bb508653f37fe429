// Work that other tools do in another way: how long each takes until it is done.

import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isMounted, withMirroredMount } from '../test/support/mirrored-mount.js'
import { shell } from '../test/support/shell.js'
import { loud } from './loud.js'
import type { Material } from './workloads.js'

export interface Contender {
  readonly name: string
  /** Seconds; `dir` is empty and its own. */
  run(dir: string, material: Material): Promise<number>
}

export interface Contest {
  readonly name: string
  readonly contenders: readonly Contender[]
}

const program = (name: string) => join(import.meta.dirname, '../bin', `${name}.js`)
const timeoutMs = 600_000

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now()
  await work()
  return (performance.now() - begun) / 1000
}

const run = (script: string, ...args: string[]) => shell(script, args, { timeoutMs })

/** So many small files, made by one program. */
const makeBurst = (path: string, files: number) =>
  run(
    `mkdir "$1/burst"; cd "$1/burst"
    for ((i = 0; i < $2; i++)); do echo "content $i" >"$i"; done`,
    path,
    `${files}`,
  )

const withMirror = (work: (mount: string, settle: () => Promise<void>) => Promise<unknown>) => {
  let taken = NaN
  const body = async (m: { mount: string; settle: (ms: number) => Promise<void> }) => {
    taken = await seconds(() => work(m.mount, () => m.settle(timeoutMs)))
  }
  return withMirroredMount(loud, {}, body).then(() => taken)
}

const half = ({ files }: Material) => Math.ceil(files / 2)

/** What people put together today: whatever is noticed has the whole compared. */
async function watched(dir: string, work: (source: string) => Promise<unknown>, last: string) {
  const [source, copy] = [join(dir, 'source'), join(dir, 'copy')]
  for (const path of [source, copy]) mkdirSync(path)
  const loop = `inotifywait -q -r -m -e close_write,create,move,delete "$1" |
    while read -r _; do while read -r -t 0.05 _; do :; done; rsync -a --delete "$1/" "$2"; done`
  const watcher = spawn('bash', ['-c', loop, 'bash', source, copy], {
    detached: true,
    stdio: 'ignore',
  })
  try {
    await sleep(1000)
    return await seconds(async () => {
      await work(source)
      const deadline = performance.now() + timeoutMs
      while (!existsSync(join(copy, last)) && performance.now() < deadline) await sleep(1)
      if (!existsSync(join(copy, last))) throw new Error('the copy does not come')
    })
  } finally {
    process.kill(-watcher.pid!, 'SIGKILL')
  }
}

const untar = 'mkdir "$1/tree"; tar -C "$1/tree" --xattrs -xpf "$2"'

/** A stream of all that the archive makes, recorded beside it. */
async function recorded(material: Material): Promise<string> {
  const record = `${material.tar}.tfs`
  if (existsSync(record)) return record
  const place = `${material.tar}.record`
  await run(
    `mkdir -p "$3/store" "$3/mount"
    "$4" "$5" --run 'tar -C "$TFS_MOUNT" --xattrs -xpf '"'$1'" "$3/store" "$3/mount" >"$2"`,
    material.tar,
    record,
    place,
    process.execPath,
    program('tfs-journal'),
  )
  rmSync(place, { recursive: true })
  return record
}

async function mountedAfter(dir: string): Promise<number> {
  const [store, mount] = [join(dir, 'store'), join(dir, 'mount')]
  for (const path of [store, mount]) mkdirSync(path)
  const reader = spawn('cat', { stdio: ['pipe', 'ignore', 'inherit'] })
  const begun = performance.now()
  const child = spawn(process.execPath, [program('tfs-journal'), store, mount], {
    stdio: ['ignore', reader.stdin, 'inherit'],
  })
  reader.stdin.destroy()
  while (!isMounted(mount) && child.exitCode === null) await sleep(1)
  const taken = (performance.now() - begun) / 1000
  spawnSync('umount', [mount], { timeout: timeoutMs })
  await new Promise((resolve) => child.once('exit', resolve))
  return taken
}

const node = (...args: string[]) => run('"$@" >/dev/null', process.execPath, ...args)

export const contests: readonly Contest[] = [
  {
    name: 'burst of small files until all are on the copy',
    contenders: [
      {
        name: 'inotifywait and rsync',
        run: (dir, material) =>
          watched(
            dir,
            (source) => makeBurst(source, half(material)),
            `burst/${half(material) - 1}`,
          ),
      },
      {
        name: 'tfs',
        run: (_dir, material) =>
          withMirror(async (mount, settle) => {
            await makeBurst(mount, half(material))
            await settle()
          }),
      },
    ],
  },
  {
    name: 'untar, and a copy of it',
    contenders: [
      {
        name: 'untar, then rsync -a',
        run: (dir, { tar }) =>
          seconds(() => run(`${untar}; rsync -a "$1/tree" "$1/copy"`, dir, tar)),
      },
      {
        name: 'tfs',
        run: (_dir, { tar }) =>
          withMirror(async (mount, settle) => {
            await run(untar, mount, tar)
            await settle()
          }),
      },
    ],
  },
  {
    name: 'replay of a record',
    contenders: [
      {
        name: 'tar x',
        run: (dir, { tar }) => seconds(() => run(untar, dir, tar)),
      },
      {
        name: 'rsync -a',
        async run(dir, { tar }) {
          await run(untar, dir, tar)
          return seconds(() => run('rsync -a "$1/tree/" "$1/copy"', dir))
        },
      },
      {
        name: 'tfs-mirror',
        async run(dir, material) {
          const record = await recorded(material)
          return seconds(() => node(program('tfs-mirror'), '-q', record, join(dir, 'copy')))
        },
      },
    ],
  },
  {
    name: 'start',
    contenders: [
      { name: "node's own", run: () => seconds(() => node('-e', '0')) },
      {
        name: 'tfs-mirror --help',
        run: () => seconds(() => node(program('tfs-mirror'), '--help')),
      },
      { name: 'tfs-journal, until mounted', run: (dir) => mountedAfter(dir) },
    ],
  },
]
