// --seed: another program copies what it can into DIR; what that lacks, the source states then.
// What the stream says meanwhile is not needed: there is no connection, which nobody would read.

import { askSource, beginSeeding, MirrorError } from '#mirror'
import type { OpenMirror, OpenMirrorOptions } from '#mirror'
import type { StatusReport } from '#relay'
import type { RemoteShell } from './host-source.js'
import type { Log } from './log.js'
import { refuseLoop } from './refuse-loop.js'
import { runSeed } from './run-seed.js'
import type { StopSignals } from './stop-signals.js'
import { openStreamSource } from './stream-source.js'
import { UsageError } from './usage-error.js'

const reachMs = 75_000
const answerMs = 30_000

export interface SeedMirrorOptions extends OpenMirrorOptions {
  readonly command: string
  readonly source: string
  readonly shell: RemoteShell
  readonly stop: StopSignals
  readonly log: Log
}

interface Others {
  readonly seed?: string | undefined
  readonly 'dry-run'?: boolean | undefined
  readonly verify?: string | undefined
}

/** Throws UsageError where --seed cannot go with what else was typed. */
export function checkSeed(typed: Others, source: string): void {
  if (typed.seed === undefined) return
  if (typed.seed.trim() === '') throw new UsageError('--seed: wanted a shell command')
  if (typed['dry-run'])
    throw new UsageError('--seed and --dry-run: a command cannot be tried so: use --verify')
  if (typed.verify !== undefined)
    throw new UsageError('--seed states all anew when it is over: --verify comes after it')
  if (source === '-')
    throw new UsageError('--seed: wanted SOURCE, a socket or HOST:PATH that takes requests')
}

/** For SIGUSR1, before the source states anything. */
export function seedingReport({ seed }: Others): StatusReport | undefined {
  if (seed === undefined) return undefined
  const faults = ['is incomplete: the seed is at work']
  return {
    object: { state: 'not healthy', isIncomplete: true, faults },
    lines: [`not healthy: ${faults[0]}`],
  }
}

/**
 * The mirror, open and marked as incomplete, with what the command has copied; undefined where a
 * signal ended that. Throws Error, which names the source, where that would not go on with it.
 */
export async function seedMirror(options: SeedMirrorOptions): Promise<OpenMirror | undefined> {
  const { command, directory, stop, log } = options
  const name = await nameOf(options)
  if (name === undefined) return undefined
  const seeding = beginSeeding(options, name)
  const { opened, lockFd } = seeding
  try {
    // Before there was no such directory, perhaps.
    refuseLoop(name.toString(), directory)
    log('the seed', `fills '${directory}'; then the source states what there is`)
    if (await runSeed(command, { lockFd, stop, log })) {
      seeding.check()
      return opened
    }
  } catch (error) {
    opened.close()
    throw error
  }
  opened.close()
  log.error('', 'is incomplete: start it again')
  return undefined
}

// The name that the source has; undefined where a signal came first.
async function nameOf({ source, directory, shell, stop, log }: SeedMirrorOptions) {
  try {
    const found = await openStreamSource(source, {
      ...shell,
      follow: false,
      signal: stop.signal,
      log,
    })
    const name = await askSource({ ...found, reachMs, answerMs })
    refuseLoop(name.toString(), directory)
    return name
  } catch (error) {
    if (stop.signal.aborted) return undefined
    if (error instanceof MirrorError) error.message = `${source}: ${error.message}`
    throw error
  }
}
