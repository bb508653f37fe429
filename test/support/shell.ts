// A shell script run to its end in a process group of its own: all file work on a mount is done in
// such children, which can be killed where the mount hangs.

import { spawn } from 'node:child_process'

export interface ShellOptions {
  readonly cwd?: string
  /** Beside PATH and a fixed locale, time zone and home. */
  readonly env?: Readonly<Record<string, string>>
  /** Two minutes if left out. */
  readonly timeoutMs?: number
  /** For standard input, which is empty if left out. */
  readonly input?: string
}

/** Bytes of output that are kept. */
const outputMax = 1 << 26

/**
 * Runs `script` by bash with -euo pipefail; $1, $2 ... are `args`. Gives its standard output.
 * Rejects, with the end of its standard error, where it fails or does not end in time.
 */
export function shell(
  script: string,
  args: readonly string[] = [],
  options: ShellOptions = {},
): Promise<string> {
  const { cwd = '/', env = {}, timeoutMs = 120_000, input = '' } = options
  const child = spawn('bash', ['--norc', '-euo', 'pipefail', '-c', script, 'bash', ...args], {
    cwd,
    detached: true,
    stdio: 'pipe',
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], LC_ALL: 'C.UTF-8', ...env },
  })
  // Who ends without reading all of it says so by its exit code.
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const out = kept(child.stdout)
  const errors = kept(child.stderr)
  return new Promise((resolve, reject) => {
    let isLate = false
    const timer = setTimeout(() => {
      isLate = true
      // The whole group, which detached made.
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
      // A process in the kernel on a hung mount stays: that is not waited for.
      setTimeout(() => reject(new Error(`${brief(script)}: cannot be killed`)), 5000).unref()
    }, timeoutMs)
    child.on('error', reject)
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      if (code === 0) return resolve(out())
      const how = isLate ? `did not end within ${timeoutMs} ms` : `ended with ${signal ?? code}`
      reject(new Error(`${brief(script)}: ${how}\n${(errors() || out()).slice(-4000)}`))
    })
  })
}

function kept(stream: NodeJS.ReadableStream): () => string {
  const pieces: Buffer[] = []
  let size = 0
  stream.on('data', (piece: Buffer) => {
    if (size < outputMax) pieces.push(piece)
    size += piece.length
  })
  return () => Buffer.concat(pieces).toString('latin1')
}

const brief = (script: string) => script.trim().replace(/\s+/g, ' ').slice(0, 100)
