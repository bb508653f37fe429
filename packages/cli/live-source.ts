// A SOURCE that is come back to where its connection breaks, and that can be asked for what
// follows a position.

import { readdirSync } from 'node:fs'
import { RecordedConnection, recordedFile, recordedSpool, ResumedStream } from '#relay'
import type { ResumeOptions } from '#relay'
import { parseSegmentName } from '#spool'
import type { Position } from '#wire'
import { connectToHost, hostPathOf, type RemoteShell } from './host-source.js'
import type { Log } from './log.js'
import { connectToSocket, look } from './source.js'
import { UsageError } from './usage-error.js'

export interface LiveOptions extends RemoteShell {
  /** Of the last message that is here; undefined: whatever comes, or all that was recorded. */
  readonly position: Position | undefined
  /** Whether to wait for the next epoch when one has ended. */
  readonly stay: boolean
  readonly signal: AbortSignal
  readonly log: Log
  /** See ResumeOptions. */
  readonly passesRefusals?: boolean
  /** See ResumeOptions. */
  readonly refusesLoss?: boolean
}

/** What a SOURCE is when it is looked at for the first time. */
type Kind = Pick<
  ResumeOptions,
  'connect' | 'opensLate' | 'retry' | 'idleMs' | 'firstMs' | 'takesRequests'
>

/** An idle source ticks each second; what says nothing for so long is gone. */
const idleMs = 15_000
/** On another host somebody may have to log in by hand first. */
const loginMs = 60_000

/**
 * Whether a SOURCE can be asked for what follows a position: a socket, a spool's directory,
 * HOST:PATH. Throws as `openLive` does.
 */
export function isLive(source: string): boolean {
  if (source === '-') return false
  if (hostPathOf(source)) return true
  const stats = look(source)
  return stats.isSocket() || stats.isDirectory()
}

/** Makes the first connection. Throws UsageError, or an Error that names source and cure. */
export async function openLive(source: string, options: LiveOptions): Promise<ResumedStream> {
  const { position, stay, signal, log, passesRefusals = false, refusesLoss = false } = options
  const resume = { position, stay, signal, log, passesRefusals, refusesLoss, name: source }
  return ResumedStream.open({ ...kindOf(source, options), ...resume })
}

function kindOf(source: string, options: RemoteShell & { stay: boolean }): Kind {
  const remote = hostPathOf(source)
  let tries = 0
  // Over there it ends well only where a record was at its end.
  const afterErrors = (error: Error | undefined) => error !== undefined
  if (remote)
    return {
      connect: async (asks) => connectToHost(remote, options, { asks, isRetry: tries++ > 0 }),
      // By then it is known whether a position will be asked for.
      opensLate: true,
      retry: afterErrors,
      idleMs,
      firstMs: loginMs,
      takesRequests: true,
    }
  const stats = look(source)
  if (stats.isSocket()) {
    return {
      connect: () => connectToSocket(source),
      retry: () => true,
      idleMs,
      takesRequests: true,
    }
  }
  const isSpool = stats.isDirectory()
  if (!isSpool && !stats.isFile())
    throw new UsageError(`'${source}' is no socket, no spool, no recorded stream and no HOST:PATH`)
  // Who stays may wait for one that is to begin there.
  if (isSpool && !options.stay && !readdirSync(source).some(parseSegmentName))
    throw new UsageError(`'${source}' is a directory without the segments of a spool`)
  const recorded = isSpool ? recordedSpool(source, options.stay) : recordedFile(source)
  return {
    connect: async () => new RecordedConnection(recorded),
    retry: () => false,
    idleMs: undefined,
    takesRequests: false,
  }
}
