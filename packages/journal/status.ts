// What `.tfs/status` says: how the journal is, for people and programs.

import { close, escapeName, fstat, openat, O_PATH, Stat } from '#posix'
import type { Session } from '#fuse'
import { listReaders, type Spool } from '#spool'
import type { Assertions } from './assertions.js'
import type { HeadOutput } from './head-output.js'
import type { HeadState } from './heads.js'
import type { JournalContext } from './journal-context.js'
import type { JournalSpool } from './journal-spool.js'
import type { Marks } from './marks.js'
import type { Sink } from './output.js'
import type { SessionThreadData } from './session-thread-data.js'

export interface StatusOptions {
  readonly data: SessionThreadData
  readonly context: JournalContext
  readonly output: Sink
  readonly headOutput: HeadOutput | undefined
  readonly marks: Marks
  readonly assertions: Assertions
  readonly session: Session
  readonly head: HeadState | undefined
}

/**
 * JSON on several lines. `state` is `journalling` only where every change so far is in the stream,
 * the next one will be, and all is there that was asked for. Else the first that is true of:
 * `detached` (nobody takes the stream), `incomplete` (it lacks something), `full` (the spool has no
 * room: what would change something fails), `headless` (no head is there) and `under-replicated`
 * (fewer copies acknowledge than are wanted).
 */
export function describeSession(options: StatusOptions): string {
  const { data, context, output, headOutput, marks, assertions, session, head } = options
  const { emitter, files, replicas, spool, tree, lostCount } = context
  const status = {
    program: 'tfs-journal',
    state: stateOf(options),
    source: escapeName(Buffer.from(data.source)),
    position: { epoch: data.epoch, seq: emitter.seq },
    time: new Date().toISOString(),
    output: { attached: output.isAttached, untakenBytes: output.untaken },
    spool: spool ? describeSpool(spool) : null,
    head: head
      ? { pid: head.pid ?? null, restarts: head.restarts, since: head.since.toISOString() }
      : null,
    replicas: replicas.describe(emitter.seq),
    lost: lostCount,
    missed: headOutput?.missed ?? 0,
    lastMark: marks.last ? { ...marks.last, name: escapeName(marks.last.name) } : null,
    assertions: assertions.describe(),
    openFiles: files.size,
    nodes: tree.nodes.size,
    requests: session.counters.requests,
    failures: session.counters.failures,
  }
  return `${JSON.stringify(status, undefined, 2)}\n`
}

function stateOf({ context, headOutput, head }: StatusOptions): string {
  const { emitter, replicas, spool, lostCount } = context
  if (!emitter.isAttached) return 'detached'
  const lacks = lostCount + (headOutput?.missed ?? 0)
  if (lacks > 0 || spool?.isAttached === false) return 'incomplete'
  if (spool?.isFull && spool.reserve(false) < 0) return 'full'
  if (head && head.pid === undefined) return 'headless'
  return replicas.isShort ? 'under-replicated' : 'journalling'
}

function describeSpool({ spool, isAttached, position }: JournalSpool): object {
  const segments = spool.segments()
  const [first] = segments
  return {
    path: escapeName(Buffer.from(spool.path)),
    attached: isAttached,
    first: first ? { epoch: first.epoch, seq: first.seq } : null,
    last: position,
    bytes: segments.reduce((sum, { name }) => sum + sizeOf(spool, name), 0),
    segments: segments.length,
    readers: listReaders(spool.fd),
  }
}

function sizeOf(spool: Spool, name: string): number {
  const fd = openat(spool.fd, Buffer.from(name), O_PATH)
  // It was trimmed just now.
  if (fd < 0) return 0
  const stat = new Stat()
  const e = fstat(fd, stat.buffer)
  close(fd)
  return e < 0 ? 0 : stat.size
}
