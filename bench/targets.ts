// Where it is measured. Each is made anew for each round, its store on the same file system.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Package } from '../test/requirements.js'
import { isMounted, withMirroredMount } from '../test/support/mirrored-mount.js'
import { shell } from '../test/support/shell.js'
import { loud } from './loud.js'

export interface Place {
  /** Where to work. */
  readonly path: string
  /** Waits until what was done has arrived wherever it goes. */
  readonly settle: () => Promise<void>
  /** Of the processes that serve it. */
  readonly pids: readonly number[]
}

export interface Target {
  readonly name: string
  /** Has it there while `body` works; `dir` is for what it needs. */
  use(dir: string, body: (place: Place) => Promise<void>): Promise<void>
}

export const benchPackages: readonly Package[] = [
  ['fuse3', 'fusermount3', 'mounts of libfuse'],
  ['libfuse3-dev', '/usr/share/doc/libfuse3-dev/examples/passthrough_ll.c', 'the peer in C'],
  ['pkg-config', 'pkg-config', 'builds the peer'],
  ['gcc', 'gcc', 'builds the peer'],
  ['libc6-dev', '/usr/include/stdio.h', 'builds the peer'],
  ['fio', 'fio', 'random writes'],
  ['attr', 'setfattr', 'extended attributes'],
  ['rsync', 'rsync', 'compares trees, and a peer'],
  ['git', 'git', 'a workload'],
  ['sqlite3', 'sqlite3', 'a workload'],
  ['inotify-tools', 'inotifywait', 'a peer, with rsync'],
]

const journal = join(import.meta.dirname, '../bin/tfs-journal.js')
const examples = '/usr/share/doc/libfuse3-dev/examples'
const startMs = 20_000
const settleMs = 600_000

export const plainName = 'plain directory'
/** What TFS is compared with: the better of them. */
export const peers: readonly string[] = ['passthrough_ll', 'passthrough_ll -s', 'passthrough_fh']

const peer = (name: string, args: (store: string) => string[]): Target => ({
  name,
  use: (dir, body) =>
    mounted(dir, body, (store, mount) => [
      join(dir, '..', name.split(' ')[0]!),
      '-f',
      ...args(store),
      mount,
    ]),
})

export const targets: readonly Target[] = [
  {
    name: plainName,
    async use(dir, body) {
      const path = join(dir, 'plain')
      mkdirSync(path)
      await body({ path, settle: () => Promise.resolve(), pids: [] })
    },
  },
  peer('passthrough_ll', (store) => ['-o', `source=${store},xattr`]),
  peer('passthrough_ll -s', (store) => ['-s', '-o', `source=${store},xattr`]),
  // It shows the whole file system: the store is below it.
  peer('passthrough_fh', () => []),
  {
    name: 'tfs, stream read',
    use: (dir, body) =>
      mounted(dir, body, (store, mount) => [
        process.execPath,
        ...profiling(),
        journal,
        store,
        mount,
      ]),
  },
  {
    name: 'tfs, live mirror',
    use: (_dir, body) =>
      withMirroredMount(loud, {}, async (m) => {
        const pids = Object.values(m.pids)
        await body({ path: m.mount, settle: () => m.settle(settleMs), pids })
        const difference = await m.compare()
        if (difference !== '') throw new Error(`the mirror differs: ${difference}`)
      }),
  },
]

/** With TFS_BENCH_PROFILE=DIR the journal leaves profiles there. */
function profiling(): string[] {
  const dir = process.env['TFS_BENCH_PROFILE']
  return dir === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${dir}`]
}

/** Builds the peers from their sources. */
export async function buildPeers(dir: string): Promise<void> {
  const build = `cp "$1"/passthrough_{ll,fh}.c "$1"/passthrough_helpers.h "$2"; cd "$2"
    for name in passthrough_ll passthrough_fh; do
      gcc -O2 -D_GNU_SOURCE -DHAVE_UTIMENSAT -DHAVE_SETXATTR -DHAVE_POSIX_FALLOCATE \\
        $name.c -o $name $(pkg-config --cflags --libs fuse3) -lulockmgr 2>/dev/null ||
        gcc -O2 -D_GNU_SOURCE -DHAVE_UTIMENSAT -DHAVE_SETXATTR $name.c -o $name \\
          $(pkg-config --cflags --libs fuse3)
    done`
  await shell(build, [examples, dir])
}

/** A mount that one command serves in the foreground, until it is unmounted. */
async function mounted(
  dir: string,
  body: (place: Place) => Promise<void>,
  command: (store: string, mount: string) => string[],
): Promise<void> {
  const [store, mount] = [join(dir, 'store'), join(dir, 'mount')]
  for (const path of [store, mount]) mkdirSync(path)
  const [program = '', ...args] = command(store, mount)
  // Whoever writes a stream has a reader.
  const reader = spawn('cat', { stdio: ['pipe', 'ignore', 'inherit'] })
  const server = spawn(program, args, { stdio: ['ignore', reader.stdin, 'inherit'] })
  reader.stdin.destroy()
  const ended = once(server, 'exit')
  try {
    const deadline = performance.now() + startMs
    while (!isMounted(mount)) {
      if (server.exitCode !== null || performance.now() > deadline)
        throw new Error(`${command(store, mount).join(' ')}: no mount came of it`)
      await sleep(20)
    }
    const path = program.endsWith('passthrough_fh') ? join(mount, store) : mount
    await body({ path, settle: () => Promise.resolve(), pids: [server.pid ?? 0] })
    await shell('umount "$1"', [mount])
    await Promise.race([ended, sleep(startMs, undefined, { ref: false })])
  } finally {
    if (isMounted(mount)) spawnSync('umount', ['-l', mount], { timeout: startMs })
    server.kill('SIGKILL')
    reader.kill('SIGKILL')
  }
}
