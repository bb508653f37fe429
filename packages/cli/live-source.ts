// A SOURCE that is come back to where its connection breaks, and that can be asked for what
// follows a position.

import type { Duplex } from 'node:stream'
import { RecordedConnection, recordedFile, ResumedStream, type ResumeOptions } from '#relay'
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
}

/** What a SOURCE is when it is looked at for the first time. */
interface Kind {
  readonly connect: () => Promise<Duplex>
  readonly retry: ResumeOptions['retry']
}

/** An idle source ticks each second; what says nothing for so long is gone. */
const idleMs = 30_000

/** Makes the first connection. Throws UsageError, or an Error that names source and cure. */
export async function openLive(source: string, options: LiveOptions): Promise<ResumedStream> {
  const { position, stay, signal, log } = options
  const { connect: connectTo, retry } = kindOf(source, options)
  const resume = { connect: connectTo, retry, position, stay, signal, log, idleMs }
  return ResumedStream.open({ ...resume, name: source })
}

function kindOf(source: string, shell: RemoteShell): Kind {
  const remote = hostPathOf(source)
  // Over there it ends well only where a record was at its end.
  const afterErrors = (error: Error | undefined) => error !== undefined
  if (remote) return { connect: async () => connectToHost(remote, shell), retry: afterErrors }
  const stats = look(source)
  if (stats.isSocket()) return { connect: () => connectToSocket(source), retry: () => true }
  if (stats.isFile())
    return { connect: async () => new RecordedConnection(recordedFile(source)), retry: () => false }
  throw new UsageError(`'${source}' is no socket, no recorded stream and no HOST:PATH`)
}
