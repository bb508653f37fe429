// Captive mode: a command runs on the mount, and the journal ends with it.

import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { isatty } from 'node:tty'

export interface CaptiveEnd {
  /** As a shell gives it: 128 and the signal's number where the command died of one. */
  readonly exitCode: number
  /** A signal to this process, passed on to the command. */
  readonly signal: NodeJS.Signals | undefined
}

/**
 * Runs `command` by the shell in the mount's root, with $TFS_MOUNT naming it. Its standard output
 * goes where our errors go, since ours is the stream. It is killed where the session ends first.
 */
export async function runCaptive(
  command: string,
  mountpoint: string,
  session: Promise<unknown>,
): Promise<CaptiveEnd> {
  const child = spawn('/bin/sh', ['-c', command], {
    cwd: mountpoint,
    stdio: [isatty(0) ? 'inherit' : 'ignore', 2, 2],
    env: { ...process.env, TFS_MOUNT: mountpoint },
  })
  let passedOn: NodeJS.Signals | undefined
  const pass = (signal: NodeJS.Signals) => {
    // The terminal sends SIGINT to the command, too.
    passedOn = signal
    if (signal !== 'SIGINT') child.kill(signal)
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, pass)
  const kill = () => void child.kill('SIGKILL')
  session.then(kill, kill)
  try {
    return await new Promise((resolve, reject) => {
      child.on('error', reject)
      child.on('close', (code, signal) => {
        const died = signal ? 128 + constants.signals[signal] : 0
        resolve({ exitCode: code ?? died, signal: passedOn })
      })
    })
  } finally {
    for (const signal of signals) process.off(signal, pass)
  }
}
