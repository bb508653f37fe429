// What a run that was killed has left to say, for the next one: which path is in doubt, and which
// files' times were still to come.

import { close, fstat, O_PATH } from '#posix'
import { afterTime, SpoolReader, type Spool } from '#spool'
import { decodeMessage, Framer, renameFlag, which, type Message, type Position } from '#wire'
import type { JournalContext } from './journal-context.js'
import type { JournalSpool } from './journal-spool.js'
import { openBelow } from './open-below.js'

export interface Aftermath {
  /** What this run goes on from; epoch 0: from nothing. */
  readonly previous: Position
  /** Paths that may have been changed without the stream's saying so. */
  readonly doubts: readonly Buffer[]
  /** Paths of files whose mtime the stream does not have. */
  readonly owed: readonly Buffer[]
  /** See IntentFile. */
  readonly owedSince: number
  /** Why it does not go on from the end of the spool, though there is one. */
  readonly unconnected?: string
}

const nothing = { doubts: [], owed: [], owedSince: 0 }
/** A file's mtime comes a second after its last write, unless the journal was held up. */
const owedSec = 10
const nsecPerSec = 1_000_000_000n

export function aftermathOf({ previous, endedCleanly, left, spool }: JournalSpool): Aftermath {
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
  const isDoubtful = left.several || left.seq > previous.seq
  const owedSince = left.owedSince || endSec(spool) - owedSec
  return {
    previous,
    doubts: isDoubtful ? left.paths : [],
    owed: owedOf(spool, owedSince),
    owedSince,
  }
}

/** Says it, at the beginning of the stream. */
export function emitAftermath(context: JournalContext, { doubts, owed }: Aftermath): void {
  for (const path of doubts) context.emitter.emit('doubt', { path })
  const { stat, tree } = context
  for (const path of owed) {
    const fd = openBelow(tree.rootFd, path, O_PATH)
    // It was removed by what is in doubt.
    if (fd < 0) continue
    if (fstat(fd, stat.buffer) === 0) context.emitAttributes(path, which.MTIME, stat)
    close(fd)
  }
}

// When the last message was made, in seconds since 1970.
function endSec(spool: Spool): number {
  const segments = spool.segments()
  return Number(spool.index(segments, segments.length - 1).time / nsecPerSec)
}

function owedOf(spool: Spool, sinceSec: number): Buffer[] {
  const reader = new SpoolReader(spool, afterTime(spool, BigInt(sinceSec) * nsecPerSec))
  const owed = new OwedTimes()
  const framer = new Framer()
  try {
    for (let piece = reader.next(); piece; piece = reader.next()) {
      framer.push(piece)
      for (let next = framer.next(); next; next = framer.next()) {
        const message = decodeMessage(next)
        if (message) owed.see(message)
      }
    }
  } finally {
    reader.close()
  }
  return owed.paths()
}

class OwedTimes {
  // By path, as latin1.
  readonly #paths = new Set<string>()

  see({ name, body }: Message): void {
    switch (name) {
      case 'write':
      case 'truncate':
      case 'fallocate':
      case 'copy':
        this.#paths.add(keyOf(body.path))
        break
      case 'link':
        if (this.#paths.has(keyOf(body.path))) this.#paths.add(keyOf(body.newPath))
        break
      case 'setattr':
        if (body.which & which.MTIME) this.#paths.delete(keyOf(body.path))
        break
      case 'unlink':
      case 'rmdir':
        this.#paths.delete(keyOf(body.path))
        break
      case 'rename':
        this.#rename(keyOf(body.path), keyOf(body.newPath), body.flags)
        break
      default:
    }
  }

  paths(): Buffer[] {
    return [...this.#paths].map((path) => Buffer.from(path, 'latin1'))
  }

  #rename(from: string, to: string, flags: number): void {
    const moved = this.#take(from)
    const other = this.#take(to)
    for (const rest of moved) this.#paths.add(to + rest)
    if (flags === renameFlag.EXCHANGE) for (const rest of other) this.#paths.add(from + rest)
  }

  // Takes out what is at `path` and below; gives what follows `path` in each.
  #take(path: string): string[] {
    const rests: string[] = []
    for (const one of this.#paths)
      if (one === path || one.startsWith(`${path}/`)) {
        this.#paths.delete(one)
        rests.push(one.slice(path.length))
      }
    return rests
  }
}

const keyOf = (path: Buffer) => path.toString('latin1')
