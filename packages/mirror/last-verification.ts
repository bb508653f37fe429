// The last time that the mirror was compared with its source: DIR/.tfs/verified, a line of JSON for
// whoever asks how the mirror is, in this run or a later one.

import { check, close, escapeName, ftruncate, pread, pwrite } from '#posix'
import type { Position } from '#wire'
import { openPrivateFile, openPrivateFileIfThere } from './private-file.js'
import { shownDifferences } from './shown.js'
import type { StateDirectory } from './state-directory.js'

const name = 'verified'
const sizeMax = 256 << 10

export interface Verified {
  /** When it ended: ISO 8601. */
  readonly time: string
  /** What was compared, with all below it: escaped, `.` for all of it. */
  readonly path: string
  /** Places that differed. */
  readonly differences: number
  /** They were made right. */
  readonly repaired: boolean
  /** The last message before it ended. */
  readonly position: Position
  /** What this comparison, or one before, found to differ, and nobody has found or made right. */
  readonly open?: readonly Open[]
}

interface Open {
  readonly path: string
  readonly differences: number
}

/** More are one, of all there is. */
const openMax = 100

type State = Pick<StateDirectory, 'fd' | 'shown'>

// Throws as `openPrivateFile` does, and errno errors.
function write({ fd, shown }: State, noted: Verified): void {
  const line = Buffer.from(`${JSON.stringify(noted)}\n`)
  const file = openPrivateFile(fd, name, `${shown}/${name}`)
  try {
    check(pwrite(file, line, 0, line.length, 0), 'write', `${shown}/${name}`)
    check(ftruncate(file, line.length), 'write', `${shown}/${name}`)
  } finally {
    close(file)
  }
}

/** Places that differ as far as anybody knows. */
export const differing = (verified: Verified | undefined): number =>
  (verified?.open ?? []).reduce((sum, { differences }) => sum + differences, 0)

/**
 * Whatever differed, the mirror has been made whole since.
 * Throws as `openPrivateFile` does, and errno errors.
 */
export function forgetDiffering(state: State): void {
  const verified = lastVerified(state)
  if (differing(verified) > 0) write(state, { ...verified!, open: [] })
}

// What was known to differ elsewhere does so still.
function openAfter(before: readonly Open[], path: string, found: number): Open[] {
  const isWithin = (one: string) => path === '.' || one === path || one.startsWith(`${path}/`)
  const open = before.filter((one) => !isWithin(one.path))
  if (found > 0) open.push({ path, differences: found })
  if (open.length <= openMax) return open
  return [{ path: '.', differences: open.reduce((sum, one) => sum + one.differences, 0) }]
}

interface Comparison {
  readonly state: State
  readonly resume: Position
  /** It was asked for, whose end says what it found. */
  readonly verify: { readonly repair: boolean } | undefined
  readonly say: (line: string) => void
}

/**
 * Notes a comparison that has ended, and says what it found of `what`.
 * Throws as `openPrivateFile` does, and errno errors.
 */
export function tellVerified(
  { state, resume, verify, say }: Comparison,
  path: Buffer,
  differences: number,
  what: string,
): void {
  const repaired = verify?.repair === true
  const where = escapeName(path) || '.'
  const open = openAfter(lastVerified(state)?.open ?? [], where, repaired ? 0 : differences)
  const position = { epoch: resume.epoch, seq: resume.seq }
  const time = new Date().toISOString()
  write(state, { time, path: where, differences, repaired, position, open })
  if (verify) return
  say(`compared '${where}' with the source: ${shownDifferences(differences)} (${what})`)
}

/** Undefined where there was none, or nobody knows any more. Throws as `openPrivateFile` does. */
export function lastVerified({ fd, shown }: State): Verified | undefined {
  const file = openPrivateFileIfThere(fd, name, `${shown}/${name}`)
  if (file === undefined) return undefined
  const bytes = Buffer.alloc(sizeMax)
  const length = Math.max(0, pread(file, bytes, 0, sizeMax, 0))
  close(file)
  try {
    return JSON.parse(bytes.toString('utf8', 0, length)) as Verified
  } catch {
    return undefined
  }
}
