// A stream read to its end, or to its fault, and what is told of it on standard output.

import { Readable, type Writable } from 'node:stream'
import { MessageReader, WireError } from '#wire'
import { exitCode } from './exit-code.js'
import type { Log } from './log.js'
import { pumped } from './pumped.js'
import { openOutput } from './stdio.js'
import type { StreamSource } from './stream-source.js'
import { passingReport, tellStatus } from './tell-status.js'

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
export async function reportStream(
  source: StreamSource,
  report: Report,
  log: Log,
): Promise<number> {
  let failure: unknown
  let problem: string | undefined
  const reader = new MessageReader()
  let heardMs = performance.now()
  const heard = () => void (heardMs = performance.now())
  async function* text(): AsyncGenerator<string> {
    try {
      yield* messageTexts(source.stream, reader, report, heard)
      reader.end()
    } catch (error) {
      failure = error
    }
    if (failure !== undefined && !(failure instanceof WireError)) return
    const end = report.end?.(failure, reader)
    problem = end?.problem
    if (end?.text) yield end.text
  }
  const output = openOutput()
  const untold = tellStatus(log, () => statusOf(source, reader, output, heardMs))
  await pumped(Readable.from(text()), output).finally(untold)
  log.verbose(source.name, `${reader.offset} bytes of messages`)
  if (failure instanceof WireError) problem = failure.message
  else if (failure !== undefined) throw failure
  if (problem === undefined) return exitCode.done
  log.error(source.name, problem)
  return exitCode.badStream
}

function statusOf(
  { stream, upstream }: StreamSource,
  reader: MessageReader,
  output: Writable,
  heardMs: number,
) {
  const { epoch, seq, ended } = reader.numbering
  const state = upstream?.state()
  return passingReport({
    position: epoch === 0 ? undefined : { epoch, seq },
    isEnded: ended,
    isConnected: state?.isConnected,
    connections: state?.connections ?? 0,
    silentMs: performance.now() - heardMs,
    waitingBytes: stream.readableLength + output.writableLength,
    isHeld: output.writableNeedDrain,
  })
}

async function* messageTexts(
  stream: Readable,
  reader: MessageReader,
  report: Report,
  heard: () => void,
): AsyncGenerator<string> {
  let text = ''
  try {
    for await (const piece of stream) {
      heard()
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
