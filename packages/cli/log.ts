// What programs say: `program: what: why` on standard error, a line each, escaped; for machines one
// JSON object a line.

import { writeSync } from 'node:fs'
import { escapeName } from '#posix'

export interface Log {
  /** Said unless --quiet. */
  (what: string, why: string): void
  /** Said with --verbose. */
  readonly verbose: (what: string, why: string) => void
  /** Said always: why the program ends. */
  readonly error: (what: string, why: string) => void
  /** What SIGUSR1 asks for, said always: lines for people, one object for machines. */
  readonly status: (lines: readonly string[], object: object) => void
  /** It is for machines. */
  readonly isJson: boolean
  /** Lines that could not be written, since standard error is full or gone. */
  readonly dropped: () => number
}

export interface LogLevels {
  readonly verbose: number
  readonly quiet: boolean
  /** Lines of JSON: time, program, level, what, why. */
  readonly json?: boolean
}

type Level = 'info' | 'warning' | 'error'

const standardError = 2

export function createLog(
  program: string,
  { verbose, quiet, json = false }: LogLevels,
  fd: number = standardError,
): Log {
  let dropped = 0
  let droppedInARow = 0
  const lineOf = json ? jsonLine : textLine
  const say = (level: Level, what: string, why: string) => put(lineOf(program, level, what, why))
  const put = (line: string) => {
    const lost = `${droppedInARow} lines could not be written`
    const lines = [...(droppedInARow > 0 ? [lineOf(program, 'error', 'log', lost)] : []), line]
    // A service goes on without its log: a full disk, a closed terminal.
    if (lines.every((one) => write(fd, `${one}\n`))) droppedInARow = 0
    else {
      dropped++
      droppedInARow++
    }
  }
  const status = (lines: readonly string[], object: object) => {
    if (json) put(jsonStatus(program, object))
    else for (const line of lines) say('info', 'status', line)
  }
  const silent = () => {}
  const at = (level: Level) => (what: string, why: string) => say(level, what, why)
  return Object.assign(quiet ? () => undefined : at('warning'), {
    verbose: verbose > 0 ? at('info') : silent,
    error: at('error'),
    status,
    isJson: json,
    dropped: () => dropped,
  })
}

const textLine = (program: string, _level: Level, what: string, why: string) =>
  [program, what, why].filter(Boolean).map(printable).join(': ')

const jsonLine = (program: string, level: Level, what: string, why: string) =>
  JSON.stringify({
    time: new Date().toISOString(),
    program,
    level,
    what: printable(what),
    why: printable(why),
  })

const jsonStatus = (program: string, status: object) =>
  JSON.stringify({ time: new Date().toISOString(), program, level: 'info', what: 'status', status })

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
