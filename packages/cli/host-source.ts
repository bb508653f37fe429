// A SOURCE on another host, `[user@]host:path`, reached as rsync reaches its own: by a remote shell
// that runs tfs-cat there.

import { spawn } from 'node:child_process'
import { Duplex } from 'node:stream'
import { exitCode } from './exit-code.js'
import { UsageError } from './usage-error.js'

/** How much of what a remote shell says is kept. */
const saidMax = 1000

export interface HostPath {
  readonly host: string
  readonly path: string
}

export interface RemoteShell {
  /** The command that reaches a host, with its options: `ssh -p 2222`. */
  readonly rsh: string
  /** The program to run there. */
  readonly tfsPath: string
}

/**
 * Why a remote source ended; final where that is its answer, which trying again would not change.
 */
export class HostError extends Error {
  readonly code = 'EHOST'
  readonly isFinal: boolean

  constructor(message: string, isFinal = false) {
    super(message)
    this.isFinal = isFinal
  }
}

/** By rsync's rule: a colon before any slash follows a host. Throws UsageError. */
export function hostPathOf(source: string): HostPath | undefined {
  const [, host, path] = /^([^/]*):(.*)$/s.exec(source) ?? []
  if (host === undefined || path === undefined) return undefined
  if (host === '' || host.startsWith('-') || path === '')
    throw new UsageError(`'${source}': wanted [USER@]HOST:PATH (a file here is ./${source})`)
  return { host, path }
}

export interface Attempt {
  /** Nothing is wanted before the answer to a subscription. */
  readonly asks: boolean
  /** There were others before: what the shell says is in its error alone, until it connects. */
  readonly isRetry: boolean
}

/** Starts the remote shell: the stream down, requests up. Its error says how that ended. */
export function connectToHost(
  { host, path }: HostPath,
  { rsh, tfsPath }: RemoteShell,
  { asks, isRetry }: Attempt,
): Duplex {
  const [command = '', ...options] = rsh.trim().split(/\s+/)
  const there = [tfsPath, ...(asks ? ['--on-request'] : []), quoted(path)].join(' ')
  const child = spawn(command, [...options, host, there], {
    stdio: 'pipe',
  })
  let isTold = !isRetry
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (isTold) process.stderr.write(text)
    else said = (said + text).slice(-saidMax)
  })
  const duplex = new Duplex({
    read: () => void child.stdout.resume(),
    write: (piece: Buffer, _, done) => void child.stdin.write(piece, () => done()),
    destroy(error, done) {
      child.kill()
      // What runs behind it may live on, and is not waited for.
      child.stdin.destroy()
      child.stdout.destroy()
      child.stderr.destroy()
      done(error)
    },
  })
  child.stdout.on('data', (piece: Buffer) => {
    isTold = true
    if (!duplex.push(piece)) child.stdout.pause()
  })
  // Where it takes no requests any more it has ended, or will.
  child.stdin.on('error', () => undefined)
  child.on('error', (error) =>
    duplex.destroy(new HostError(`'${command}' cannot be run: ${error.message}`)),
  )
  child.on('close', (code, signal) => {
    const error = endOf(command, tfsPath, code, signal, said)
    if (error) duplex.destroy(error)
    else duplex.push(null)
  })
  return duplex
}

function endOf(
  command: string,
  tfsPath: string,
  code: number | null,
  signal: NodeJS.Signals | null,
  said: string,
): Error | undefined {
  if (code === 0) return undefined
  const { no, badStream, usage } = exitCode
  if (code === 127)
    return new HostError(`${tfsPath} is not there; install TFS there, or see --tfs-path`)
  // What has failed there, a socket that nobody serves just now above all, may work again.
  const isFinal = code === no || code === badStream || code === usage
  const last = said.trimEnd().split('\n').at(-1) ?? ''
  const why = `${command} ended with ${signal ?? `exit code ${code}`}`
  return new HostError(last === '' ? why : `${why}: ${last}`, isFinal)
}

// For the shell over there.
const quoted = (text: string) =>
  /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
