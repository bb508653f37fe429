// What a relay says of itself when it is asked: to people in lines, to machines as one object.

import { fstat, close, Stat } from '#posix'
import { afterPosition, oldest, SpoolReader, type Spool } from '#spool'
import { timeOf, type Position } from '#wire'
import { isFaultOfSpool } from './reader-after.js'

export interface StatusReport {
  readonly lines: readonly string[]
  /** Of what JSON has. Its `state` is `healthy`, or says all for which that would be a lie. */
  readonly object: { readonly state: string; readonly [name: string]: unknown }
}

/** Gets a function that tells how it is. */
export type OnStatus = (report: () => StatusReport) => void

export const stateOf = (faults: readonly string[]): string =>
  faults.length === 0 ? 'healthy' : faults.join('; ')

/** A source that is idle ticks each second. */
const silentMsMax = 15_000

/** What is wrong where nothing has come for so long. */
export const silence = (ms: number): string[] =>
  ms > silentMsMax ? [`silent for ${Math.floor(ms / 1000)} s`] : []

/** Who is later than this is not live. */
export const lateSeconds = 10

/** How far somebody is behind the end of a spool; null where nobody can say that. */
export interface Lag {
  readonly bytes: number | null
  /** Null also where that end is in another epoch. */
  readonly messages: number | null
  readonly seconds: number | null
}

const unknown: Lag = { bytes: null, messages: null, seconds: null }

export const lagText = ({ bytes, messages, seconds }: Lag): string =>
  `${bytes ?? 'unknown'} bytes, ${messages ?? 'unknown'} messages, ` +
  `${seconds === null ? 'unknown' : seconds.toFixed(1)} s behind`

/** The lag of who has a spool up to `position`; epoch 0: nothing of it. */
export function lagIn(spool: Spool, position: Position): Lag {
  try {
    return find(spool, position)
  } catch (error) {
    // It was trimmed, or never there; or cannot be looked at now.
    if (isFaultOfSpool(error)) return unknown
    throw error
  }
}

function find(spool: Spool, position: Position): Lag {
  const place = position.epoch === 0 ? oldest(spool) : afterPosition(spool, position)
  if (!place) return { bytes: 0, messages: 0, seconds: 0 }
  const segments = spool.segments(Infinity)
  const from = segments.findIndex(({ ordinal }) => ordinal === place.segment.ordinal)
  const indexes = segments.slice(from).map((_, i) => spool.index(segments, from + i))
  const { epoch, seq, time } = indexes.at(-1)!
  const bytes = indexes.reduce((sum, { size }) => sum + size, 0) - place.offset
  const next = bytes > 0 ? timeBehind(spool, place) : time
  return {
    bytes,
    messages: epoch === position.epoch ? seq - position.seq : bytes === 0 ? 0 : null,
    seconds: Math.max(0, Number(time - next) / 1e9),
  }
}

function timeBehind(spool: Spool, place: NonNullable<ReturnType<typeof oldest>>): bigint {
  const reader = new SpoolReader(spool, place)
  try {
    const block = reader.next()
    return block ? timeOf(block) : spool.index([place.segment], 0).time
  } finally {
    reader.close()
  }
}

/** Milliseconds since a spool has grown; by this machine's clock. */
export function silentMsOf(spool: Spool): number {
  try {
    const last = spool.segments(Infinity).at(-1)
    if (!last) return 0
    const fd = spool.open(last.name)
    const stat = new Stat()
    const e = fstat(fd, stat.buffer)
    close(fd)
    return e < 0 ? 0 : Math.max(0, Date.now() - stat.mtimeSec * 1000)
  } catch (error) {
    if (isFaultOfSpool(error)) return 0
    throw error
  }
}
