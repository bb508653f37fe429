// The command of --seed: another program, rsync above all, that copies what it can into DIR.

import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import type { Readable } from 'node:stream'
import { MirrorError } from '#mirror'
import type { Log } from './log.js'
import type { StopSignals } from './stop-signals.js'

const what = 'the seed'
/** How long it may take to end after a signal. */
const killMs = 5000
/** After that it is said what is waited for. */
const leftMs = 1000

/** With these exit codes rsync has copied what it could. */
const partial: Readonly<Record<number, string>> = {
  23: 'something could not be copied',
  24: 'files have gone meanwhile',
  30: 'nothing came any more',
  35: 'its daemon did not answer',
}

export interface SeedOptions {
  /** Goes to the command, so that nobody else gets at DIR while anything of it is left. */
  readonly lockFd: number
  readonly stop: StopSignals
  readonly log: Log
}

/**
 * Runs a shell command to the end of all that it has started: false where a signal ended it, which
 * it got, too. Its standard output is our standard error. Throws MirrorError EMIRROR_SEED where it
 * failed.
 */
export async function runSeed(command: string, options: SeedOptions): Promise<boolean> {
  const { stop, log } = options
  const { code, signal } = await ended(command, options)
  if (stop.signal.aborted) return false
  if (code === 0) {
    log.verbose(what, 'has ended')
    return true
  }
  const how = signal ? `died of ${signal}` : `ended with exit code ${code}`
  const why = code === null ? undefined : partial[code]
  const rest = 'the mirror stays incomplete: start it again'
  if (why === undefined) throw new MirrorError('EMIRROR_SEED', `${what}: ${how}; ${rest}`)
  log(what, `${how} (${why}): what the source states makes up for it`)
  return true
}

interface SeedEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

function ended(command: string, { lockFd, stop, log }: SeedOptions): Promise<SeedEnd> {
  // A group of its own, so that all of it can be ended. The pipe at its end is closed when nothing
  // of it is left.
  const child = spawn('/bin/sh', ['-c', command], {
    stdio: ['ignore', 2, 2, lockFd, 'pipe'],
    detached: true,
  })
  const pipe = child.stdio[4] as Readable | undefined
  pipe?.resume()
  log.verbose(what, `runs as process ${child.pid}`)
  let timer: NodeJS.Timeout | undefined
  const end = () => {
    clearTimeout(timer)
    send(child.pid, stop.received() ?? 'SIGTERM')
    timer = setTimeout(() => {
      send(child.pid, 'SIGKILL')
      pipe?.destroy()
    }, killMs)
  }
  stop.signal.addEventListener('abort', end)
  if (stop.signal.aborted) end()
  return new Promise<SeedEnd>((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      if (!stop.signal.aborted)
        timer = setTimeout(() => log(what, 'waits for what it has left running'), leftMs)
      child.on('close', () => resolve({ code, signal }))
    })
  }).finally(() => {
    clearTimeout(timer)
    stop.signal.removeEventListener('abort', end)
  })
}

function send(group: number | undefined, signal: NodeJS.Signals): void {
  if (group === undefined) return
  try {
    process.kill(-group, signal)
  } catch (error) {
    if ((error as { errno?: number }).errno !== -constants.errno.ESRCH) throw error
  }
}
