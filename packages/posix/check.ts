// Results of system calls as exceptions, for where an exception is wanted: cold paths.

import { getSystemErrorMap } from 'node:util'
import { errnoName } from './errno.js'
import { escapeName } from '#schema'
import { strerror } from './libc.js'

/** An error as Node's fs throws it. `errno` is negative; `path` is escaped for display. */
export type SystemError = Error & {
  code: string
  errno: number
  syscall: string
  path?: string
}

const messages = getSystemErrorMap()

/** The error for `errno` (either sign) of `syscall`, for `path` where one was involved. */
export function systemError(
  errno: number,
  syscall: string,
  path?: Uint8Array | string,
): SystemError {
  const number = -Math.abs(errno)
  const code = errnoName(number)
  const why = messages.get(number)?.[1] ?? strerror(-number)
  const shown = path === undefined ? undefined : escapeName(path)
  const object = shown === undefined ? '' : ` '${shown}'`
  const error = new Error(`${code}: ${why}, ${syscall}${object}`)
  Error.captureStackTrace(error, systemError)
  return Object.assign(error, {
    code,
    errno: number,
    syscall,
    ...(shown === undefined ? {} : { path: shown }),
  })
}

/** Gives back `result` of a wrapper of this package, or throws what a negative one stands for. */
export function check(result: number, syscall: string, path?: Uint8Array | string): number {
  if (result < 0) throw systemError(result, syscall, path)
  return result
}
