// The head as a child of the journal: a shell command whose standard input is the stream and whose
// standard output is what comes back. Where it dies it is started again.

import { spawn, type ChildProcess } from 'node:child_process'
import { Socket } from 'node:net'
import { check, close, pipe2 } from '#posix'
import { Backoff } from '#wire'
import { RequestReader, type RequestTarget } from './request-reader.js'
import { SaySeldom } from './say-seldom.js'

export interface HeadsOptions {
  /** For the shell. */
  readonly command: string
  /** A head is there, the one of that number, which reads the pipe `fd`: its taker closes it. */
  readonly attach: (fd: number, ordinal: number) => void
  /** It is gone. */
  readonly detach: () => void
  /** Takes what the head at hand sends. */
  readonly target: RequestTarget
  /** Something of this has changed. */
  readonly changed: (state: HeadState) => void
  readonly log: (what: string, why: string) => void
  readonly verbose: (what: string, why: string) => void
}

/** For people and programs. */
export interface HeadState {
  /** Undefined: none is there. */
  readonly pid: number | undefined
  /** How often one was started after the first. */
  readonly restarts: number
  /** When that began. */
  readonly since: Date
}

/** One that lives for so long has been started well. */
const settledMs = 1000
/** How long one may take to end before it is told to, and before it is killed. */
const endMs = 10_000
const termMs = 2000
/** The same for one whose input has ended in the middle. */
const graceMs = 1000
const what = 'the head'

interface Pipes {
  /** Standard input, as the head and as the journal has it; standard output likewise. */
  readonly input: readonly [head: number, journal: number]
  readonly output: readonly [journal: number, head: number]
}

export class Heads {
  readonly #options: HeadsOptions
  readonly #backoff = new Backoff()
  readonly #said: SaySeldom
  readonly #ended: (() => void)[] = []
  #child: ChildProcess | undefined
  #reader: RequestReader | undefined
  #restarts = -1
  #since = new Date()
  #startedMs = 0
  #timer: NodeJS.Timeout | undefined
  #isWanted = true
  // The head at hand was told to end, or will be.
  #isLeaving = false
  // Another one is to follow at once.
  #isAsked = false
  #failed = false

  constructor(options: HeadsOptions) {
    this.#options = options
    this.#said = new SaySeldom(options.log)
  }

  get state(): HeadState {
    return {
      pid: this.#child?.pid,
      restarts: Math.max(0, this.#restarts),
      since: this.#since,
    }
  }

  /** Starts the first one. */
  start(): void {
    this.#restarts++
    this.#startedMs = performance.now()
    let pipes: Pipes
    try {
      pipes = makePipes()
    } catch (error) {
      return this.#died((error as Error).message)
    }
    const { input, output } = pipes
    const child = spawn('/bin/sh', ['-c', this.#options.command], {
      stdio: [input[0], output[1], 2],
      // A group of its own: Ctrl-C reaches it as the end of the stream, and all of it can be ended.
      detached: true,
    })
    close(input[0])
    close(output[1])
    this.#child = child
    this.#since = new Date()
    this.#reader = this.#read(output[0], child)
    child.on('error', (error) => this.#gone(child, error.message))
    child.on('exit', (code, signal) => this.#gone(child, endText(code, signal), code === 0))
    if (child.pid === undefined) return void close(input[1])
    this.#options.verbose(what, `runs as process ${child.pid}`)
    this.#options.attach(input[1], this.#restarts)
    this.#change()
  }

  /** Ends the head that is there, and starts another one. */
  restart(): void {
    if (!this.#isWanted) return
    this.#backoff.reset()
    this.#isAsked = true
    if (this.#child) this.#end(0)
    else if (this.#timer) {
      clearTimeout(this.#timer)
      this.#again()
    }
  }

  /** The head with that number gets nothing more, so it is replaced. */
  replace(ordinal: number): void {
    if (this.#isWanted && this.#child && ordinal === this.#restarts) this.#end(graceMs)
  }

  /** No other one is started; the stream has ended for this one. False: it did not end well. */
  async end(): Promise<boolean> {
    this.#isWanted = false
    clearTimeout(this.#timer)
    if (this.#child) {
      this.#end(endMs)
      await new Promise<void>((resolve) => this.#ended.push(resolve))
    } else this.#failed = true
    this.#said.close()
    return !this.#failed
  }

  /** Leaves nothing behind. */
  close(): void {
    this.#isWanted = false
    clearTimeout(this.#timer)
    this.#kill('SIGKILL')
    this.#reader?.close()
  }

  #read(fd: number, child: ChildProcess): RequestReader {
    const { target, log } = this.#options
    const isPresent = () => this.#child === child
    const current: RequestTarget = {
      ack: (ack) => target.ack(ack),
      wantMark: (name) => target.wantMark(name),
      wantAssert: (request) => target.wantAssert(request),
      subscribe: (position) => (isPresent() ? target.subscribe?.(position) : undefined),
    }
    const input = new Socket({ fd, readable: true, writable: false })
    return new RequestReader(input, current, (why) => {
      if (why !== undefined) log(what, `what it sends is not read any more: ${why}`)
    })
  }

  // Gives it so long, then tells it to end, then ends it.
  #end(limitMs: number): void {
    if (this.#isLeaving) return
    this.#isLeaving = true
    this.#timer = setTimeout(() => {
      const seconds = limitMs / 1000
      if (limitMs > 0)
        this.#options.log(what, `its input is over, it has not ended in ${seconds} s`)
      this.#kill('SIGTERM')
      this.#timer = setTimeout(() => this.#kill('SIGKILL'), limitMs > 0 ? termMs : endMs)
    }, limitMs)
  }

  #kill(signal: NodeJS.Signals): void {
    const pid = this.#child?.pid
    if (pid === undefined) return
    try {
      process.kill(-pid, signal)
    } catch {
      // It has just ended.
    }
  }

  #gone(child: ChildProcess, why: string, isGood = false): void {
    if (this.#child !== child) return
    // What it has left running would read what is no more meant for it.
    this.#kill('SIGKILL')
    this.#child = undefined
    this.#isLeaving = false
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#options.detach()
    if (this.#isWanted) return this.#died(why)
    this.#failed = !isGood
    if (!isGood) this.#options.log(what, why)
    for (const resolve of this.#ended) resolve()
  }

  #died(why: string): void {
    this.#since = new Date()
    this.#change()
    if (this.#isAsked) return this.#again()
    if (performance.now() - this.#startedMs >= settledMs) this.#backoff.reset()
    const delayMs = this.#backoff.next()
    this.#said.say(what, `${why}: it is started again in ${(delayMs / 1000).toFixed(1)} s`)
    this.#timer = setTimeout(() => this.#again(), delayMs)
  }

  #again(): void {
    this.#timer = undefined
    this.#isAsked = false
    this.start()
  }

  #change(): void {
    this.#options.changed(this.state)
  }
}

function makePipes(): Pipes {
  const input: [number, number] = [-1, -1]
  const output: [number, number] = [-1, -1]
  check(pipe2(input), 'pipe2', what)
  const e = pipe2(output)
  if (e < 0) for (const fd of input) close(fd)
  check(e, 'pipe2', what)
  return { input, output }
}

const endText = (code: number | null, signal: NodeJS.Signals | null) =>
  signal ? `died of ${signal}` : `ended with code ${code}`
