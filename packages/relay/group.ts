// A group by its name or number.

import { execFileSync } from 'node:child_process'

const gidMax = 0xfffffffe
const lookupMs = 10_000

/** Its number, or undefined where the system knows no such group. Asks getent(1), so NSS counts. */
export function groupNumber(group: string): number | undefined {
  if (/^\d+$/.test(group)) return Number(group) <= gidMax ? Number(group) : undefined
  try {
    const line = execFileSync('getent', ['group', '--', group], {
      encoding: 'latin1',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: lookupMs,
    })
    return Number(line.split(':')[2])
  } catch (error) {
    // getent says 2 where there is none of that name; all else is a failure to ask.
    if ((error as { status?: unknown }).status === 2) return undefined
    throw error
  }
}
