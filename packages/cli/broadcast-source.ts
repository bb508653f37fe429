// Where tfs-broadcast's stream comes from: what is read, what is kept of it, and to whom requests
// go back.

import { fstatSync } from 'node:fs'
import { isatty } from 'node:tty'
import * as relay from '#relay'
import type { Position } from '#wire'
import type { RemoteShell } from './host-source.js'
import { isLive, openLive } from './live-source.js'
import type { Log } from './log.js'
import { isDirectory, openSource } from './source.js'
import { parseKeep, parseSegmentSize, parseSpoolSync } from './spool-settings.js'
import { UsageError } from './usage-error.js'

/** What was typed. */
export interface SourceOptions {
  readonly from: string
  readonly spool: string | undefined
  readonly keep: string | undefined
  readonly 'spool-sync': string | undefined
  readonly 'segment-size': string | undefined
  readonly rsh: string
  readonly 'tfs-path': string
}

export interface BroadcastSource {
  readonly open: relay.OpenInput | undefined
  readonly spool: relay.SpoolFeedOptions | undefined
  /** Takes requests for the source; undefined where that takes none. */
  readonly requests: relay.LiveRequests | undefined
  /** What is wrong with the source, for people. */
  readonly trouble?: () => string | undefined
}

/** Throws UsageError. */
export function broadcastSource(
  typed: SourceOptions,
  log: Log,
  signal: AbortSignal,
): BroadcastSource {
  const { from } = typed
  if (from !== '-' && isDirectory(from)) return followed(typed)
  const kept = spoolOf(typed)
  if (from === '-') {
    // Nothing comes from these, so that whoever writes the spool is somebody else.
    if (kept && (isatty(0) || isDevice(0)))
      return { open: undefined, spool: { ...kept, use: 'follow' }, requests: undefined }
    const spool = kept && { ...kept, use: 'shared' as const }
    return { open: openInput, spool, requests: undefined }
  }
  const spool = kept && { ...kept, use: 'own' as const }
  if (!isLive(from))
    return {
      open: async () => relay.streamInput((await openSource(from)).stream),
      spool,
      requests: undefined,
    }
  const requests = new relay.LiveRequests()
  const shell: RemoteShell = { rsh: typed.rsh, tfsPath: typed['tfs-path'] }
  let isConnected = () => false
  const open = async (position?: Position) => {
    const live = await openLive(from, { ...shell, position, stay: !!spool, signal, log })
    isConnected = () => live.isConnected
    requests.connect(live)
    return relay.streamInput(live.stream)
  }
  const trouble = () => (isConnected() ? undefined : 'the source is not connected')
  return { open, spool, requests, trouble }
}

const keepOptions = ['keep', 'spool-sync', 'segment-size'] as const

function followed(typed: SourceOptions): BroadcastSource {
  if (typed.spool !== undefined)
    throw new UsageError(
      `--from: '${typed.from}' is a spool itself, which --spool does not go with`,
    )
  refuseKeeping(typed)
  const spool = { path: typed.from, use: 'follow', sync: 'none' } as const
  return { open: undefined, spool, requests: undefined }
}

function spoolOf(typed: SourceOptions) {
  if (typed.spool === undefined) {
    refuseKeeping(typed)
    return undefined
  }
  return {
    path: typed.spool,
    keep: parseKeep(typed.keep),
    sync: parseSpoolSync(typed['spool-sync'], '--spool-sync'),
    segmentSize: parseSegmentSize(typed['segment-size']),
  }
}

function refuseKeeping(typed: SourceOptions): void {
  for (const name of keepOptions)
    if (typed[name] !== undefined) throw new UsageError(`--${name} goes with --spool`)
}

const openInput = async () =>
  isPipe(0) ? relay.pipeInput(0) : relay.streamInput((await openSource('-')).stream)

const isDevice = (fd: number) => fstatSync(fd).isCharacterDevice()

export function isPipe(fd: number): boolean {
  const stat = fstatSync(fd)
  return stat.isFIFO() || stat.isSocket()
}
