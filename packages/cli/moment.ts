// Moments on command lines.

const isoDate =
  /^(\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?)?)(?:[.,](\d{1,9}))?(Z|[+-]\d\d:?\d\d)?$/i

/**
 * Nanoseconds since 1970, from `@SECONDS[.NANOSECONDS]` or a date in the form of ISO 8601;
 * undefined for what is neither.
 */
export function parseMoment(text: string): bigint | undefined {
  const [, seconds, fraction = ''] = /^@(\d{1,11})(?:\.(\d{1,9}))?$/.exec(text) ?? []
  if (seconds !== undefined)
    return BigInt(seconds) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0'))
  const [, base, digits = '', zone = ''] = isoDate.exec(text) ?? []
  const ms = base !== undefined && isDay(base) ? Date.parse(`${timed(base)}${zone}`) : NaN
  if (!Number.isFinite(ms) || ms < 0) return undefined
  return BigInt(ms) * 1_000_000n + BigInt(digits.padEnd(9, '0'))
}

// A day begins where the user is, as its hours do: Date.parse would take it for UTC's.
const timed = (base: string) => (base.includes(':') ? base.replace(' ', 'T') : `${base}T00:00`)

// Date.parse takes the 30th of February for the 2nd of March.
function isDay(base: string): boolean {
  const day = base.slice(0, 10)
  const ms = Date.parse(day)
  return Number.isFinite(ms) && new Date(ms).toISOString().startsWith(day)
}
