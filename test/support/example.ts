// The example scripts as their users start them, and what they leave behind, which is nothing.

import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { Test } from 'tap'
import { eventually } from './hello-mount.js'
import { tempDirectory } from './temp-directory.js'

export const root = join(import.meta.dirname, '../../..')
const limitMs = 180_000

export interface ExampleOptions {
  /** A command and its arguments before the script. */
  readonly under?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Where the script has its temporary files: a new directory if left out. */
  readonly tmp?: string
}

export class Example {
  readonly child: ChildProcess
  /** What both of its outputs got. */
  said = ''
  readonly ended: Promise<number | NodeJS.Signals>
  readonly tmp: string

  /** Starts `examples/NAME`, unless it is a path; the test's end leaves nothing of it. */
  constructor(t: Test, name: string, args: readonly string[] = [], options: ExampleOptions = {}) {
    const { under = [], env = {} } = options
    this.tmp = options.tmp ?? tempDirectory(t).path
    const script = name.startsWith('/') ? name : join(root, 'examples', name)
    const [command, ...rest] = [...under, script, ...args] as [string]
    this.child = spawn(command, rest, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, TMPDIR: this.tmp, LC_ALL: 'C', ...env },
      detached: true,
    })
    for (const stream of [this.child.stdout!, this.child.stderr!])
      stream.setEncoding('utf8').on('data', (text: string) => (this.said += text))
    const timer = setTimeout(() => this.signal('SIGTERM'), limitMs)
    this.ended = new Promise((resolve, reject) => {
      this.child.on('error', reject)
      this.child.on('close', (code, signal) => {
        clearTimeout(timer)
        resolve(code ?? signal!)
      })
    })
    t.teardown(async () => {
      for (let rest = this.processes(); rest.length > 0; rest = this.processes()) {
        for (const pid of rest) kill(pid, 'SIGCONT')
        for (const pid of rest) kill(pid, 'SIGTERM')
        await new Promise((resolve) => setTimeout(resolve, 500))
      }
    })
  }

  /** To all of its process group, as a terminal does. */
  signal(name: NodeJS.Signals): void {
    kill(-this.child.pid!, name)
  }

  async hasSaid(text: string): Promise<void> {
    let isOver = false
    void this.ended.then(() => (isOver = true))
    const look = () => this.said.includes(text) || isOver
    await eventually(`'${text}'`, look)
    if (!this.said.includes(text)) throw new Error(`it has not said '${text}' but: ${this.said}`)
  }

  /** Processes that it has started and mounts and files in its temporary directory. */
  leftovers(): string[] {
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
    return [
      ...this.processes().map((pid) => `process ${pid}`),
      ...mounts.filter((line) => line.includes(this.tmp)),
      ...readdirSync(this.tmp),
    ]
  }

  /** Those that inherited its temporary directory by their environment. */
  processes(): number[] {
    const mark = Buffer.from(`TMPDIR=${this.tmp}\0`)
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .filter((pid) => environmentOf(pid).includes(mark))
      .map(Number)
  }
}

function environmentOf(pid: string): Buffer {
  try {
    return readFileSync(`/proc/${pid}/environ`)
  } catch {
    return Buffer.alloc(0) // It has just ended.
  }
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It has just ended.
  }
}

/** Makes a directory in `dir` for $PATH, with all commands of this machine but some. */
export function commandsWithout(dir: string, names: readonly string[]): string {
  const path = join(dir, 'commands')
  mkdirSync(path)
  const all = new Map<string, string>()
  for (const from of (process.env['PATH'] ?? '').split(delimiter).toReversed())
    for (const name of listed(from)) all.set(name, join(from, name))
  for (const name of names) all.delete(name)
  for (const [name, target] of all) symlinkSync(target, join(path, name))
  return path
}

function listed(dir: string): string[] {
  try {
    return readdirSync(dir)
  } catch {
    return [] // What $PATH names need not be there.
  }
}
