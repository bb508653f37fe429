// tfs-journal behind its command line: from options to one call of the library.

import { openSync, writeSync } from 'node:fs'
import { isatty } from 'node:tty'
import type { InferredOptionTypes } from 'yargs'
import { hasRequests, journal } from '#journal'
import type { journalOptions } from './journal-options.js'
import type { Log } from './log.js'
import type { End } from './program.js'
import { parseDuration, parseSize } from './size.js'
import { parseSegmentSize, parseSpoolSync } from './spool-settings.js'
import { UsageError } from './usage-error.js'

type Typed = InferredOptionTypes<typeof journalOptions>

export function runJournal(
  [store = '', mountpoint = '']: string[],
  typed: Typed,
  log: Log,
): Promise<End> {
  return journal({
    store,
    mountpoint,
    mountOptions: typed.o,
    exclude: typed.exclude.map((pattern) => ({ exclude: true, pattern })),
    onFull: typed['on-full'],
    fullTimeoutMs: parseDuration(typed['full-timeout'], '--full-timeout'),
    assertRate:
      typed['assert-rate'] === undefined ? 0 : parseSize(typed['assert-rate'], '--assert-rate'),
    run: typed.run,
    spool: spoolOf(typed),
    exec: typed.exec,
    replicas: replicasOf(typed),
    requestsFd: 0,
    outputFd: outputOf(typed),
    log,
    verbose: log.verbose,
    // It is JSON already.
    print: (text) => (log.isJson ? log.status([], JSON.parse(text) as object) : print(text)),
  })
}

function spoolOf({ spool: path, ...typed }: Typed) {
  const [sync, size] = [typed['spool-sync'], typed['segment-size']]
  if (path !== undefined)
    return { path, sync: parseSpoolSync(sync, '--spool-sync'), segmentSize: parseSegmentSize(size) }
  if (sync !== undefined || size !== undefined)
    throw new UsageError('--spool-sync and --segment-size go with --spool')
  return undefined
}

const replicasMax = 64

function replicasOf({ replicas, exec, ...typed }: Typed) {
  const timeout = typed['replicas-timeout']
  const count = /^\d{1,2}$/.test(replicas) ? Number(replicas) : NaN
  if (!(count <= replicasMax))
    throw new UsageError(`--replicas: '${replicas}' is not a number from 0 to ${replicasMax}`)
  if (count === 0 && timeout !== undefined)
    throw new UsageError('--replicas-timeout goes with --replicas')
  if (count > 0 && exec === undefined && !hasRequests(0))
    throw new UsageError('--replicas: their acks come on standard input, or from --exec CMD')
  return { count, ...parseReplicasTimeout(timeout ?? 'never') }
}

function parseReplicasTimeout(text: string) {
  const [, time = '', end = 'fail'] = /^(.*?)(?:,(fail|warn))?$/.exec(text) ?? []
  if (text === 'never') return { timeoutMs: undefined, onTimeout: 'fail' as const }
  const timeoutMs = parseDuration(time, '--replicas-timeout')
  if (timeoutMs === 0) throw new UsageError('--replicas-timeout: no ack comes in no time at all')
  return { timeoutMs, onTimeout: end === 'warn' ? ('warn' as const) : ('fail' as const) }
}

function print(text: string): void {
  try {
    writeSync(2, text)
  } catch {
    // Nobody reads it, or not now.
  }
}

function outputOf({ spool, exec }: Typed): number {
  if (exec !== undefined) return openSync('/dev/null', 'w')
  if (!isatty(1)) return 1
  if (spool !== undefined) return openSync('/dev/null', 'w')
  const ways = 'add | tfs-broadcast SOCKET, or > FILE, or --spool DIR'
  throw new UsageError(`the stream is not for a terminal: ${ways}`)
}
