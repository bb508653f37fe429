// A store, a mount point and a stream of a test's own; a command journalled there, and what a
// mirror of it lacks.

import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { decodeMessage, Framer, type Message } from '#wire'
import { tempDirectory } from './temp-directory.js'

const bin = (name: string) => join(import.meta.dirname, '../../bin', `${name}.js`)
const timeout = 60_000

export interface Recorded {
  readonly status: number | null
  readonly stderr: string
}

export class JournalPlace {
  readonly dir: string
  readonly store: string
  readonly mount: string
  readonly copy: string
  readonly stream: string
  readonly #groups: number[] = []

  constructor(t: { teardown(end: () => void): void }) {
    this.dir = tempDirectory(t).path
    this.store = join(this.dir, 'store')
    this.mount = join(this.dir, 'mount')
    this.copy = join(this.dir, 'copy')
    this.stream = join(this.dir, 'stream')
    for (const path of [this.store, this.mount]) mkdirSync(path)
    t.teardown(() => {
      for (const group of this.#groups) killGroup(group)
      for (const path of [this.mount, this.store])
        if (isMounted(path)) spawnSync('umount', ['-l', path], { timeout })
    })
  }

  /**
   * Runs a script in the store, before there is a journal, and seeds the copy with what it made.
   */
  prepare(script: string, ...excludes: string[]): void {
    this.sh(`cd '${this.store}'; ${script}`)
    const filters = excludes.map((pattern) => `'--exclude=${pattern}'`).join(' ')
    this.sh(`rsync -aHAX ${filters} '${this.store}/' '${this.copy}/'`)
  }

  /** Runs a script to its end. Throws where it fails. */
  sh(script: string): string {
    const done = spawnSync('bash', ['-euc', script], { timeout, encoding: 'utf8' })
    if (done.status !== 0)
      throw new Error(`${script}: ${done.signal ?? done.status} ${done.stderr}`)
    return done.stdout
  }

  /** Journals what a script does on the mount. `faults` as TFS_FAULTS has them. */
  record(
    script: string,
    args: readonly string[] = [],
    faults = '',
    env: Record<string, string> = {},
  ): Recorded {
    const out = openSync(this.stream, 'w')
    const { status, stderr } = spawnSync(
      process.execPath,
      [bin('tfs-journal'), this.store, this.mount, ...args, '--run', `set -e; ${script}`],
      {
        stdio: ['ignore', out, 'pipe'],
        timeout,
        encoding: 'utf8',
        env: { ...process.env, TFS_FAULTS: faults, ...env },
      },
    )
    closeSync(out)
    return { status, stderr }
  }

  /** Starts a journal with its stream in the file. */
  start(args: readonly string[] = []): ChildProcess {
    return this.#spawn('exec "$@" > "$0"', args, '')
  }

  /** Starts a journal with its stream in a pipe, which a script reads; $1 is the stream's file. */
  startInto(reader: string, args: readonly string[] = [], faults = ''): ChildProcess {
    const script = `{ echo $BASHPID > '${this.#pidFile}'; exec "$@"; } | (set -- "$0"; ${reader})`
    return this.#spawn(`set -o pipefail; ${script}`, args, faults)
  }

  #spawn(script: string, args: readonly string[], faults: string): ChildProcess {
    const journal = [process.execPath, bin('tfs-journal'), this.store, this.mount, ...args]
    const child = spawn('bash', ['-c', script, this.stream, ...journal], {
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout,
      detached: true,
      env: { ...process.env, TFS_FAULTS: faults },
    })
    this.#groups.push(child.pid!)
    return child
  }

  get #pidFile(): string {
    return join(this.dir, 'pid')
  }

  /** To the journal of `startInto`. */
  signal(signal: NodeJS.Signals): void {
    process.kill(Number(readFileSync(this.#pidFile, 'latin1')), signal)
  }

  /** Whether the journal of `startInto` is still there. */
  get isRunning(): boolean {
    try {
      process.kill(Number(readFileSync(this.#pidFile, 'latin1')), 0)
      return true
    } catch {
      return false
    }
  }

  /** Waits until it is mounted. */
  async mounted(child: ChildProcess): Promise<void> {
    await until('mounted', () => {
      if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`)
      return isMounted(this.mount)
    })
  }

  get isMounted(): boolean {
    return isMounted(this.mount)
  }

  /** What rsync finds to differ between the store and a replay of the stream into the copy. */
  differences(...excludes: string[]): string {
    if (!existsSync(this.copy)) mkdirSync(this.copy)
    const replay = spawnSync(
      process.execPath,
      [bin('tfs-mirror'), '--force', '--on-divergence', 'stop', this.stream, this.copy],
      { timeout, encoding: 'utf8' },
    )
    if (replay.status !== 0) return `tfs-mirror: ${replay.status} ${replay.stderr}`
    const filters = ['/.tfs', ...excludes].map((pattern) => `--exclude=${pattern}`)
    const args = ['-aHAXnc', '--delete', '--itemize-changes', ...filters]
    return spawnSync('rsync', [...args, `${this.store}/`, `${this.copy}/`], {
      timeout,
      encoding: 'utf8',
    }).stdout
  }

  /** The messages, but for ticks. */
  messages(): Message[] {
    const framer = new Framer()
    framer.push(readFileSync(this.stream))
    const all: Message[] = []
    for (let next = framer.next(); next; next = framer.next()) {
      const message = decodeMessage(next)
      if (message && message.name !== 'tick') all.push(message)
    }
    return all
  }
}

export const isMounted = (path: string): boolean =>
  readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${path} `)

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It has ended as it should.
  }
}

/** Waits for what does not happen at once. */
export async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = performance.now() + timeout
  while (!(await isSo())) {
    if (performance.now() > endMs) throw new Error(`${what}: not within ${timeout} ms`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** The exit code or signal. */
export const ended = (child: ChildProcess): Promise<number | NodeJS.Signals | null> =>
  child.exitCode !== null || child.signalCode !== null
    ? Promise.resolve(child.exitCode ?? child.signalCode)
    : new Promise((resolve) => child.on('exit', (code, signal) => resolve(code ?? signal)))
