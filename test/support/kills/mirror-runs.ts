// One mirror that is killed and started again: what it is told, and how far each run came.

import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { decodeAny, Framer } from '#wire'
import { ended } from '../journal-place.js'
import { within } from '../chaos/within.js'

const program = join(import.meta.dirname, '../../../bin/tfs-mirror.js')
const startsMs = 60_000
const endMs = 120_000
const pauseMs = 100
/** Starts that find nobody to connect to. */
const vain = /nobody serves it|does not exist/

export class MirrorRuns {
  readonly copy: string
  /** What all runs have said. */
  said = ''
  starts = 0
  #child: ChildProcess | undefined
  #says = ''
  // An assertion of the root has begun in this run, and was applied so far.
  #isStated = false
  // A message of this run was applied.
  #hasTaken = false
  readonly #socket: string

  constructor(socket: string, copy: string) {
    this.#socket = socket
    this.copy = copy
  }

  /** Starts it, as often as it takes to find its source. */
  async start(...options: string[]): Promise<void> {
    const deadlineMs = performance.now() + startsMs
    for (;;) {
      const child = this.#launch(options)
      await within(startsMs, 'the source', () => this.isUnderWay || this.isOver || this.#isThere)
      if (!this.isOver || !vain.test(this.#says) || performance.now() > deadlineMs) return
      await ended(child)
      await sleep(pauseMs)
    }
  }

  /** What this run has said. */
  get says(): string {
    return this.#says
  }

  get #isThere(): boolean {
    return this.#hasTaken || /follows '|asks the source/.test(this.#says)
  }

  /** Statements are being taken, and more are to come. */
  get isUnderWay(): boolean {
    return this.#isStated && !this.isExact && !this.isOver
  }

  /** It has said so in this run. */
  get isExact(): boolean {
    return /is exact from message/.test(this.#says)
  }

  /** The mirror says of itself that it is not whole. */
  get isIncomplete(): boolean {
    return existsSync(join(this.copy, '.tfs/incomplete'))
  }

  get isOver(): boolean {
    const { exitCode, signalCode } = this.#child ?? { exitCode: 0, signalCode: null }
    return exitCode !== null || signalCode !== null
  }

  /** Ends it with a signal, if it has not ended: its exit code or that signal. */
  async end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null> {
    this.#child?.kill(signal)
    return this.over()
  }

  /** Waits for its end. */
  async over(): Promise<number | NodeJS.Signals | null> {
    if (!this.#child) return 0
    await within(endMs, `the end of the mirror, which said ${this.#says}`, () => this.isOver)
    return ended(this.#child)
  }

  #launch(options: string[]): ChildProcess {
    const command = [process.execPath, program, '-v', '--tee', '--sync', '1', ...options]
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...command, this.#socket, this.copy], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child = child
    this.starts++
    this.#says = ''
    this.#isStated = false
    this.#hasTaken = false
    const framer = new Framer()
    child.stdout.on('data', (piece: Buffer) => this.#take(framer, piece))
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#says += text
      this.said += text
    })
    return child
  }

  // What it has applied, it passes on.
  #take(framer: Framer, piece: Buffer): void {
    framer.push(piece)
    for (let bytes = framer.next(); bytes; bytes = framer.next()) {
      this.#hasTaken = true
      const { name, body } = decodeAny(bytes)
      if (name === 'hello') this.#isStated = false
      if (name === 'assert-begin') this.#isStated ||= body.path.length === 0
    }
  }
}
