// Captive mode: a command that has the server to itself, on a socket nobody else can reach.

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'

/** How long a command may take to end after it was told to. */
const killMs = 5000

export interface Captive {
  /** Exit code of the command; 128 and the signal's number where it died of one. */
  readonly ended: Promise<number>
  /** Passes a signal on; another one, that cannot be ignored, follows. */
  kill(signal: NodeJS.Signals): void
}

/** Runs `command` with sh. `keepsStdin`: it has our standard input, else an empty one. */
export function startCaptive(command: string, socketPath: string, keepsStdin: boolean): Captive {
  const child = spawn('/bin/sh', ['-c', command], {
    env: { ...process.env, TFS_SOCKET: socketPath },
    stdio: [keepsStdin ? 'inherit' : 'ignore', 'inherit', 'inherit'],
  })
  let timer: NodeJS.Timeout | undefined
  const ended = new Promise<number>((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code, signal) =>
      resolve(code ?? 128 + constants.signals[signal ?? 'SIGKILL']),
    )
  }).finally(() => clearTimeout(timer))
  return {
    ended,
    kill(signal) {
      // The terminal sends SIGINT to the command, too.
      if (signal !== 'SIGINT') child.kill(signal)
      timer ??= setTimeout(() => child.kill('SIGKILL'), killMs)
    },
  }
}

/** A directory for the socket, open to its owner alone, and how to remove it. */
export function privateDirectory(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'tfs-broadcast-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}
