// A child process that makes system calls one at a time as it is told (actor.c): what works on a
// mount while this process, which must never hang with it, only waits for an answer.

import assert from 'node:assert/strict'
import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { constants } from 'node:os'
import type { Readable, Writable } from 'node:stream'
import split from 'split2'
import { compiled } from './compiled.js'

/** What a call gave: its result (-1 when it failed), the name of errno ('' when it did not fail),
 * and the memory that came back, one Buffer for each argument that asks for it. */
export type Reply = { value: number; errno: string; out: Buffer[]; text: string[] }

type Waiting = {
  resolve: (reply: Reply) => void
  reject: (error: Error) => void
  timer: NodeJS.Timeout
}

const errnoNames = new Map<number, string>()
for (const [name, value] of Object.entries(constants.errno)) {
  // EAGAIN and EOPNOTSUPP have second names.
  if (!errnoNames.has(value) && name !== 'ENOTSUP') errnoNames.set(value, name)
}
export class Actor {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>
  readonly #waiting: Waiting[] = []
  #ended: Error | undefined

  constructor() {
    this.#child = spawn(compiled('actor'), [], { stdio: ['pipe', 'pipe', 'inherit'], cwd: '/' })
    this.#child.stdout.pipe(split()).on('data', (line: string) => this.#answer(line))
    this.#child.on('error', (error) => this.#fail(error))
    this.#child.on('exit', (code, signal) => {
      this.#fail(new Error(`the actor ended (${signal ?? code})`))
    })
    // Writing to an actor that has ended is told by 'exit'.
    this.#child.stdin.on('error', () => {})
  }

  get pid(): number {
    assert(this.#child.pid)
    return this.#child.pid
  }

  /** Makes the call `words` spells (actor.c). Rejects when the actor ends or `timeoutMs` pass. */
  request(words: string, timeoutMs: number): Promise<Reply> {
    if (this.#ended) return Promise.reject(this.#ended)
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#child.kill('SIGKILL')
        this.#fail(new Error(`no answer within ${timeoutMs} ms`))
      }, timeoutMs)
      this.#waiting.push({ resolve, reject, timer })
      this.#child.stdin.write(`${words}\n`)
    })
  }

  /** Ends the process, and with it every descriptor and lock it holds. */
  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = new Promise<void>((resolve) => this.#child.once('exit', () => resolve()))
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 2000)
    this.#child.stdin.end()
    // A process stuck in the kernel does not go until its mount does: that is not waited for.
    await Promise.race([gone, new Promise((resolve) => setTimeout(resolve, 5000).unref())])
    clearTimeout(timer)
  }

  #answer(line: string): void {
    const waiting = this.#waiting.shift()
    if (!waiting) return
    clearTimeout(waiting.timer)
    const [value, errno, ...text] = line.split(' ')
    const code = Number(errno)
    const name = code === 0 ? '' : (errnoNames.get(code) ?? `errno ${code}`)
    const out = text.map((hex) => Buffer.from(hex, 'hex'))
    waiting.resolve({ value: Number(value), errno: name, out, text })
  }

  #fail(error: Error): void {
    this.#ended ??= error
    for (const waiting of this.#waiting.splice(0)) {
      clearTimeout(waiting.timer)
      waiting.reject(error)
    }
  }
}
