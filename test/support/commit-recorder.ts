// A client of a database: inserts numbered rows, a transaction each, one after the other, and
// knows which of them it was told to be committed.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import split from 'split2'
import type { Postgres } from './postgres.js'

/** Makes the table of all such clients. */
export const recordersTable = 'create table recorded (client int, n int, primary key (client, n))'

export interface Recorded {
  /** Transactions that were reported as committed. */
  reported: number
  /** Of these, how many are not there. */
  missing: number
  /** How many more are there: each client can have one that it was not told of. */
  beyond: number
  /** What cannot be, whatever was lost. */
  wrong: string[]
}

export class CommitRecorder {
  /** The rows 1 to this one were reported as committed. */
  reported = 0
  readonly client: number
  readonly #child: ChildProcess
  readonly #gone: Promise<unknown>

  /** `client` is unlike that of any other. It goes on until the connection is over. */
  constructor(postgres: Postgres, client: number) {
    this.client = client
    const { run, env } = postgres.command('exec psql -XAtq -v ON_ERROR_STOP=1')
    const [program = '', ...args] = run
    this.#child = spawn(program, args, {
      env: { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8', ...env },
      stdio: ['pipe', 'pipe', 'ignore'],
      timeout: 600_000,
      killSignal: 'SIGKILL',
    })
    this.#gone = once(this.#child, 'close')
    this.#child.stdin!.on('error', () => {})
    this.#child.stdout!.pipe(split()).on('data', (line: string) => {
      if (line === '') return
      this.reported = Number(line)
      this.#insert()
    })
    this.#insert()
  }

  /** Waits until its connection is over. */
  async ended(): Promise<void> {
    await this.#gone
  }

  /** Lets it end by itself, with all that it has begun. */
  async end(): Promise<void> {
    this.#child.stdin!.end()
    await this.#gone
  }

  // psql prints the row when the server has said that the statement, a transaction, is done.
  #insert(): void {
    const row = `${this.client}, ${this.reported + 1}`
    this.#child.stdin!.write(`insert into recorded values (${row}) returning n;\n`)
  }
}

/** What of all that `recorders` were told a database holds. */
export async function recordedIn(
  postgres: Postgres,
  recorders: readonly CommitRecorder[],
): Promise<Recorded> {
  const rows = await postgres.query('select client, count(*), max(n) from recorded group by client')
  const found = new Map<number, [count: number, last: number]>()
  for (const row of rows.split('\n').filter(Boolean)) {
    const [client = 0, count = 0, last = 0] = row.split('|').map(Number)
    found.set(client, [count, last])
  }
  const sum: Recorded = { reported: 0, missing: 0, beyond: 0, wrong: [] }
  for (const { client, reported } of recorders) {
    const [count, last] = found.get(client) ?? [0, 0]
    sum.reported += reported
    sum.missing += Math.max(0, reported - count)
    sum.beyond += Math.max(0, count - reported)
    if (last !== count) sum.wrong.push(`client ${client} has ${count} rows, the last is ${last}`)
    if (last > reported + 1) sum.wrong.push(`client ${client} has ${last} of ${reported} rows`)
  }
  return sum
}
