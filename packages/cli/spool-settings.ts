// The values of tfs-spool's options, from what was typed.

import { afterMark, afterPosition, afterTime, isReaderName, newest, oldest } from '#spool'
import { segmentSizeMax, type Amount, type Keep, type Place, type Spool } from '#spool'
import type { SyncPolicy } from '#spool'
import { limits } from '#wire'
import { parseMoment } from './moment.js'
import { positionOf } from './position.js'
import { parseDuration, parseSize } from './size.js'
import { UsageError } from './usage-error.js'

const days: Readonly<Record<string, number>> = { d: 24, w: 7 * 24 }
/** Where --keep-max does not say. */
const factorMost = 4

/** `--keep` and `--keep-max`. Throws UsageError, as all of these do. */
export function parseKeep(keep?: string, most?: string): Keep | undefined {
  if (keep === undefined) {
    if (most !== undefined) throw new UsageError('--keep-max goes with --keep')
    return undefined
  }
  const wanted = parseAmount(keep, '--keep')
  if (most !== undefined) return { keep: wanted, most: parseAmount(most, '--keep-max') }
  const { bytes, ageMs } = wanted
  const times = (n: number | undefined) => (n === undefined ? undefined : n * factorMost)
  const limit = bytes === undefined ? { ageMs: times(ageMs)! } : { bytes: times(bytes)! }
  return { keep: wanted, most: limit }
}

// Sizes have capital letters, ages small ones: 10M is much, 10m is soon.
function parseAmount(text: string, option: string): Amount {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)(s|m|h|d|w)$/.exec(text) ?? []
  const hours = days[unit]
  if (number !== undefined)
    return {
      ageMs: hours ? Number(number) * hours * 3_600_000 : parseDuration(text, option),
    }
  if (!/[KMGT](iB|B)?$/.test(text))
    throw new UsageError(`${option}: '${text}' is no size like 10G and no age like 12h or 7d`)
  return { bytes: parseSize(text, option) }
}

/** `none`, `always`, or seconds; what is left out is one second. */
export function parseSpoolSync(text = '1', option = '--sync'): SyncPolicy {
  return text === 'none' || text === 'always' ? text : parseDuration(text, option)
}

export function parseSegmentSize(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const size = parseSize(text, '--segment-size')
  if (size < limits.messageSizeMin || size > segmentSizeMax)
    throw new UsageError(`--segment-size: '${text}' is not from 32 to ${segmentSizeMax >> 20}M`)
  return size
}

export function parseReaderName(name: string | undefined): string | undefined {
  if (name === undefined || isReaderName(name)) return name
  throw new UsageError(
    `--reader: '${name}' is no name: letters, digits, '.', '-' and '_', at most 64`,
  )
}

/** Where reading begins. */
export function parseFrom(text: string): (spool: Spool) => Place | undefined {
  if (text === 'oldest') return oldest
  if (text === 'newest') return newest
  const position = positionOf(text)
  if (position) return (spool) => afterPosition(spool, position)
  const time = parseMoment(text)
  if (time !== undefined) return (spool) => afterTime(spool, time)
  const mark = text.startsWith('mark:') ? text.slice('mark:'.length) : text
  return (spool) => afterMark(spool, Buffer.from(mark))
}
