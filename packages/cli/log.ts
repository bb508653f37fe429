// What programs say to people: `program: what: why` on standard error, a line each, escaped.

import { writeSync } from 'node:fs'
import { escapeName } from '#posix'

export interface Log {
  /** Said unless --quiet. */
  (what: string, why: string): void
  /** Said with --verbose. */
  readonly verbose: (what: string, why: string) => void
  /** Said always: why the program ends. */
  readonly error: (what: string, why: string) => void
  /** Lines that could not be written, since standard error is full or gone. */
  readonly dropped: () => number
}

export interface LogLevels {
  readonly verbose: number
  readonly quiet: boolean
}

export function createLog(program: string, { verbose, quiet }: LogLevels): Log {
  let dropped = 0
  const say = (what: string, why: string) => {
    const line = [program, what, why].filter(Boolean).map(printable).join(': ')
    try {
      writeSync(2, `${line}\n`)
    } catch {
      // A service goes on without its log: a full disk, a closed terminal.
      dropped++
    }
  }
  const silent = () => {}
  return Object.assign((what: string, why: string) => (quiet ? undefined : say(what, why)), {
    verbose: verbose > 0 ? say : silent,
    error: say,
    dropped: () => dropped,
  })
}

// Names in a message may hold anything; backslashes of our own escapes stay single.
const printable = (text: string) => escapeName(text).replaceAll('\\\\', '\\')
