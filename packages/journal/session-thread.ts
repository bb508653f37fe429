// The thread that serves the mount and writes the stream. One loop does both, so that the order of
// messages is the order of effects, and a call returns after its message was handed over.

import { parentPort, workerData } from 'node:worker_threads'
import { Session, type Handlers } from '#fuse'
import { fileLimit } from '#posix'
import { assertForm, PathPatterns } from '#wire'
import { Assertions } from './assertions.js'
import { attributeHandlers } from './attribute-handlers.js'
import { descriptorBudget } from './descriptor-budget.js'
import { aftermathOf, emitAftermath, pathsLeft } from './aftermath.js'
import { Contents } from './contents.js'
import { directoryHandlers } from './directory-handlers.js'
import { withControlFiles } from './control-files.js'
import { Emitter } from './emitter.js'
import { fileHandlers } from './file-handlers.js'
import { standStill } from './hold.js'
import { HeadOutput } from './head-output.js'
import { JournalContext } from './journal-context.js'
import { JournalSpool } from './journal-spool.js'
import { lookupHandlers } from './lookup-handlers.js'
import { makingHandlers } from './making-handlers.js'
import { Marks } from './marks.js'
import { Output } from './output.js'
import { removingHandlers } from './removing-handlers.js'
import { renamingHandlers } from './renaming-handlers.js'
import { Replicas } from './replicas.js'
import { RequestPort } from './request-port.js'
import {
  stopRequest,
  type SessionThreadData,
  type SessionThreadMessage,
} from './session-thread-data.js'
import { withSpool } from './spooled-handlers.js'
import { describeSession } from './status.js'
import { SyncPool } from './sync-pool.js'
import { Tree } from './tree.js'
import { xattrHandlers } from './xattr-handlers.js'

/** The heartbeat of an idle journal. */
const tickMs = 1000

const data = workerData as SessionThreadData
const post = (message: SessionThreadMessage) => parentPort?.postMessage(message)
const describeError = (error: unknown) =>
  error instanceof Error ? (error.stack ?? error.message) : String(error)

const control = new Int32Array(data.control)
const reportHold = () => post({ held: true, seq: emitter.seq })
const isStopping = () => Atomics.load(control, 0) === stopRequest.stop
let isEnding = false
// Until then there is no looking for room in the spool again.
let fullUntilMs = 0
const waiting = {
  onFull: data.onFull,
  fullTimeoutMs: data.fullTimeoutMs,
  isAbandoned: isStopping,
  onStall: (seconds: number | null) => post({ stalled: seconds }),
}
const headOutput = data.hasHeads
  ? new HeadOutput({
      ...waiting,
      onGone: (ordinal) => post({ headGone: ordinal }),
      onMissed: (from, to) => post({ missed: { from, to } }),
    })
  : undefined
const output =
  headOutput ??
  new Output(data.outputFd, {
    ...waiting,
    onDetach: (why) => post({ detached: why, seq: emitter.seq - 1 }),
  })
const syncs = new SyncPool(data.wakeFd)
const spool =
  data.spool &&
  new JournalSpool(
    {
      ...data.spool,
      onFull: data.onFull,
      isAbandoned: isStopping,
      onStall: (why) => post({ spoolStalled: why }),
      onDetach: (why) => post({ spoolDetached: why, seq: emitter.seq - 1 }),
      onSyncFailure: (why) => post({ unsynced: why }),
      syncs,
    },
    data.epoch,
  )
if (spool) post({ opened: true })
const emitter = new Emitter(output, spool, data.epoch)
const budget = descriptorBudget(fileLimit())
const patterns = data.rules.length ? new PathPatterns(data.rules) : undefined
const tree = new Tree(data.storeFd, patterns, budget)
const onLost = (lost: Buffer, errno: number, seq: number) => post({ lost, errno, seq })
const replicas = new Replicas(data.replicas, data.epoch, (seq, have) =>
  post({ unreplicated: seq, have }),
)
const contents = new Contents(data.wakeFd, (inode) => tree.nodes.keyOf(inode))
const parts = { syncs, contents, spool, replicas }
const context = new JournalContext(tree, emitter, parts, data, onLost)

context.onUnstated = (unstated, errno, isTriedAgain) => post({ unstated, errno, isTriedAgain })

const marks = new Marks(context, data.markPort)
const describe = () =>
  describeSession({
    data,
    context,
    output,
    headOutput,
    marks,
    assertions,
    session,
    head: requests.head,
  })
