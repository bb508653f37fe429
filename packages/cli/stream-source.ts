// SOURCE for a program that reads a stream and may know where to go on in it.

import type { Readable } from 'node:stream'
import type { Upstream } from '#mirror'
import type { RemoteShell } from './host-source.js'
import { isLive, openLive } from './live-source.js'
import type { Log } from './log.js'
import { openSource, type Source } from './source.js'

export interface StreamSource extends Source {
  readonly stream: Readable
  /** Where the source can be asked for what follows a position. */
  readonly upstream?: Upstream
}

export interface StreamSourceOptions extends RemoteShell {
  /** Whether to go on when what there is has ended. */
  readonly follow: boolean
  readonly signal: AbortSignal
  readonly log: Log
}

/** Opens a SOURCE of any kind. Throws UsageError, or an Error that names it and the cure. */
export async function openStreamSource(
  source: string,
  { follow, ...options }: StreamSourceOptions,
): Promise<StreamSource> {
  if (!isLive(source)) return openSource(source)
  const resumed = await openLive(source, { ...options, stay: follow, position: undefined })
  const upstream: Upstream = {
    subscribe: (position, isEnded) => resumed.subscribe(position, isEnded),
    send: resumed.takesRequests ? (message) => resumed.send(message) : undefined,
    state: () => ({
      received: resumed.position,
      connections: resumed.connections,
      isConnected: resumed.isConnected,
    }),
  }
  return { name: source, stream: resumed.stream, upstream }
}
