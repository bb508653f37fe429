// A continuous load on a mount, by programs that see no error whatever becomes of the copies: git,
// SQLite, tar and random operations, each over and over, until it is to end.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { OperationPlayer } from '../differential/operation-player.js'
import { randomOperations } from '../differential/random-operations.js'
import { generateHistory } from '../generated-history.js'
import { generateTree } from '../generated-tree.js'
import { random, type Random } from '../random.js'
import { shell } from '../shell.js'
import { checkScript, transactions } from '../sqlite-load.js'

const roundMs = 300_000
/** Random operations of one round, and rounds whose trees are kept. */
const operations = 300
const kept = 3

// Each leaves the tree of its last round, so that the copies have something to be equal in.
const git = `
  renice -n 5 $$ >/dev/null
  mv "$2" "$2.old" 2>/dev/null || true
  git clone -q "$1" "$2"
  rm -rf "$2.old"
  cd "$2"; git config user.name n; git config user.email n@example.com
  git checkout -q HEAD~100; git checkout -q -
  git checkout -q -b side HEAD~20; echo side > side; git add side; git commit -qm side
  git checkout -q -; git merge -q --no-edit side; git gc -q --prune=now
  git fsck --no-dangling`
const untar = `
  renice -n 5 $$ >/dev/null
  mkdir "$2.new"; tar -C "$2.new" --xattrs -xpf "$1"
  rm -rf "$2"; mv "$2.new" "$2"; cp -a "$2/odd" "$2/again"`
const sqlite = `
  renice -n 5 $$ >/dev/null
  rm -f "$1"*
  sqlite3 -bail -cmd '.timeout 20000' "$1"
  sqlite3 "$1" "$2"`

export interface LoadOptions {
  readonly mount: string
  /** A directory elsewhere, for what the load is made of. */
  readonly work: string
  readonly seed: number
  /** Between two rounds of each kind, on average. */
  readonly pauseMs: number
}

export class Load {
  /** Rounds that were done, by kind. */
  readonly rounds = new Map<string, number>()
  readonly #options: LoadOptions
  readonly #running: Promise<unknown>
  readonly #stop = new AbortController()
  #kinds = 0

  /** `prepare` has been awaited. */
  constructor(options: LoadOptions) {
    this.#options = options
    const { mount, work } = options
    const at = (name: string) => join(mount, name)
    const run = (script: string, args: string[]) =>
      shell(script, args, { timeoutMs: roundMs, env: { HOME: work } })
    this.#running = Promise.all([
      this.#repeat('git', () => run(git, [join(work, 'repository'), at('clone')])),
      this.#repeat('untar', () => run(untar, [join(work, 'tree.tar'), at('tree')])),
      this.#repeat('sqlite', (round) => sqliteRound(at('database'), round)),
      this.#repeat('random', (...now) => this.#randomRound(at('random'), ...now)),
    ])
    // It is looked at where the load ends.
    this.#running.catch(() => undefined)
  }

  /** Makes what the load works with. */
  static async prepare(work: string, files: number): Promise<void> {
    const tree = join(work, 'tree')
    mkdirSync(tree)
    generateTree(tree, files)
    await shell('tar -C "$1" --format=posix --xattrs --sparse -cf "$2" .', [
      tree,
      join(work, 'tree.tar'),
    ])
    await generateHistory(join(work, 'repository'), 150)
  }

  /** Ends it after the rounds that are under way. Rejects with what went wrong in it. */
  async end(): Promise<void> {
    this.#stop.abort()
    await this.#running
  }

  async #repeat(
    kind: string,
    work: (round: number, numbers: Random) => Promise<unknown>,
  ): Promise<void> {
    const { pauseMs, seed } = this.#options
    const numbers = random(seed + this.#kinds++)
    const { signal } = this.#stop
    for (let round = 0; !signal.aborted; round++) {
      await work(round, numbers)
      this.rounds.set(kind, round + 1)
      await sleep(numbers.next(2 * pauseMs), undefined, { signal }).catch(() => undefined)
    }
  }

  async #randomRound(path: string, round: number, numbers: Random): Promise<void> {
    const dir = `${path}-${round}`
    await shell('rm -rf "$2"; mkdir -m 777 "$1"', [dir, `${path}-${round - kept}`])
    const player = await OperationPlayer.start(dir)
    try {
      const list = randomOperations(numbers.next(2 ** 31), operations)
      for (const operation of list) {
        if (this.#stop.signal.aborted) return
        await player.play(operation)
      }
    } finally {
      await player.end()
    }
  }
}

async function sqliteRound(database: string, round: number): Promise<void> {
  const mode = (['wal', 'delete', 'persist', 'truncate'] as const)[round % 4]!
  const count = 150
  const input = transactions({ mode, synchronous: 'normal', count })
  const found = await shell(sqlite, [`${database}-${mode}`, checkScript], {
    timeoutMs: roundMs,
    input,
  })
  const wanted = `ok\n${count}|${count}|${count}|0\n`
  if (!found.endsWith(wanted)) throw new Error(`the database holds ${found}, not ${wanted}`)
}