const assertions: Assertions = new Assertions({
  context,
  output,
  requests: () => session.counters.requests,
  bytesPerSecond: data.assertRate,
})
const requests = new RequestPort({
  port: data.requestPort,
  emitter,
  marks,
  assertions,
  replicas,
  headOutput,
  describe,
  post,
})

const assertionText = () => Buffer.from(assertions.text())
const assertHere = (line: Buffer, form: number) => assertions.askFor(line, form)

const storeHandlers: Handlers = {
  ...lookupHandlers(context),
  ...makingHandlers(context),
  ...removingHandlers(context),
  ...renamingHandlers(context),
  ...attributeHandlers(context),
  ...xattrHandlers(context),
  ...directoryHandlers(context),
  ...fileHandlers(context, (unique, error) => session.answer(unique, error)),
}

const spooled = spool ? withSpool(storeHandlers, context, spool) : storeHandlers
const handlers = withControlFiles(spooled, {
  tree,
  uid: data.uid,
  gid: data.gid,
  files: [
    { name: 'status', read: () => Buffer.from(describe()) },
    {
      name: 'mark',
      read: () => Buffer.concat(marks.last ? [marks.last.name, Buffer.from('\n')] : []),
      write: (line, done) => marks.request(line, done),
    },
    { name: 'assert', read: assertionText, write: (line) => assertHere(line, assertForm.DATA) },
    { name: 'verify', read: assertionText, write: (line) => assertHere(line, assertForm.HASHES) },
  ],
  answer: (unique, error, fill) => session.answer(unique, error, fill),
})

const session: Session = new Session({
  fd: data.deviceFd,
  handlers,
  home: tree.nodes.device,
  wakeFd: data.wakeFd,
  onWake() {
    syncs.collect()
    assertions.wake()
    requests.collect()
    marks.collect()
    standStill(control, output, () => context.times.flushAll(), reportHold)
    if (isStopping()) session.stop()
  },
  nextDeadlineMs() {
    if (!emitter.isAttached) return replicas.pending > 0 || assertions.isAny ? 0 : Infinity
    const now = performance.now()
    const tickDueMs = emitter.lastMs + tickMs - now
    const ownDueMs = Math.min(context.times.dueMs, tickDueMs, assertions.dueMs)
    const roomDueMs = Math.max(ownDueMs, fullUntilMs - now)
    return Math.min(roomDueMs, replicas.dueMs, spool?.dueMs ?? Infinity)
  },
  onInterrupt: replicas.isWanted ? (unique) => replicas.interrupt(unique) : undefined,
  onDeadline() {
    replicas.expire()
    if (!emitter.isAttached) {
      replicas.abandon()
      assertions.abandon()
    }
    emitUnasked()
    spool?.poll()
  },
  onError: (error, during) => post({ failed: describeError(error), during }),
})

// What nobody has asked for must not wait for room in the spool, as everybody would then.
function emitUnasked(): void {
  const now = performance.now()
  if (now < fullUntilMs) return
  if (spool?.hasRoom() === false) fullUntilMs = now + tickMs
  else {
    context.times.flushQuiet()
    assertions.step()
    if (now - emitter.lastMs >= tickMs) emitter.emit('tick', {})
  }
}

let ended: SessionThreadMessage | undefined
try {
  const aftermath = spool ? aftermathOf(spool) : undefined
  // A first head may be there.
  requests.collect()
  const previous = aftermath?.previous ?? { epoch: 0, seq: 0 }
  if (aftermath) spool?.begin(previous.epoch, aftermath.left, aftermath.owedSince)
  emitter.hello(data.source, previous)
  if (aftermath) emitAftermath(context, aftermath)
  spool?.settle()
  for (const stated of aftermath ? pathsLeft(aftermath) : []) post({ stated })
  if (aftermath?.unconnected !== undefined) post({ unconnected: aftermath.unconnected })
  post({ ready: true })
  const end = session.run()
  isEnding = true
  context.times.flushAll()
  emitter.emit('bye', {})
  const isDetached = !emitter.isAttached
  output.close()
  spool?.close()
  ended = { ended: end, seq: emitter.seq, isDetached }
} catch (error) {
  if (!isEnding) emitter.emit('abort', { errno: 0, reason: Buffer.from('the journal failed') })
  output.close()
  spool?.close()
  throw error
} finally {
  syncs.close()
  contents.close()
}
// The process may end now: a thread that still loaded would take it along (see helper-thread).
if (ended) post(ended)
