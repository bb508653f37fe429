// tfs-broadcast behind its command line: from options to one call of the library, its signals and
// standard streams, and its result.

import { Socket } from 'node:net'
import { isatty } from 'node:tty'
import type { InferredOptionTypes } from 'yargs'
import * as relay from '#relay'
import { limits, WireError } from '#wire'
import type { broadcastOptions } from './broadcast-options.js'
import { broadcastSource, isPipe } from './broadcast-source.js'
import { exitCode } from './exit-code.js'
import type { Log } from './log.js'
import type { End } from './program.js'
import { parseDuration, parseSize } from './size.js'
import { stopSignals } from './stop-signals.js'
import { notifyReady, passedSocket } from './systemd.js'
import { tellStatus } from './tell-status.js'
import { UsageError } from './usage-error.js'

type Typed = InferredOptionTypes<typeof broadcastOptions>

export async function runBroadcast([path]: string[], typed: Typed, log: Log): Promise<End> {
  const { run } = typed
  const passed = passedSocket()
  const socket = socketOf(path, typed, passed)
  const stop = stopSignals()
  let report: (() => relay.StatusReport) | undefined
  const untold = tellStatus(log, () => report?.())
  const options = {
    ...settingsOf(typed, log, stop.signal),
    stop: stop.signal,
    status: (teller: () => relay.StatusReport) => void (report = teller),
  }
  const fault = (error: Error) =>
    log.error(typed.from === '-' ? 'standard input' : typed.from, error.message)
  try {
    if (run !== undefined) {
      const stopSignal = () => stop.received() ?? 'SIGTERM'
      const code = await relay.serveCaptive({ ...options, command: run, stopSignal }, fault)
      return { exitCode: code, signal: stop.received() }
    }
    await relay.serve({ ...options, socket, ready: () => notifyReady(log) })
    return { exitCode: exitCode.done, signal: stop.received() }
  } catch (error) {
    if (!(error instanceof WireError)) throw error
    fault(error)
    return exitCode.badStream
  } finally {
    untold()
    stop.remove()
  }
}

function socketOf(path: string | undefined, typed: Typed, passed: number | undefined) {
  const { run, mode, group } = typed
  if (passed !== undefined) {
    if (path === undefined && run === undefined && (mode ?? group) === undefined)
      return { fd: passed }
    throw new UsageError('a socket was passed: SOCKET, --run, --mode, --group do not go with that')
  }
  if ((path === undefined) === (run === undefined))
    throw new UsageError('wanted: SOCKET, or --run and no SOCKET')
  if (run !== undefined && (mode ?? group) !== undefined)
    throw new UsageError('--mode and --group do not go with --run, whose socket is private')
  return { path: path ?? '', ...permissionsOf(typed) }
}

function permissionsOf({ mode, group }: Typed): { mode: number; gid: number | undefined } {
  const gid = group === undefined ? undefined : relay.groupNumber(group)
  if (group !== undefined && gid === undefined)
    throw new UsageError(`--group: there is no group '${group}'`)
  const octal = mode ?? (group === undefined ? '600' : '660')
  if (!/^0?[0-7]{1,3}$/.test(octal))
    throw new UsageError(`--mode: '${octal}' is no mode; write it like 660`)
  return { mode: parseInt(octal, 8), gid }
}

function settingsOf(typed: Typed, log: Log, signal: AbortSignal) {
  const { from, slow, run, spool } = typed
  const backlogBytes = parseSize(typed.backlog, '--backlog')
  if (backlogBytes < limits.messageSizeMax)
    throw new UsageError(`--backlog: ${limits.messageSizeMax >> 10}K at least, for one message`)
  if (!/^[1-9][0-9]{0,4}$/.test(typed['max-clients']))
    throw new UsageError('--max-clients: wanted a number from 1 to 99999')
  const source = broadcastSource(typed, log, signal)
  if (source.spool && slow !== undefined)
    throw new UsageError('--slow does not go with a spool, which slow clients are served from')
  return {
    open: source.open,
    spool: source.spool,
    trouble: source.trouble,
    slow: slow ?? 'block',
    backlogBytes,
    clientsMax: Number(typed['max-clients']),
    drainMs: parseDuration(typed['drain-timeout'], '--drain-timeout'),
    keepsStdin: from !== '-' || (spool !== undefined && !source.open),
    upstream: upstreamOf(source.requests, run, log),
    log,
  }
}

// To the source, and to standard output, which with --run belongs to the command.
function upstreamOf(
  requests: relay.LiveRequests | undefined,
  run: string | undefined,
  log: Log,
): relay.UpstreamTarget {
  const targets = [
    ...(requests ? [new relay.UpstreamWriter(requests, (why) => log('requests', why))] : []),
    ...(run !== undefined || isatty(1) ? [] : [upstreamToOutput(log)]),
  ]
  return targets.length === 0 ? relay.discard : relay.upstreamFork(targets)
}

function upstreamToOutput(log: Log): relay.UpstreamTarget {
  // Unlike process.stdout it can be given up when its reader takes nothing.
  const out = isPipe(1) ? new Socket({ fd: 1, readable: false, writable: true }) : process.stdout
  return new relay.UpstreamWriter(out, (why) => log('standard output', why))
}
