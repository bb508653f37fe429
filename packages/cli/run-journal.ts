// tfs-journal behind its command line: from options to one call of the library.

import { openSync } from 'node:fs'
import { isatty } from 'node:tty'
import type { InferredOptionTypes } from 'yargs'
import { journal } from '#journal'
import type { journalOptions } from './journal-options.js'
import type { Log } from './log.js'
import type { End } from './program.js'
import { parseDuration } from './size.js'
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
    run: typed.run,
    spool: spoolOf(typed),
    outputFd: outputOf(typed),
    log,
    verbose: log.verbose,
  })
}

function spoolOf({ spool: path, ...typed }: Typed) {
  const [sync, size] = [typed['spool-sync'], typed['segment-size']]
  if (path !== undefined)
    return { path, sync: parseSpoolSync(sync), segmentSize: parseSegmentSize(size) }
  if (sync !== undefined || size !== undefined)
    throw new UsageError('--spool-sync and --segment-size go with --spool')
  return undefined
}

function outputOf({ spool }: Typed): number {
  if (!isatty(1)) return 1
  if (spool !== undefined) return openSync('/dev/null', 'w')
  const ways = 'add | tfs-broadcast SOCKET, or > FILE, or --spool DIR'
  throw new UsageError(`the stream is not for a terminal: ${ways}`)
}
