// A PostgreSQL server of a test's own, run as the user postgres from Debian's package, reached by a
// socket in a directory of its own.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { shell } from './shell.js'

const versions = '/usr/lib/postgresql'
const asPostgres = ['setpriv', '--reuid=postgres', '--regid=postgres', '--init-groups']
const startMs = 120_000
const endMs = 60_000

const yes = () => true
const no = () => false

const settings = `
listen_addresses = ''
shared_buffers = 32MB
max_connections = 20
# Often enough that a load sees some.
checkpoint_timeout = 30s
max_wal_size = 64MB
autovacuum_naptime = 2s
`

export class Postgres {
  /** Where clients run and the socket is. */
  readonly work: string
  readonly #data: string
  readonly #bin: string
  #server: { child: ChildProcess; ended: Promise<unknown> } | undefined

  /** A cluster in `data`, which belongs to postgres; `dir` takes a directory more. */
  constructor(data: string, dir: string) {
    this.#data = data
    this.work = mkdtempSync(join(dir, 'postgres-'))
    const newest = readdirSync(versions).sort((a, b) => Number(a) - Number(b))
    this.#bin = join(versions, newest.at(-1) ?? '', 'bin')
  }

  /**
   * Makes the cluster. `quick`: without a sync of each of its thousand files here and in each
   * recovery, which is for what a power cut on this machine would leave.
   */
  async initialise({ quick = false } = {}): Promise<void> {
    await shell('chown postgres: "$1"', [this.work])
    const sync = quick ? '--no-sync' : ''
    await this.client(`initdb ${sync} -D "$DATA" -A trust -E UTF8 --locale=C --data-checksums`)
    const more = quick ? 'recovery_init_sync_method = syncfs\n' : ''
    await this.client(`cat >> "$DATA/postgresql.conf" <<'END'\n${settings}${more}END`)
  }

  /** Returns when it takes connections; after a crash, when it has recovered. */
  async start(): Promise<void> {
    await shell('chown postgres: "$1"', [this.work])
    const log = join(this.work, 'log')
    const output = openSync(log, 'a')
    // Not by pg_ctl: it is this process that has to take notice of the server's end.
    const command = [join(this.#bin, 'postgres'), '-D', this.#data, '-k', this.work]
    const child = spawn(asPostgres[0]!, [...asPostgres.slice(1), ...command], {
      cwd: this.work,
      stdio: ['ignore', output, output],
    })
    closeSync(output)
    this.#server = { child, ended: once(child, 'exit') }
    const deadline = performance.now() + startMs
    const ask = () => this.client('pg_isready -q')
    while (!(await ask().then(yes, no))) {
      if (child.exitCode === null && performance.now() < deadline) await sleep(100)
      else throw new Error(`it does not start: ${readFileSync(log, 'utf8').slice(-2000)}`)
    }
  }

  /** Ends it cleanly. */
  async stop(): Promise<void> {
    if (!this.#server) return
    const { child, ended } = this.#server
    child.kill('SIGINT')
    await Promise.race([ended, sleep(endMs, undefined, { ref: false })])
    if (child.exitCode !== 0) throw new Error(`it ended with ${child.signalCode ?? child.exitCode}`)
    this.#server = undefined
  }

  /** Kills the server and all its processes at once, if it runs. */
  async kill(): Promise<void> {
    if (!this.#server) return
    for (const pid of this.processes()) killed(pid)
    await this.gone()
  }

  /** The server and all its processes: what works in its directory. */
  processes(): number[] {
    const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
    return pids.filter((pid) => worksIn(pid, this.#data)).map(Number)
  }

  /** Waits until a server that was killed has left nothing behind. */
  async gone(): Promise<void> {
    if (!this.#server) return
    const { child, ended } = this.#server
    this.#server = undefined
    const deadline = performance.now() + endMs
    // The server may have made one more while it was being killed.
    for (let left = this.processes(); left.length > 0; left = this.processes()) {
      if (performance.now() > deadline) throw new Error(`${left.join(', ')} cannot be killed`)
      for (const pid of left) killed(pid)
      await sleep(20)
    }
    if (child.exitCode === null && child.signalCode === null) await ended
  }

  /** A program of PostgreSQL against the database, by the shell. */
  client(command: string): Promise<string> {
    const { run, env } = this.command(command)
    return shell('exec "$@"', run, { env, timeoutMs: 300_000 })
  }

  /** The same as words to be run, and what their environment needs. */
  command(command: string): { run: string[]; env: Record<string, string> } {
    const env = { DATA: this.#data, PGHOST: this.work, PGDATABASE: 'postgres', PGUSER: 'postgres' }
    const script = `cd "$0"; PATH=$1:$PATH; ${command}`
    const run = [...asPostgres, 'bash', '-euo', 'pipefail', '-c', script, this.work, this.#bin]
    return { run, env }
  }

  /** Rows as lines of columns with | between. */
  query(sql: string): Promise<string> {
    return this.client(`psql -XAtq <<'END'\n${sql}\nEND`)
  }
}

// The server and all that it starts change to its directory; a zombie is nowhere.
function worksIn(pid: string, directory: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === directory
  } catch {
    return false
  }
}

function killed(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended meanwhile.
  }
}
