// What a mirror knows of itself while it runs.

import type { Position } from '#wire'
import type { Assertions } from './assertions.js'
import { differing, lastVerified, type Verified } from './last-verification.js'
import type { Replay } from './replay.js'
import type { Resume } from './resume.js'
import type { StateDirectory } from './state-directory.js'
import type { Suspects } from './suspects.js'
import type { Sync, SyncPolicy } from './sync.js'
import type { Underway } from './tally.js'
import type { Upstream } from './upstream.js'

/** A source ticks each second; one of which nothing came for so long is behind or dead. */
const lateMs = 15_000

export interface MirrorStatus {
  /** Of the last message that was applied; epoch 0: none. */
  readonly position: Position
  /** Messages applied since the mirror began, in all runs. */
  readonly messages: number
  /** Survives a power cut; undefined where the user wants none of that. */
  readonly durable: Position | undefined
  /** Messages that came and are not applied; undefined where that cannot be known. */
  readonly lagMessages: number | undefined
  /** Bytes of them that are here. */
  readonly lagBytes: number
  /** Since the last message was made, by the source's clock; undefined before the first. */
  readonly lagMs: number | undefined
  readonly suspects: number
  /** It is being made whole, and holds no state that the source had. */
  readonly isIncomplete: boolean
  /** What is being stated for this mirror, and what was until now. */
  readonly assertion: Underway | undefined
  /** The last comparison with the source, in this run or one before. */
  readonly verified: Verified | undefined
  /** Undefined where the source is no connection. */
  readonly isConnected: boolean | undefined
  readonly connections: number
  /** Why the mirror is not a current and exact copy; empty where it is. */
  readonly faults: readonly string[]
}

export interface StatusParts {
  readonly resume: Resume
  readonly replay: Replay
  readonly suspects: Suspects
  readonly sync: Sync
  readonly assertions: Pick<Assertions, 'isActive' | 'underway'>
  readonly state: Pick<StateDirectory, 'fd' | 'shown' | 'isOpen'>
  readonly policy: SyncPolicy
  readonly upstream: Upstream | undefined
  /** Bytes that wait in the source. */
  readonly waiting: () => number
  /** Milliseconds since the last message came. */
  readonly silentMs: () => number
}

export function statusOf(parts: StatusParts): MirrorStatus {
  const { resume, replay, suspects, sync, policy, upstream, assertions } = parts
  const connection = upstream?.state()
  const received = connection?.received
  const { epoch, seq } = resume
  // Clocks differ from host to host: nothing is newer than the last message that came.
  const clockMs = Date.now() - resume.timeMs
  const lagMs = epoch === 0 ? undefined : Math.max(clockMs, parts.silentMs(), 0)
  const status = {
    position: { epoch, seq },
    messages: resume.messages,
    durable: policy === 'none' ? undefined : sync.certain,
    lagMessages:
      received?.epoch === epoch && !resume.isPassing ? Math.max(0, received.seq - seq) : undefined,
    lagBytes: replay.pending + parts.waiting(),
    lagMs,
    suspects: suspects.count,
    isIncomplete: assertions.isActive,
    assertion: assertions.underway,
    // After the end it may be asked, too.
    verified: parts.state.isOpen ? lastVerified(parts.state) : undefined,
    isConnected: connection?.isConnected,
    connections: connection?.connections ?? 0,
  }
  return { ...status, faults: faultsOf(status, parts) }
}

function faultsOf(status: Omit<MirrorStatus, 'faults'>, { resume, sync }: StatusParts): string[] {
  const { suspects, isConnected, lagMs, isIncomplete, assertion, verified } = status
  const faults: string[] = []
  if (lagMs === undefined) faults.push('nothing is applied yet')
  if (isIncomplete) faults.push('is incomplete: what is there is being stated')
  if (assertion?.why === 'sought') faults.push('asks the source what there is')
  if (isConnected === false) faults.push('the source is not connected')
  if (suspects > 0) faults.push(`${suspects} suspect paths`)
  const differences = differing(verified)
  if (differences > 0) faults.push(`differs from its source: ${differences} differences`)
  if (resume.isRewound) faults.push('does over again what may not have reached the disk')
  if (resume.isPassing) faults.push('passes over what it has applied before')
  if (resume.isForced) faults.push('went on without messages, or with another stream (--force)')
  if (sync.failure !== undefined) faults.push('what it has applied could not be made durable')
  if (resume.isEnded) faults.push('the source has ended')
  else if (lagMs !== undefined && lagMs > lateMs) faults.push('is behind')
  return faults
}
