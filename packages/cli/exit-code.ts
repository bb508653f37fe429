// The exit codes that all programs share.

import { WireError } from '#wire'
import { UsageError } from './usage-error.js'

export const exitCode = {
  done: 0,
  /** It ran, and the answer is no. */
  no: 1,
  /** The stream is bad: truncated, corrupt, a gap. */
  badStream: 2,
  usage: 100,
  /** The system failed. */
  failed: 111,
} as const

/** What a program adds: error codes (`error.code`) that mean "no" or a wrong command line. */
export type ErrorKinds = Readonly<Record<string, 'no' | 'badStream' | 'usage' | 'failed'>>

/** What errors of spools mean. */
export const spoolErrors = {
  ESPOOL_DAMAGED: 'badStream',
  ESPOOL_MISSING: 'badStream',
  ESPOOL_TRIMMED: 'badStream',
  ESPOOL_UNKNOWN: 'no',
  ESPOOL_AHEAD: 'no',
  ESPOOL_LOCKED: 'no',
} as const satisfies ErrorKinds

/** The exit code for an error that ended a program. */
export function exitCodeOf(error: unknown, kinds: ErrorKinds = {}): number {
  if (error instanceof UsageError) return exitCode.usage
  if (error instanceof WireError) return exitCode.badStream
  const code = (error as { code?: unknown } | undefined)?.code
  const kind = typeof code === 'string' ? kinds[code] : undefined
  return exitCode[kind ?? 'failed']
}
