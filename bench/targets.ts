// Where it is measured. Each is made anew for each round, its store on the same file system.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Package } from '../test/requirements.js'
import { isMounted, withMirroredMount } from '../test/support/mirrored-mount.js'
import { shell } from '../test/support/shell.js'

export interface Place {
  /** Where to work. */
  readonly path: string
  /** Waits until what was done has arrived wherever it goes. */
  readonly settle: () => Promise<void>
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
  ['rsync', 'rsync', 'compares trees'],
]

const journal = join(import.meta.dirname, '../bin/tfs-journal.js')
const examples = '/usr/share/doc/libfuse3-dev/examples'
const startMs = 20_000
const settleMs = 600_000

/** What the others are compared with: the first two. */
export const targets: readonly Target[] = [
  {
    name: 'plain directory',
    async use(dir, body) {
      const path = join(dir, 'plain')
      mkdirSync(path)
      await body({ path, settle: () => Promise.resolve() })
    },
  },
  {
    name: 'passthrough_ll',
    use: (dir, body) =>
      mounted(dir, body, (store, mount) => {
        const program = join(dir, '../passthrough_ll')
        return [program, '-f', '-o', `source=${store}`, mount]
      }),
  },
  {
    name: 'tfs, stream read',
    use: (dir, body) =>
      mounted(dir, body, (store, mount) => {
        const script = '"$@" | cat >/dev/null'
        return ['/bin/sh', '-c', script, 'sh', process.execPath, journal, store, mount]
      }),
  },
  {
    name: 'tfs, live mirror',
    use: (_dir, body) =>
      withMirroredMount(loud, {}, async (m) => {
        await body({ path: m.mount, settle: () => m.settle(settleMs) })
        const difference = await m.compare()
        if (difference !== '') throw new Error(`the mirror differs: ${difference}`)
      }),
  },
]

/** Builds the peer from its source. */
export async function buildPeer(dir: string): Promise<void> {
  const build = `cp "$1"/passthrough_ll.c "$1"/passthrough_helpers.h "$2"; cd "$2"
    gcc -O2 passthrough_ll.c -o passthrough_ll $(pkg-config --cflags --libs fuse3)`
  await shell(build, [examples, dir])
}

const loud = {
  comment: (text: string) => console.error(text),
  equal(found: unknown, wanted: unknown, what: string) {
    if (found !== wanted) throw new Error(`not so: ${what}: ${String(found)}`)
  },
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
  const server = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  const ended = once(server, 'exit')
  try {
    const deadline = performance.now() + startMs
    while (!isMounted(mount)) {
      if (server.exitCode !== null || performance.now() > deadline)
        throw new Error(`${command(store, mount).join(' ')}: no mount came of it`)
      await sleep(20)
    }
    await body({ path: mount, settle: () => Promise.resolve() })
    await shell('umount "$1"', [mount])
    await Promise.race([ended, sleep(startMs, undefined, { ref: false })])
  } finally {
    if (isMounted(mount)) spawnSync('umount', ['-l', mount], { timeout: startMs })
    server.kill('SIGKILL')
  }
}
