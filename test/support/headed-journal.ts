// A journal that is spoken to: with heads, or with requests on its standard input.

import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { tempDirectory } from './temp-directory.js'
import { ended, isMounted, until } from './journal-place.js'

const built = join(import.meta.dirname, '../..')
const timeout = 60_000

/** A command for the shell that runs a compiled program of test/support. */
export const supportCommand = (name: string, ...args: string[]): string =>
  [process.execPath, join(built, 'test/support', `${name}.js`), ...args]
    .map((word) => `'${word}'`)
    .join(' ')

export class HeadedJournal {
  readonly dir: string
  readonly store: string
  readonly mount: string
  readonly spool: string
  /** What it has said. */
  said = ''
  /** Where its stream goes. */
  output: 'ignore' | 'pipe' = 'ignore'
  env: NodeJS.ProcessEnv = process.env
  child!: ChildProcess

  readonly #timeoutMs: number

  /** It is killed after `timeoutMs`, whatever happens. */
  constructor(t: { teardown(end: () => unknown): void }, timeoutMs = timeout) {
    this.#timeoutMs = timeoutMs
    this.dir = tempDirectory(t).path
    this.store = join(this.dir, 'store')
    this.mount = join(this.dir, 'mount')
    this.spool = join(this.dir, 'spool')
    for (const path of [this.store, this.mount]) mkdirSync(path)
    t.teardown(async () => {
      for (const pid of this.heads()) kill(-pid)
      if (this.child) {
        kill(this.child.pid!)
        await ended(this.child)
      }
      if (isMounted(this.mount)) spawnSync('umount', ['-l', this.mount], { timeout })
    })
  }

  /** Starts it, and waits until it shows the store. */
  async start(...args: string[]): Promise<void> {
    const journal = join(built, 'bin/tfs-journal.js')
    this.child = spawn(process.execPath, [journal, '-v', ...args, this.store, this.mount], {
      stdio: ['pipe', this.output, 'pipe'],
      env: this.env,
      timeout: this.#timeoutMs,
      killSignal: 'SIGKILL',
    })
    this.child.stdin!.on('error', () => {})
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => (this.said += text))
    await until('mounted', () => {
      if (this.child.exitCode !== null) throw new Error(`it ended: ${this.said}`)
      return this.said.includes('journalled from now on')
    })
  }

  /** Ends it: its exit code or signal. */
  async end(): Promise<number | NodeJS.Signals | null> {
    this.child.kill('SIGTERM')
    return ended(this.child)
  }

  /** Processes of all heads so far. */
  heads(): number[] {
    return [...this.said.matchAll(/the head: runs as process (\d+)/g)].map(([, pid]) => Number(pid))
  }

  /** Kills the newest head, and waits for the next one. */
  async killHead(): Promise<void> {
    const heads = this.heads()
    kill(-heads.at(-1)!)
    await until('another head', () => this.heads().length > heads.length)
  }

  /** What a script on the mount prints. Throws where it fails. */
  sh(script: string): string {
    const options = { timeout, encoding: 'utf8', cwd: this.mount } as const
    const done = spawnSync('bash', ['-euc', script], options)
    if (done.status === 0) return done.stdout
    throw new Error(`${script}: ${done.signal ?? done.status} ${done.stderr}\n${this.said}`)
  }

  /** What `.tfs/status` says. */
  status(): Status {
    return JSON.parse(this.sh('cat .tfs/status')) as Status
  }
}

export interface Status {
  readonly state: string
  readonly position: { readonly epoch: number; readonly seq: number }
  readonly missed: number
  readonly head: { readonly pid: number | null; readonly restarts: number } | null
  readonly replicas: { readonly there: number; readonly waitingCalls: number; each: object[] }
  readonly [more: string]: unknown
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended.
  }
}
