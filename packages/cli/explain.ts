// An error in words for the user: lines of what it is about, and why.

import { getSystemErrorMap } from 'node:util'
import { UsageError } from './usage-error.js'

type Line = readonly [what: string, why: string]
type Coded = Error & { code: string; errno?: number; path?: string; syscall?: string }

const systemMessages = getSystemErrorMap()

/**
 * The log's lines for `error`. Only a fault of our own, or what was caught nowhere (`isUncaught`),
 * shows its stack.
 */
export function explain(error: unknown, program: string, isUncaught = false): readonly Line[] {
  if (error instanceof UsageError)
    return [
      ['usage', error.message],
      ['help', `see '${program} --help'`],
    ]
  if (!(error instanceof Error)) return [['internal error', String(error)]]
  if (isUncaught || isOurs(error)) return stack(error)
  return [isSystems(error) ? systemLine(error) : ['', error.message]]
}

// Errors of the world and of peers are declared; those of the language and of Node's API are bugs.
const isOurs = (error: Error): boolean =>
  error instanceof TypeError ||
  error instanceof ReferenceError ||
  error instanceof RangeError ||
  error instanceof SyntaxError ||
  error.name === 'AssertionError'

const isSystems = (error: Error): error is Coded & { errno: number } =>
  'errno' in error && typeof error.errno === 'number' && systemMessages.has(error.errno)

// Node's own message has the code first, the path last and in single quotes that escape nothing.
function systemLine(error: Coded & { errno: number }): Line {
  const why = systemMessages.get(error.errno)?.[1] ?? error.message
  const what = error.path ?? error.syscall ?? ''
  const where = error.path && error.syscall ? `, ${error.syscall}` : ''
  return [what, `${why} (${error.code}${where})`]
}

const stack = (error: Error): Line[] =>
  (error.stack ?? error.message).split('\n').map((line) => ['internal error', line.trim()] as const)
