// tfs-mirror as its users start it.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

export const mirrorProgram = join(import.meta.dirname, '../../bin/tfs-mirror.js')

export interface Run {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: Buffer
  readonly stderr: string
}

export interface RunMirrorOptions {
  readonly input?: Buffer
  readonly env?: Readonly<Record<string, string>>
  /** A command and its arguments before the program's own. */
  readonly under?: readonly string[]
  readonly timeout?: number
}

/** Runs it to its end. */
export function runMirror(args: readonly string[], options: RunMirrorOptions = {}): Run {
  const { input, env, under = [], timeout = 60_000 } = options
  const [command, ...rest] = [...under, process.execPath, mirrorProgram, ...args] as [string]
  const { status, signal, stdout, stderr } = spawnSync(command, rest, {
    input: input ?? '',
    timeout,
    maxBuffer: 1 << 28,
    env: { ...process.env, ...env },
  })
  return { status, signal, stdout, stderr: stderr.toString() }
}
