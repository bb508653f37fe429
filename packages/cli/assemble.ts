// Lines of JSON (NDJSON) put together to a stream again.

import { pipeline, Readable } from 'node:stream'
import split2 from 'split2'
import { fromJson, WireError } from '#wire'
import { exitCode } from './exit-code.js'
import type { Log } from './log.js'
import { pumped } from './pumped.js'
import type { Source } from './source.js'
import { openStreamOutput } from './stdio.js'

/** Three times the largest message: room for hex and escapes. */
const lineLengthMax = 1 << 22
const tooLong = `more than ${lineLengthMax} characters`

/**
 * Writes the messages that the source's lines describe to standard output, those before a bad line
 * too; gives the exit code. Throws UsageError where that is a terminal.
 */
export async function assemble(source: Source, log: Log): Promise<number> {
  const output = openStreamOutput()
  const end: End = { lines: 0, failure: undefined }
  await pumped(Readable.from(messages(source.stream, end)), output)
  log.verbose(source.name, `${end.lines} lines`)
  const { failure } = end
  if (failure === undefined) return exitCode.done
  if (!(failure instanceof WireError)) throw failure
  log.error(source.name, failure.message)
  return exitCode.badStream
}

/** How far it came, and why no further. */
interface End {
  lines: number
  failure: unknown
}

async function* messages(stream: Readable, end: End): AsyncGenerator<Buffer> {
  let split = 0
  const lines = split2(
    (line) => {
      split++
      return line
    },
    { maxLength: lineLengthMax },
  )
  // Unlike pump it hands on what went wrong with the source.
  pipeline(stream, lines, () => undefined)
  try {
    for await (const line of lines) {
      yield message(line as string, end.lines + 1)
      end.lines++
    }
  } catch (error) {
    const isTooLong = error instanceof Error && error.message === 'maximum buffer reached'
    end.failure = isTooLong ? bad(split + 1, tooLong) : error
  }
}

function message(line: string, number: number): Buffer {
  if (line.length > lineLengthMax) throw bad(number, tooLong)
  // A decoder puts these for bytes that are not UTF-8.
  if (line.includes('\ufffd')) throw bad(number, 'not UTF-8 (a true U+FFFD is written \\ufffd)')
  try {
    return fromJson(line)
  } catch (error) {
    throw error instanceof WireError ? bad(number, error.reason, error) : error
  }
}

const bad = (number: number, reason: string, cause?: unknown) =>
  new WireError('EWIRE_JSON', `line ${number}: ${reason}`, { cause })
