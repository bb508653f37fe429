// Moments for people, in UTC with all their nanoseconds.

const billion = 1_000_000_000n

/** Of nanoseconds since 1970, as a header has them. */
export const timeText = (time: bigint): string =>
  momentText(Number(time / billion), Number(time % billion))

// What a Date can hold (ECMA-262, "Time Values and Time Range").
const dateSecondsMax = 8.64e12

/** As ISO 8601 has it; as `@seconds.nanoseconds` (date(1)) where the calendar ends. */
export function momentText(sec: number, nsec: number): string {
  const fraction = String(nsec).padStart(9, '0')
  if (Math.abs(sec) > dateSecondsMax) return `@${sec}.${fraction}`
  return `${new Date(sec * 1000).toISOString().slice(0, -5)}.${fraction}Z`
}
