// What a run that was killed has left to say, for the next one: the change that was under way, and
// which files' times were still to come.

import { close, fstat, O_PATH, type Stat } from '#posix'
import { afterTime, SpoolReader, type Spool } from '#spool'
import { assertForm, decodeMessage, Framer, renameFlag, which } from '#wire'
import type { Message, Position } from '#wire'
import { unsaid, type Change, type Intent } from './intent.js'
import type { JournalContext } from './journal-context.js'
import type { JournalSpool } from './journal-spool.js'
import { openBelow } from './open-below.js'
import { OwedTimes } from './owed-times.js'
import { parentOf } from './tree.js'
import { Walker } from './walker.js'

export interface Aftermath {
  /** What this run goes on from; epoch 0: from nothing. */
  readonly previous: Position
  /** What the run before has left, where it is to be said. */
  readonly left: Intent | undefined
  /** `left` is an operation that is in the stream. */
  readonly isSaid: boolean
  readonly owed: OwedTimes
  /** See IntentFile. */
  readonly owedSince: number
  /** Why it does not go on from the end of the spool, though there is one. */
  readonly unconnected?: string
}

/** A file's mtime comes a second after its last write, unless the journal was held up. */
const owedSec = 10
const nsecPerSec = 1_000_000_000n
/** What is stated for all copies, also those that are current. */
const forAll = 0
/** Behind the end of any file. */
const pastEnd = Number.MAX_SAFE_INTEGER

export function aftermathOf({ previous, endedCleanly, left, spool }: JournalSpool): Aftermath {
  const nothing = { left: undefined, isSaid: false, owed: new OwedTimes(), owedSince: 0 }
  if (previous.epoch === 0 || endedCleanly) return { previous, ...nothing }
  const fromNothing = { previous: { epoch: 0, seq: 0 }, ...nothing }
  // A run that ended before it had begun has changed nothing.
  const isUnbegun = left?.after === previous.epoch
  if (!left || !(isUnbegun || left.epoch === previous.epoch))
    return { ...fromNothing, unconnected: 'its last run was not this journal with all of it there' }
  if (!left.isOfThisBoot)
    return {
      ...fromNothing,
      unconnected: 'the machine has stopped since, unsynced changes are lost',
    }
  const isLeft = left.change !== undefined && (left.several || left.seq > previous.seq)
  const owedSince = left.owedSince || endSec(spool) - owedSec
  const { owed, isSaid } = readSince(spool, owedSince, left)
  return { previous, left: isLeft ? left : undefined, isSaid, owed, owedSince }
}

/** The paths of the change that was under way. */
export const pathsLeft = ({ left }: Aftermath): Buffer[] =>
  [left?.change?.one, left?.change?.other].filter((path) => path !== undefined)

/** Says it, at the beginning of the stream. */
export function emitAftermath(context: JournalContext, aftermath: Aftermath): void {
  const { left, isSaid, owed } = aftermath
  const change = left?.change
  if (change) {
    if (change.how < unsaid.LINK) stateChange(context, change)
    else if (!isSaid) redo(context, change, owed)
    for (const path of [change.one, change.other])
      if (path?.length) emitTimes(context, parentOf(path))
  }
  for (const path of owed.paths()) emitTimes(context, path)
}

function stateChange(context: JournalContext, { how, one, other, offset, length }: Change): void {
  const isDeep = how === unsaid.TREE
  const range =
    how === unsaid.STATE ? { offset: pastEnd, length: 1 } : isDeep ? all : { offset, length }
  for (const path of [one, other]) {
    if (!path) continue
    const request = { id: forAll, path, isDeep, form: assertForm.DATA, ...range }
    const walker = new Walker(context, request, true)
    // It is no more than what the change itself would have said.
    while (walker.step(() => false) !== 'ended');
    if (walker.errno !== 0) context.emitter.emit('doubt', { path })
  }
}

// Says an operation that the stream lacks, if the names show that it was done.
function redo(context: JournalContext, change: Change, owed: OwedTimes): void {
  const { how, one: path, other: newPath, inode, otherInode } = change
  if (!path || !newPath) return
  const [here, there] = [inodeAt(context, path), inodeAt(context, newPath)]
  const isDone =
    there === inode &&
    here === (how === unsaid.LINK ? inode : how === unsaid.RENAME ? 0 : otherInode)
  if (!isDone) return
  const [times, newTimes] = [timesOf(context, path), timesOf(context, newPath)]
  const newDirTimes = { newDirMtimeSec: newTimes.mtimeSec, newDirMtimeNsec: newTimes.mtimeNsec }
  if (how === unsaid.LINK) {
    const body = { path, newPath, ...newDirTimes }
    context.emit('link', body)
    owed.follow('link', body)
    return
  }
  const flags = how === unsaid.EXCHANGE ? renameFlag.EXCHANGE : 0
  const dirTimes = { dirMtimeSec: times.mtimeSec, dirMtimeNsec: times.mtimeNsec }
  const body = { path, newPath, flags, ...dirTimes, ...newDirTimes }
  context.emit('rename', body)
  owed.follow('rename', body)
}

const all = { offset: 0, length: 0 }

// 0: nothing is there.
function inodeAt(context: JournalContext, path: Buffer): number {
  const stat = look(context, path)
  return stat ? stat.inoHigh * 0x100000000 + stat.inoLow : 0
}

const timesOf = (context: JournalContext, path: Buffer) => {
  const { mtimeSec, mtimeNsec } = look(context, parentOf(path)) ?? { mtimeSec: 0, mtimeNsec: 0 }
  return { mtimeSec, mtimeNsec }
}

// What was removed by the change that was under way has no times any more.
function emitTimes(context: JournalContext, path: Buffer): void {
  const stat = look(context, path)
  if (stat) context.emitAttributes(path, which.MTIME, stat)
}

function look({ tree, stat }: JournalContext, path: Buffer): Stat | undefined {
  const fd = path.length === 0 ? tree.rootFd : openBelow(tree.rootFd, path, O_PATH)
  if (fd < 0) return undefined
  const e = fstat(fd, stat.buffer)
  if (fd !== tree.rootFd) close(fd)
  return e < 0 ? undefined : stat
}

// When the last message was made, in seconds since 1970.
function endSec(spool: Spool): number {
  const segments = spool.segments()
  return Number(spool.index(segments, segments.length - 1).time / nsecPerSec)
}

function readSince(spool: Spool, sinceSec: number, left: Intent) {
  const reader = new SpoolReader(spool, afterTime(spool, BigInt(sinceSec) * nsecPerSec))
  const owed = new OwedTimes()
  const framer = new Framer()
  let [isBehind, isSaid] = [false, false]
  try {
    for (let piece = reader.next(); piece; piece = reader.next()) {
      framer.push(piece)
      for (let next = framer.next(); next; next = framer.next()) {
        const message = decodeMessage(next)
        if (!message) continue
        const { name, body, epoch, seq } = message
        owed.follow(name, body)
        isBehind ||= epoch === left.seqEpoch && seq >= left.seq
        isSaid ||= isBehind && left.change !== undefined && says(message, left.change)
      }
    }
  } finally {
    reader.close()
  }
  return { owed, isSaid }
}

function says({ name, body }: Message, { one, other }: Change): boolean {
  if ((name !== 'rename' && name !== 'link') || !one || !other) return false
  return body.path.equals(one) && body.newPath.equals(other)
}
