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

const standardError = 2

export function createLog(
  program: string,
  { verbose, quiet }: LogLevels,
  fd: number = standardError,
): Log {
  let dropped = 0
  let droppedInARow = 0
  const say = (what: string, why: string) => {
    const lines = [
      ...(droppedInARow > 0
        ? [[program, 'log', `${droppedInARow} lines could not be written`]]
        : []),
      [program, what, why],
    ]
    // A service goes on without its log: a full disk, a closed terminal.
    if (lines.every((line) => write(fd, `${line.filter(Boolean).map(printable).join(': ')}\n`)))
      droppedInARow = 0
    else {
      dropped++
      droppedInARow++
    }
  }
  const silent = () => {}
  return Object.assign((what: string, why: string) => (quiet ? undefined : say(what, why)), {
    verbose: verbose > 0 ? say : silent,
    error: say,
    dropped: () => dropped,
  })
}

// Synchronous, so that the last line before a crash is out as well.
function write(fd: number, line: string): boolean {
  const bytes = Buffer.from(line)
  try {
    for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at)
    return true
  } catch {
    return false
  }
}

// Names in a message may hold anything; backslashes of our own escapes stay single.
const printable = (text: string) => escapeName(text).replaceAll('\\\\', '\\')
