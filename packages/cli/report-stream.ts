// A stream read to its end, or to its fault, and what is told of it on standard output.

import { Readable } from 'node:stream'
import { MessageReader, WireError } from '#wire'
import { exitCode } from './exit-code.js'
import type { Log } from './log.js'
import { pumped } from './pumped.js'
import type { Source } from './source.js'
import { openOutput } from './stdio.js'

/** What is told of a stream, as text that ends its lines. */
export interface Report {
  /** Of each message; `reader` holds it decoded. */
  message(bytes: Buffer, reader: MessageReader): string
  /** Of the whole, and why it is bad, if it is. */
  end?(fault: WireError | undefined, reader: MessageReader): { text: string; problem?: string }
}

const textSizeMax = 1 << 16

/**
 * Reads a stream and prints the report, all of it that comes before a fault; gives the exit code.
 * Throws what is no fault of the stream.
 */
export async function reportStream(source: Source, report: Report, log: Log): Promise<number> {
  let failure: unknown
  let problem: string | undefined
  const reader = new MessageReader()
  async function* text(): AsyncGenerator<string> {
    try {
      yield* messageTexts(source.stream, reader, report)
      reader.end()
    } catch (error) {
      failure = error
    }
    if (failure !== undefined && !(failure instanceof WireError)) return
    const end = report.end?.(failure, reader)
    problem = end?.problem
    if (end?.text) yield end.text
  }
  await pumped(Readable.from(text()), openOutput())
  log.verbose(source.name, `${reader.offset} bytes of messages`)
  if (failure instanceof WireError) problem = failure.message
  else if (failure !== undefined) throw failure
  if (problem === undefined) return exitCode.done
  log.error(source.name, problem)
  return exitCode.badStream
}

async function* messageTexts(
  stream: Readable,
  reader: MessageReader,
  report: Report,
): AsyncGenerator<string> {
  let text = ''
  try {
    for await (const piece of stream) {
      reader.push(piece as Buffer)
      for (let bytes = reader.next(); bytes; bytes = reader.next()) {
        text += report.message(bytes, reader)
        if (text.length < textSizeMax) continue
        yield text
        text = ''
      }
      if (text) yield text
      text = ''
    }
  } catch (error) {
    // What is good before a fault is told.
    if (text) yield text
    throw error
  }
}
