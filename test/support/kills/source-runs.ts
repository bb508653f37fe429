// A source that is killed and started again, with programs that work in its mount all the time.

import { spawn, type ChildProcess } from 'node:child_process'
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { generateTree } from '../generated-tree.js'
import { HeadedJournal } from '../headed-journal.js'
import { ended } from '../journal-place.js'
import { Subscriber } from '../subscriber.js'

const built = join(import.meta.dirname, '../../..')

export interface SourceOptions {
  readonly files: number
  readonly timeoutMs: number
}

export class SourceRuns {
  readonly journal: HeadedJournal
  readonly socket: string
  /** What all runs before the one at hand have said. */
  saidBefore = ''
  readonly #storms: { readonly child: ChildProcess; said: string }[] = []
  readonly #timeoutMs: number

  constructor(t: { teardown(end: () => unknown): void }, { files, timeoutMs }: SourceOptions) {
    this.#timeoutMs = timeoutMs
    this.journal = new HeadedJournal(t, timeoutMs)
    this.socket = join(this.journal.dir, 'socket')
    t.teardown(() => this.#storms.forEach(({ child }) => child.kill('SIGKILL')))
    generateTree(this.journal.store, files)
    // Who opens one waits for another who does.
    spawnSync('find', [this.journal.store, '-type', 'p', '-delete'], { timeout: timeoutMs })
  }

  /** Starts it, and waits until somebody can connect. */
  async start(): Promise<void> {
    const { journal, socket } = this
    this.saidBefore += journal.said
    journal.said = ''
    const head = [process.execPath, join(built, 'bin/tfs-broadcast.js'), '-q', socket]
    const exec = `exec ${head.map((word) => `'${word}'`).join(' ')}`
    await journal.start('--spool', journal.spool, '--segment-size', '8M', '--exec', exec)
    // What a killed one has left there is no sign of the new one.
    const client = await Subscriber.connectSoon(socket)
    client.client.socket.destroy()
  }

  async kill(): Promise<void> {
    this.journal.child.kill('SIGKILL')
    await ended(this.journal.child)
  }

  /** All that it has sent so far is gone for good. It does not run. */
  loseSpool(): void {
    rmSync(this.journal.spool, { recursive: true, force: true })
  }

  /** Lets `count` programs work at random until `calm`. */
  storm(count: number, seed: number): void {
    const program = join(built, 'test/support/name-storm.js')
    for (let i = 0; i < count; i++) {
      const args = [program, this.journal.mount, `${seed * 10 + i}`, '1e6', 'patient']
      const child = spawn('setpriv', ['--pdeathsig', 'KILL', process.execPath, ...args], {
        timeout: this.#timeoutMs,
        killSignal: 'SIGKILL',
        stdio: ['ignore', 'ignore', 'pipe'],
      })
      const storm = { child, said: '' }
      child.stderr.on('data', (piece: Buffer) => (storm.said += piece.toString()))
      this.#storms.push(storm)
    }
  }

  /** Ends that work. What was wrong with it. */
  async calm(): Promise<string> {
    for (const { child } of this.#storms) child.kill('SIGTERM')
    const ends = await Promise.all(this.#storms.map(({ child }) => ended(child)))
    return ends.every((end) => end === 'SIGTERM')
      ? ''
      : `${ends.join(' ')}: ${this.#storms.map(({ said }) => said).join('; ')}`
  }
}
