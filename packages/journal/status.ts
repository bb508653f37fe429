// What `.tfs/status` says: how the journal is, for people and programs.

import type { Session } from '#fuse'
import type { JournalContext } from './journal-context.js'
import type { Marks } from './marks.js'
import type { Output } from './output.js'
import type { SessionThreadData } from './session-thread-data.js'

/**
 * JSON on several lines. `state` is `journalling` only where every change so far is in the stream
 * and the next one will be; else `incomplete` (the stream lacks something) or `detached` (nobody
 * takes it).
 */
export function describeSession(
  { source, epoch }: SessionThreadData,
  { emitter, files, spool, tree, lostCount }: JournalContext,
  output: Output,
  marks: Marks,
  { counters }: Session,
): string {
  const isWhole = lostCount === 0 && spool?.isAttached !== false
  const state = !emitter.isAttached ? 'detached' : isWhole ? 'journalling' : 'incomplete'
  const status = {
    program: 'tfs-journal',
    state,
    source,
    position: { epoch, seq: emitter.seq },
    time: new Date().toISOString(),
    output: { attached: output.isAttached, untakenBytes: output.untaken },
    spool: spool ? { path: spool.spool.path, attached: spool.isAttached } : null,
    lost: lostCount,
    lastMark: marks.last ?? null,
    openFiles: files.size,
    nodes: tree.nodes.size,
    requests: counters.requests,
    failures: counters.failures,
  }
  return `${JSON.stringify(status, undefined, 2)}\n`
}
