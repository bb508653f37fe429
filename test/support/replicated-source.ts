// A source whose syncs wait for a copy, and the copy: a journal with a spool and a broadcast as its
// head, and a mirror that follows the broadcast.

import { spawn, type ChildProcess } from 'node:child_process'
import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { HeadedJournal } from './headed-journal.js'
import { ended, until } from './journal-place.js'
import { rsyncCompare } from './rsync-compare.js'
import { statedIn } from './stated.js'
import { Subscriber } from './subscriber.js'

const bin = (name: string) => join(import.meta.dirname, '../../bin', `${name}.js`)
const timeoutMs = 3_600_000

interface Replica {
  readonly there: boolean
  readonly position: { readonly epoch: number; readonly applied: number }
}

export class ReplicatedSource {
  readonly journal: HeadedJournal
  readonly copy: string
  readonly #socket: string
  #mirror: ChildProcess | undefined
  #mirrorSaid = ''

  constructor(t: { teardown(end: () => unknown): void }) {
    this.journal = new HeadedJournal(t, timeoutMs)
    const { dir } = this.journal
    chmodSync(dir, 0o755)
    this.copy = join(dir, 'copy')
    this.#socket = join(dir, 'socket')
    t.teardown(() => this.endMirror('SIGKILL'))
  }

  /** Starts the source, with so many copies to wait for, and waits until the copy is current. */
  async start(replicas: number): Promise<void> {
    const { journal } = this
    journal.said = ''
    const { spool } = journal
    const head = [process.execPath, bin('tfs-broadcast'), '--spool', spool, this.#socket]
    const exec = head.map((word) => `'${word}'`).join(' ')
    const wait = replicas > 0 ? ['--replicas', `${replicas}`] : []
    await journal.start('-o', 'allow_other', '--spool', spool, ...wait, '--exec', `exec ${exec}`)
    // What a killed one has left there is no sign of the new one.
    const client = await Subscriber.connectSoon(this.#socket)
    client.client.socket.destroy()
    await this.startMirror()
  }

  /** Starts a mirror, and waits until it is current. */
  async startMirror(): Promise<void> {
    const args = [bin('tfs-mirror'), '--follow', this.#socket, this.copy]
    const mirror = spawn(process.execPath, args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    })
    this.#mirror = mirror
    this.#mirrorSaid = ''
    mirror.stderr.setEncoding('utf8').on('data', (text: string) => (this.#mirrorSaid += text))
    await this.current()
  }

  /** Waits until the mirror has applied all that was done on the mount before. */
  async current(): Promise<void> {
    const { epoch, seq } = this.journal.status().position
    await until('current', () => {
      const mirror = this.#mirror!
      if (mirror.exitCode !== null) throw new Error(`the mirror has ended: ${this.#mirrorSaid}`)
      const each = this.journal.status().replicas.each as Replica[]
      return each.some(({ position: at }) => at.epoch === epoch && at.applied >= seq)
    })
  }

  /** The processes of the source, or their groups, negative. */
  get processes(): number[] {
    return [this.journal.child.pid!, ...this.journal.heads().map((pid) => -pid)]
  }

  /** Waits until the source, which was killed, is gone. */
  async gone(): Promise<void> {
    await ended(this.journal.child)
  }

  signalMirror(signal: NodeJS.Signals): void {
    this.#mirror?.kill(signal)
  }

  async endMirror(signal: NodeJS.Signals): Promise<void> {
    if (!this.#mirror) return
    this.#mirror.kill(signal)
    await ended(this.#mirror)
    this.#mirror = undefined
  }

  /** Paths that were being changed when the last journal was killed. */
  get stated(): string[] {
    return statedIn(this.journal.said)
  }

  /** What the copy lacks, as rsync's lines. */
  async differences(): Promise<string[]> {
    const found = await rsyncCompare(this.journal.store, this.copy)
    return found.split('\n').filter(Boolean)
  }
}
