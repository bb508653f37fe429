// Where in a spool reading begins: behind a position, behind a moment, behind a mark. No more than
// a megabyte of messages is read for it, but of the segment that is being written.

import { close, escapeName } from '#posix'
import { seqOf, timeOf, type Position } from '#wire'
import { lookAgain } from './look-again.js'
import { gapMessage } from './lost.js'
import { SegmentScan } from './scan-segment.js'
import { missingSegments, type Segment } from './spool-directory.js'
import { SpoolError } from './spool-error.js'
import type { Spool } from './spool.js'
import { firstOf } from './succession.js'

/** A place between two messages. */
export interface Place {
  readonly segment: Segment
  /** Byte in it. */
  readonly offset: number
  /** The last number before it; 0 at the beginning of an epoch. */
  readonly seq: number
  /** What comes before the message at that byte: what a gap still has to say. */
  readonly first?: Buffer
}

/** The beginning of all there is; undefined in an empty spool. */
export function oldest(spool: Spool): Place | undefined {
  const [segment] = spool.segments()
  return segment && { segment, offset: 0, seq: segment.seq - 1 }
}

/** The end of all there is now; undefined in an empty spool. */
export function newest(spool: Spool): Place | undefined {
  return lookAgain(() => {
    const segments = spool.segments(Infinity)
    const segment = segments.at(-1)
    if (!segment) return undefined
    const { size, seq } = spool.index(segments, segments.length - 1)
    return { segment, offset: size, seq }
  })
}

/**
 * Behind the message at `position`. Throws SpoolError: ESPOOL_TRIMMED where what follows is not
 * there any more, ESPOOL_AHEAD where it never was, ESPOOL_UNKNOWN for an epoch that is not there;
 * ESPOOL_MISSING, ESPOOL_DAMAGED where it cannot be found for that.
 */
export function afterPosition(spool: Spool, position: Position): Place {
  const { epoch, seq } = position
  const segments = spool.segments(Infinity)
  const at = segments.findLastIndex((s) => s.epoch === epoch && s.seq <= seq + 1)
  const segment = segments[at]
  if (!segment) throw missing(spool, position, segments)
  if (segment.seq === seq + 1) return { segment, offset: 0, seq }
  const index = spool.index(segments, at)
  if (seq > index.seq) {
    const next = segments[at + 1]?.ordinal ?? 0
    if (next > segment.ordinal + 1) throw missingSegments(spool.path, segment.ordinal, next)
    throw notYet(spool, position, index.seq)
  }
  const place = scanFrom(spool, segment, index.before(seq), (message) => seqOf(message) > seq)
  if (!place.found || firstOf(place.found) === seq + 1) return place
  // Behind a hello the stream begins with any number: who has the hello alone begins with it.
  if (place.seq === seq && seq === 1) return place
  const from = firstOf(place.found)
  const to = seqOf(place.found)
  // Where the stream was joined later on, nobody has kept what comes before.
  if (from > seq) return { ...place, seq: from - 1, first: gapMessage(epoch, seq + 1, from - 1) }
  return {
    ...place,
    offset: place.offset + place.found.length,
    seq: to,
    first: gapMessage(epoch, seq + 1, to),
  }
}

/**
 * Before the first message that is later than `time`, nanoseconds since 1970. A message counts as
 * no earlier than any before it. Undefined in an empty spool.
 */
export const afterTime = (spool: Spool, time: bigint): Place | undefined =>
  lookAgain(() => findTime(spool, time))

function findTime(spool: Spool, time: bigint): Place | undefined {
  const segments = spool.segments()
  let low = 0
  let high = segments.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (spool.index(segments, middle).time > time) high = middle
    else low = middle + 1
  }
  const segment = segments[low]
  if (!segment) return newest(spool)
  const entry = spool.index(segments, low).beforeTime(time)
  return scanFrom(spool, segment, entry, (message) => timeOf(message) > time)
}

/** Behind the newest mark of that name. Throws SpoolError ESPOOL_UNKNOWN. */
export const afterMark = (spool: Spool, name: Buffer): Place =>
  lookAgain(() => findMark(spool, name))

function findMark(spool: Spool, name: Buffer): Place {
  const segments = spool.segments()
  for (let at = segments.length - 1; at >= 0; at--) {
    const mark = spool.index(segments, at).marks.findLast((m) => m.name.equals(name))
    if (mark) return { segment: segments[at]!, offset: mark.offset, seq: mark.seq }
  }
  const text = `the spool '${spool.path}' has no mark '${escapeName(name)}'`
  throw new SpoolError('ESPOOL_UNKNOWN', text)
}

function scanFrom(
  spool: Spool,
  segment: Segment,
  from: { readonly offset: number; readonly seq: number },
  isBehind: (message: Buffer) => boolean,
): Place & { readonly found?: Buffer } {
  const fd = spool.open(segment.name)
  try {
    const scan = new SegmentScan(fd, from.offset)
    let { offset, seq } = from
    for (let message = scan.next(); message; message = scan.next()) {
      if (isBehind(message)) return { segment, offset, seq, found: Buffer.from(message) }
      offset = scan.offset
      seq = seqOf(message)
    }
    return { segment, offset, seq }
  } finally {
    close(fd)
  }
}

function missing(spool: Spool, position: Position, segments: readonly Segment[]): SpoolError {
  const [first] = segments
  const has = first ? `it begins with message ${first.seq} of epoch ${first.epoch}` : 'it is empty'
  const isKnown = segments.some(({ epoch }) => epoch === position.epoch)
  const { epoch, seq } = position
  const text = `does not have what follows message ${seq} of epoch ${epoch}: ${has}`
  return new SpoolError(
    isKnown ? 'ESPOOL_TRIMMED' : 'ESPOOL_UNKNOWN',
    `the spool '${spool.path}' ${text}`,
  )
}

const notYet = (spool: Spool, { epoch, seq }: Position, last: number) =>
  new SpoolError(
    'ESPOOL_AHEAD',
    `the spool '${spool.path}' has no message ${seq} of epoch ${epoch}: the last one is ${last}; ` +
      'it may have lost some when the machine stopped',
  )
