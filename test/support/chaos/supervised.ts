// Programs under a supervisor: one, or several in a pipeline, that are started again as soon as all
// of them have ended.

import type { ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'

/** Between a start that found nobody to connect to and the next one. */
const pauseMs = 100
const saidMax = 20_000

export interface SupervisedOptions {
  readonly name: string
  /** Starts them, each with a pipe for its standard error. */
  readonly launch: () => ChildProcess[]
  /** They have all ended, and will be started again. */
  readonly ended?: (() => Promise<void> | void) | undefined
}

export class Supervised {
  readonly name: string
  /** Of the run at hand. */
  children: ChildProcess[] = []
  starts = 0
  /** Starts that ended because what they connect to was not there, or was killed at once. */
  refusals = 0
  /** Ends that nobody asked for. */
  readonly faults: string[] = []
  readonly #options: SupervisedOptions
  readonly #killed = new Set<ChildProcess>()
  #said = ''
  #saidBefore = ''
  #isWanted = true
  #running: Promise<void> = Promise.resolve()

  constructor(options: SupervisedOptions) {
    this.#options = options
    this.name = options.name
    this.#running = this.#run()
  }

  /** What the last runs have said. */
  get said(): string {
    return this.#saidBefore + this.#said
  }

  /** Of the program at that place of the pipeline, while it runs. */
  pid(index = 0): number | undefined {
    const child = this.children[index]
    return child && isThere(child) ? child.pid : undefined
  }

  /** Kills that program with SIGKILL. */
  kill(index: number): void {
    const child = this.children[index]
    if (!child) return
    this.#killed.add(child)
    child.kill('SIGKILL')
  }

  /** They are not started again; ends the first with `signal`, and waits until all have ended. */
  async end(signal: NodeJS.Signals): Promise<(number | NodeJS.Signals | null)[]> {
    this.#isWanted = false
    this.children[0]?.kill(signal)
    await this.#running
    return this.children.map(({ exitCode, signalCode }) => exitCode ?? signalCode)
  }

  /** Kills all that is left. */
  close(): void {
    this.#isWanted = false
    for (const child of this.children) child.kill('SIGKILL')
  }

  async #run(): Promise<void> {
    while (this.#isWanted) {
      this.starts++
      this.#saidBefore = this.said.slice(-saidMax)
      this.#said = ''
      this.children = this.#options.launch()
      await Promise.all(this.children.map((child) => this.#over(child)))
      await this.#options.ended?.()
      if (!this.#isWanted) return
      // Where one is killed, the others of its pipeline end with it.
      if (this.children.some((child) => this.#killed.has(child))) continue
      // Where its first connection fails it ends, and where one is lost later it must not.
      const isVain = /nobody serves it|does not exist|ended with (SIGKILL|exit code 137)/
      if (isVain.test(this.#said) && !this.#said.includes('trying again')) this.refusals++
      else this.faults.push(`${this.name}: ${this.children.map(endOf).join(', ')}: ${this.#said}`)
      await sleep(pauseMs)
    }
  }

  #over(child: ChildProcess): Promise<void> {
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#said = (this.#said + text).slice(-saidMax)
    })
    return new Promise((resolve, reject) => {
      child.on('error', reject)
      child.on('exit', () => resolve())
    })
  }
}

const isThere = ({ exitCode, signalCode }: ChildProcess) => exitCode === null && signalCode === null
const endOf = ({ exitCode, signalCode }: ChildProcess) => `ended with ${signalCode ?? exitCode}`
