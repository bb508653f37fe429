// tfs-mirror behind its command line: from options to one call of the library, and its result.

import { isatty } from 'node:tty'
import type { InferredOptionTypes } from 'yargs'
import { dryRun, mirror, type MirrorOptions, type Progress } from '#mirror'
import { exitCode } from './exit-code.js'
import type { Log } from './log.js'
import type { mirrorOptions } from './mirror-options.js'
import { WireError } from '#wire'
import * as settings from './mirror-settings.js'
import type { End } from './program.js'
import { progressLine, statsLines } from './replay-report.js'
import { refuseLoop } from './refuse-loop.js'
import { openSource } from './source.js'
import { openOutput, openStreamOutput } from './stdio.js'
import { stopSignals } from './stop-signals.js'
import { UsageError } from './usage-error.js'

type Typed = InferredOptionTypes<typeof mirrorOptions>

// How often progress is told where it cannot be redrawn.
const plainProgressMs = 10_000

export async function runMirror(operands: string[], typed: Typed, log: Log): Promise<End> {
  if (typed['dry-run'] && typed.tee)
    throw new UsageError('--tee and --dry-run: what is not applied is not passed on')
  const settled = settingsOf(typed, log)
  const output = typed.tee ? openStreamOutput() : undefined
  const stop = stopSignals()
  const begun = performance.now()
  const progress = typed.progress ? progressTeller(begun, log) : undefined
  try {
    const source = operands.length > 1 ? (operands[0] as string) : '-'
    const { name: from, stream } = await openSource(source)
    const directory = operands.at(-1) as string
    const onBegin = (name: string, epoch: number) => {
      refuseLoop(name, directory)
      log.verbose('', `follows '${name}', epoch ${epoch}`)
    }
    const options = { ...settled, directory, source: stream, output, signal: stop.signal }
    const replayed = typed['dry-run']
      ? dryRun({ ...options, output: openOutput() })
      : mirror({ ...options, onBegin, onProgress: progress?.tell })
    // Before anything else is said, why it failed included.
    const result = await replayed
      .finally(() => progress?.end())
      .catch((error: unknown) => {
        if (error instanceof WireError) error.message = `${from}: ${error.message}`
        throw error
      })
    if (typed.stats)
      for (const line of statsLines(result, performance.now() - begun)) log.error('', line)
    if (result.counts.skipped > 0)
      log.verbose('', `${result.counts.skipped} messages had been applied before`)
    for (const [kind, n] of result.leftOut) log('left out', `${kind}: ${n}`)
    if (result.suspects > 0) log.error('suspect paths', `${result.suspects}, see .tfs/suspects`)
    const code = result.suspects > 0 ? exitCode.no : exitCode.done
    return { exitCode: code, signal: result.isAborted ? stop.received() : undefined }
  } finally {
    stop.remove()
  }
}

function settingsOf(typed: Typed, log: Log) {
  const untrusted = typed.untrusted === true
  return {
    force: typed.force === true,
    ids: settings.parseIds(typed.ids),
    untrusted,
    maxFileSize: settings.parseLimit(typed['max-file-size'], untrusted),
    sync: settings.parseSync(typed.sync),
    onDivergence: typed['on-divergence'],
    rules: settings.orderedRules(process.argv.slice(2), typed.include, typed.exclude),
    until: typed.until === undefined ? undefined : settings.parseUntil(typed.until),
    say: (line: string) => log('', line),
  } satisfies Partial<MirrorOptions>
}

function progressTeller(begun: number, log: Log) {
  const isTerminal = isatty(2)
  let toldAt = begun
  let isDrawn = false
  return {
    tell: (progress: Progress) => {
      const now = performance.now()
      const line = progressLine(progress, now - begun)
      if (isTerminal) {
        isDrawn = true
        process.stderr.write(`\r\x1b[K${line}`)
      } else if (now - toldAt >= plainProgressMs) {
        toldAt = now
        log.error('', line)
      }
    },
    end: () => void (isDrawn && process.stderr.write('\n')),
  }
}
