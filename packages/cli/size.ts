// Sizes and spans of time on command lines.

import { UsageError } from './usage-error.js'

const units: Readonly<Record<string, number>> = {
  '': 1,
  K: 2 ** 10,
  M: 2 ** 20,
  G: 2 ** 30,
  T: 2 ** 40,
}

/**
 * Bytes, from `64K`, `16M`, `1.5GiB` (powers of 1024) or `10MB` (powers of 1000), as rsync has it.
 * Throws UsageError, which names `option`.
 */
export function parseSize(text: string, option: string): number {
  const [, number = '', unit = '', suffix = ''] =
    /^(\d+(?:\.\d+)?)([KMGT]?)(iB|B)?$/i.exec(text) ?? []
  const factor = units[unit.toUpperCase()]
  if (number === '' || factor === undefined)
    throw new UsageError(`${option}: '${text}' is not a size; write it like 64K, 16M or 1GiB`)
  const decimal = suffix.toUpperCase() === 'B' && unit !== ''
  const scale = decimal ? 1000 ** Math.round(Math.log2(factor) / 10) : factor
  const bytes = Math.floor(Number(number) * scale)
  if (!Number.isSafeInteger(bytes)) throw new UsageError(`${option}: '${text}' is too large`)
  return bytes
}

/** What a timer can wait: a longer time would be over at once (setTimeout). */
const durationMsMax = 2 ** 31 - 1

/** Milliseconds, from seconds as `10` or `0.5`, or `500ms`, `2m`, `1h`. Throws UsageError. */
export function parseDuration(text: string, option: string): number {
  const [, number = '', unit = 's'] = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text) ?? []
  const scale = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[unit]
  if (number === '' || scale === undefined)
    throw new UsageError(`${option}: '${text}' is not a time; write it like 10, 0.5, 500ms or 2m`)
  const ms = Number(number) * scale
  if (ms > durationMsMax) throw new UsageError(`${option}: '${text}' is too long, 596h is the most`)
  return ms
}
