// tfs-spool behind its command line: which of its uses is wanted, and one call of the library.

import { fstatSync } from 'node:fs'
import type { Writable } from 'node:stream'
import { isatty } from 'node:tty'
import type { InferredOptionTypes } from 'yargs'
import { pipeInput, readSpool, spoolStream, streamInput } from '#relay'
import type { Input, OnStatus, StatusReport } from '#relay'
import { Spool, trim, verifySpool } from '#spool'
import { exitCode } from './exit-code.js'
import type { Log } from './log.js'
import type { End } from './program.js'
import { openSource } from './source.js'
import type { spoolOptions } from './spool-options.js'
import * as report from './spool-report.js'
import * as settings from './spool-settings.js'
import { openOutput, openStreamOutput, printText } from './stdio.js'
import { stopSignals } from './stop-signals.js'
import { tellStatus } from './tell-status.js'
import { UsageError } from './usage-error.js'

type Typed = InferredOptionTypes<typeof spoolOptions>
type Use = 'stream' | 'read' | 'ls' | 'verify' | 'trim'

// The options of each use; another one would be ignored.
const taken: Readonly<Record<Use, readonly (keyof Typed)[]>> = {
  stream: ['keep', 'keep-max', 'sync', 'segment-size', 'reader'],
  read: ['from', 'follow', 'reader'],
  ls: ['json'],
  verify: [],
  trim: ['keep', 'keep-max', 'dry-run'],
}

const commands = ['ls', 'verify', 'trim'] as const

export async function runSpool(operands: string[], typed: Typed, log: Log): Promise<End> {
  const [first = '', path = first] = operands
  const command = commands.find((name) => name === first)
  if (operands.length > 1 && !command)
    throw new UsageError(`'${first}' is not ls, verify or trim; one DIR is wanted`)
  if (operands.length === 1 && command)
    throw new UsageError(`${command} of which DIR? (and a spool of that name is ./${command})`)
  const reads = typed.follow === true || typed.from !== undefined
  const use = command ?? (reads ? 'read' : 'stream')
  for (const name of Object.keys(typed) as (keyof Typed)[])
    if (typed[name] !== undefined && !taken[use].includes(name)) throw foreign(name, use)
  if (use === 'stream') return stream(path, typed, log)
  if (use === 'read') return read(path, typed, log)
  const spool = new Spool(path)
  try {
    return await { ls, verify, trim: trimNow }[use](spool, typed, log)
  } finally {
    spool.close()
  }
}

function foreign(name: keyof Typed, use: Use): UsageError {
  const where = use === 'stream' || use === 'read' ? `'tfs-spool DIR'` : `'tfs-spool ${use} DIR'`
  const why = use === 'read' ? ' with --follow or --from' : ''
  return new UsageError(`--${name} does not go with ${where}${why}`)
}

async function stream(path: string, typed: Typed, log: Log): Promise<End> {
  const options = {
    path,
    keep: settings.parseKeep(typed.keep, typed['keep-max']),
    sync: settings.parseSpoolSync(typed.sync),
    segmentSize: settings.parseSegmentSize(typed['segment-size']),
    readerName: settings.parseReaderName(typed.reader),
    log,
  }
  const input = await openInput()
  return withSignals(log, async (stop, status) => {
    const output = openSpoolOutput(log)
    const counts = await spoolStream({ ...options, input, output, stop, status })
    log.verbose(path, `${counts.messages} messages, ${counts.bytes} bytes`)
    if (counts.duplicates > 0) log.verbose(path, `${counts.duplicates} messages had been there`)
  })
}

/** Runs `work` with the signals that end it, and with SIGUSR1, which tells its state. */
async function withSignals(
  log: Log,
  work: (stop: AbortSignal, status: OnStatus) => Promise<void>,
): Promise<End> {
  const stop = stopSignals()
  let report: (() => StatusReport) | undefined
  const untold = tellStatus(log, () => report?.())
  try {
    await work(stop.signal, (teller) => void (report = teller))
    return { exitCode: exitCode.done, signal: stop.received() }
  } finally {
    untold()
    stop.remove()
  }
}

async function openInput(): Promise<Input> {
  const stat = fstatSync(0)
  if (stat.isFIFO() || stat.isSocket()) return pipeInput(0)
  return streamInput((await openSource('-')).stream)
}

// A spool needs nobody who reads it.
function openSpoolOutput(log: Log): Writable | undefined {
  if (!isatty(1)) return openOutput()
  log('standard output', 'is a terminal, so the stream goes into the spool alone')
  return undefined
}

async function read(path: string, typed: Typed, log: Log): Promise<End> {
  const readerName = settings.parseReaderName(typed.reader)
  const from = typed.from === undefined ? undefined : settings.parseFrom(typed.from)
  const output = openStreamOutput()
  const follow = typed.follow === true
  return withSignals(log, (stop, status) =>
    readSpool({ path, from, follow, readerName, output, stop, status, log }),
  )
}

async function ls(spool: Spool, typed: Typed): Promise<End> {
  const listing = report.listSpool(spool)
  await printText(typed.json ? report.listingJson(listing) : report.listingText(listing))
  return listing.isDamaged ? exitCode.badStream : exitCode.done
}

async function verify(spool: Spool, _typed: Typed, log: Log): Promise<End> {
  const summary = verifySpool(spool)
  await printText(report.summaryText(summary))
  for (const { message } of summary.faults) log.error(spool.path, message)
  return summary.faults.length > 0 ? exitCode.badStream : exitCode.done
}

async function trimNow(spool: Spool, typed: Typed, log: Log): Promise<End> {
  const keep = settings.parseKeep(typed.keep, typed['keep-max'])
  const dryRun = typed['dry-run'] === true
  if (!keep && report.listSpool(spool).readers.length === 0)
    throw new UsageError('there is no reader whose need could say what to keep: give --keep')
  const trimmed = trim(spool, keep ?? { keep: {} }, { dryRun })
  await printText(report.trimmedText(trimmed, dryRun))
  for (const name of trimmed.losers) log(`reader ${name}`, 'is too far behind: loses messages')
  return exitCode.done
}
