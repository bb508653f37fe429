// tfs-broadcast as a user starts it, with an end in any case.

import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process'
import { lstatSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'

export const broadcastPath = fileURLToPath(new URL('../../bin/tfs-broadcast.js', import.meta.url))
export const emitStreamPath = fileURLToPath(new URL('emit-stream.js', import.meta.url))

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: Buffer
  readonly stderr: string
}

export interface Running {
  readonly child: ChildProcess
  readonly stdin: Writable
  readonly ended: Promise<Ended>
  /** What it said so far. */
  readonly stderr: () => string
  /** Waits until it has said what matches. Fails where it ends before. */
  readonly said: (pattern: RegExp) => Promise<void>
}

const timeoutMsUsual = 120_000

/** Starts a program, which is killed when the test ends or after `timeoutMs` (or two minutes). */
export function start(
  t: { teardown(end: () => void): void },
  command: string,
  args: readonly string[],
  options: { stdio?: StdioOptions; timeoutMs?: number; env?: NodeJS.ProcessEnv; uid?: number } = {},
): Running {
  const { timeoutMs: timeout = timeoutMsUsual, ...rest } = options
  const child = spawn(command, args, { stdio: 'pipe', timeout, killSignal: 'SIGKILL', ...rest })
  t.teardown(() => child.kill('SIGKILL'))
  const stdout: Buffer[] = []
  let stderr = ''
  child.stdout?.on('data', (piece: Buffer) => stdout.push(piece))
  child.stderr?.setEncoding('utf8').on('data', (piece: string) => (stderr += piece))
  child.stdin?.on('error', () => undefined)
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) =>
      resolve({ code, signal, stdout: Buffer.concat(stdout), stderr }),
    )
  })
  return {
    child,
    stdin: child.stdin as Writable,
    ended,
    stderr: () => stderr,
    async said(pattern) {
      while (!pattern.test(stderr)) {
        if (child.exitCode !== null || child.signalCode !== null)
          throw new Error(`ended without saying ${pattern}: ${stderr}`)
        await sleep(5)
      }
    },
  }
}

/** Starts tfs-broadcast. */
export const startBroadcast = (
  t: { teardown(end: () => void): void },
  args: readonly string[],
  options: Parameters<typeof start>[3] = {},
): Running => start(t, process.execPath, [broadcastPath, ...args], options)

/** Waits until there is a socket at `path`. */
export async function listening(path: string, { child, stderr }: Running): Promise<void> {
  while (!lstatSync(path, { throwIfNoEntry: false })?.isSocket()) {
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`ended without a socket: ${stderr()}`)
    await sleep(5)
  }
}
