// tfs-mirror behind its command line: from options to one call of the library, and its result.

import { isatty } from 'node:tty'
import type { InferredOptionTypes } from 'yargs'
import { escapeName } from '#posix'
import { dryRun, mirror, MirrorError, Selection, shownDifferences, statesNothing } from '#mirror'
import type { MirrorOptions, MirrorResult } from '#mirror'
import type { MirrorStatus, Progress } from '#mirror'
import { exitCode } from './exit-code.js'
import type { Log } from './log.js'
import type { mirrorOptions } from './mirror-options.js'
import { WireError } from '#wire'
import * as settings from './mirror-settings.js'
import type { End } from './program.js'
import { progressLine, shownCounts, statsLines, statusReport } from './replay-report.js'
import { refuseLoop } from './refuse-loop.js'
import { resolveUntil } from './resolve-until.js'
import { checkSeed, seedingReport, seedMirror } from './seed-mirror.js'
import { openOutput, openStreamOutput } from './stdio.js'
import { openStreamSource } from './stream-source.js'
import { stopSignals, type StopSignals } from './stop-signals.js'
import { tellStatus } from './tell-status.js'
import { UsageError } from './usage-error.js'

type Typed = InferredOptionTypes<typeof mirrorOptions>

// How often progress is told where it cannot be redrawn.
const plainProgressMs = 10_000

export async function runMirror(operands: string[], typed: Typed, log: Log): Promise<End> {
  const source = operands.length > 1 ? (operands[0] as string) : '-'
  const directory = operands.at(-1) as string
  const settled = { ...settingsOf(typed, source, log), directory }
  checkTogether(typed, source)
  const output = typed.tee ? openStreamOutput() : undefined
  const stop = stopSignals()
  const begun = performance.now()
  let status: (() => MirrorStatus) | undefined
  const onStatus = (teller: () => MirrorStatus) => void (status = teller)
  // From the beginning: where nobody listens to that signal, Node opens itself to a debugger.
  const untold = tellStatus(log, () => (status ? statusReport(status()) : seedingReport(typed)))
  try {
    const given = { ...settled, output, onStatus, signal: stop.signal }
    const opened = await seeded(source, typed, given, { stop, log })
    if (typed.seed !== undefined && !opened)
      return { exitCode: exitCode.failed, signal: stop.received() }
    const options = { ...given, opened }
    const result = await replayed(source, typed, options, log).finally(() => opened?.close())
    if (typed.stats)
      for (const line of statsLines(result, performance.now() - begun)) log.error('', line)
    if (result.counts.skipped > 0)
      log.verbose('', `${result.counts.skipped} messages had been applied before`)
    for (const [kind, n] of result.leftOut) log('left out', `${kind}: ${n}`)
    if (result.suspects > 0) log.error('suspect paths', `${result.suspects}, see .tfs/suspects`)
    const isNowhere = !result.isAborted && comparesNothing(settled.verify?.path, result)
    if (isNowhere) log.error('', `there is no '${typed.verify}', here or there`)
    else if (typed.verify !== undefined && !result.isAborted) sayCompared(result, typed, log)
    if (result.isIncomplete) log.error('', 'is incomplete: start it again')
    const isWrong = isNowhere || result.suspects > 0 || result.differing > 0 || result.isIncomplete
    const code = isWrong ? exitCode.no : exitCode.done
    return { exitCode: code, signal: result.isAborted ? stop.received() : undefined }
  } finally {
    untold()
    stop.remove()
  }
}

// Neither side has what was to be compared.
const comparesNothing = (path: Buffer | undefined, { differing, stated }: MirrorResult) =>
  path !== undefined && path.length > 0 && differing === 0 && isEmpty(stated)

const isEmpty = (stated: MirrorResult['stated']) => stated?.directories === 0 && stated.files === 0

// With --quiet nothing is said where all is right, so that cron sends no mail.
function sayCompared({ differing, stated }: MirrorResult, { repair }: Typed, log: Log): void {
  const counts = stated ? ` (${shownCounts(stated)})` : ''
  const found = `${shownDifferences(differing, repair === true)}${counts}`
  if (differing === 0) log('', found)
  else log.error('', found)
}

type Settled = Omit<MirrorOptions, 'source'>

async function seeded(
  source: string,
  typed: Typed,
  { directory, ids, force }: Settled,
  rest: { stop: StopSignals; log: Log },
) {
  const { seed: command, rsh } = typed
  const shell = { rsh, tfsPath: typed['tfs-path'] }
  if (command === undefined) return undefined
  return seedMirror({ command, source, directory, ids, force, shell, ...rest })
}

/** Replays what follows the mirror's position, or with --force whatever there is. */
async function replayed(
  source: string,
  typed: Typed,
  options: Settled,
  log: Log,
): Promise<MirrorResult> {
  const shell = { rsh: typed.rsh, tfsPath: typed['tfs-path'], follow: typed.follow === true }
  const open = async () =>
    openStreamSource(source, { ...shell, signal: options.signal as AbortSignal, log })
  const { name, stream, upstream } = await open()
  if (typed.verify !== undefined && !upstream?.send) {
    stream.destroy()
    throw new MirrorError('EMIRROR_INCOMPLETE', `${name}: ${statesNothing}`)
  }
  try {
    return await once(typed, { ...options, source: stream, upstream }, log)
  } catch (error) {
    if (!(error instanceof WireError)) throw error
    const isRefused = error.code === 'EWIRE_REFUSED'
    if (isRefused && typed.force) {
      log(name, `${error.message}: takes what there is (--force)`)
      return once(typed, { ...options, source: (await open()).stream }, log)
    }
    if (isRefused && upstream?.send && typed['on-divergence'] === 'repair') {
      const found = await sought(await open(), typed, options, log)
      if (found) return found
    }
    const cure =
      'replay a SOURCE that has what follows, or use --bootstrap where it takes requests, else ' +
      'rsync and then --force'
    // What a connection says of itself has its name already.
    error.message = isRefused ? `${error.message}: ${cure}` : `${name}: ${error.message}`
    throw error
  }
}

// What the source can state makes up for what it does not have any more; undefined: it states
// nothing.
async function sought(
  { stream, upstream }: Awaited<ReturnType<typeof openStreamSource>>,
  typed: Typed,
  options: Settled,
  log: Log,
): Promise<MirrorResult | undefined> {
  try {
    return await once(typed, { ...options, source: stream, upstream, isLost: true }, log)
  } catch (error) {
    if ((error as { code?: string }).code === 'EMIRROR_POSITION') return undefined
    throw error
  }
}

async function once(typed: Typed, options: MirrorOptions, log: Log): Promise<MirrorResult> {
  if (typed['dry-run']) return dryRun({ ...options, output: openOutput() })
  const progress = typed.progress ? progressTeller(performance.now(), log) : undefined
  const onBegin = (name: string, epoch: number) => {
    refuseLoop(name, options.directory)
    log.verbose('', `follows '${name}', epoch ${epoch}`)
  }
  const onDifference: MirrorOptions['onDifference'] = (path, what, how, { epoch, seq }) => {
    const line = `${escapeName(path) || '.'}: ${what}${how ? `: ${how}` : ''}`
    // With --tee standard output is the stream's.
    if (typed.verify === undefined || typed.tee) log(`after message ${epoch}:${seq}`, line)
    else process.stdout.write(`${line} (after message ${epoch}:${seq})\n`)
  }
  const onProgress = progress?.tell
  // Before anything else is said, why it failed included.
  return mirror({ ...options, onBegin, onDifference, onProgress }).finally(() => progress?.end())
}

/** Throws UsageError for options that do not go with each other, or with SOURCE. */
function checkTogether(typed: Typed, source: string): void {
  checkSeed(typed, source)
  if (typed.verify !== undefined && source === '-')
    throw new UsageError('--verify needs a SOURCE that takes requests: a socket or HOST:PATH')
  if (!typed['dry-run']) return
  if (typed.tee) throw new UsageError('--tee and --dry-run: what is not applied is not passed on')
  if (typed.verify !== undefined)
    throw new UsageError('--verify without --repair changes nothing: leave out --dry-run')
  if (typed.bootstrap)
    throw new UsageError('--bootstrap cannot be tried with --dry-run: --verify tells what differs')
}

function settingsOf(typed: Typed, source: string, log: Log) {
  const untrusted = typed.untrusted === true
  const rules = settings.orderedRules(process.argv.slice(2), typed.include, typed.exclude)
  const only = settings.parseOnly(typed.only, rules)
  return {
    force: typed.force === true,
    bootstrap: typed.bootstrap === true || typed.seed !== undefined,
    verify: verificationOf(typed, only),
    checks: typed.check === true,
    ids: settings.parseIds(typed.ids),
    untrusted,
    maxFileSize: settings.parseLimit(typed['max-file-size'], untrusted),
    sync: settings.parseSync(typed.sync),
    onDivergence: typed['on-divergence'],
    only,
    rules,
    until: resolveUntil(
      typed.until === undefined ? undefined : settings.parseUntil(typed.until),
      source,
      typed.follow === true,
    ),
    say: (line: string) => log('', line),
  } satisfies Partial<MirrorOptions>
}

function verificationOf({ verify, repair, bootstrap }: Typed, only: Buffer | undefined) {
  if (verify === undefined) {
    if (repair) throw new UsageError('--repair goes with --verify')
    return undefined
  }
  if (bootstrap) throw new UsageError('--bootstrap states all anew: --verify comes after it')
  const path = settings.parseCompared(verify)
  if ([...new Selection([], only).statedFor(path)].length === 0)
    throw new UsageError(`--verify: '${verify}' is not in the part that --only names`)
  return { path, repair: repair === true }
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
        // One that went on in the next line could not be redrawn.
        process.stderr.write(`\r\x1b[K${line.slice(0, (process.stderr.columns || 80) - 1)}`)
      } else if (now - toldAt >= plainProgressMs) {
        toldAt = now
        log.error('', line)
      }
    },
    end: () => void (isDrawn && process.stderr.write('\n')),
  }
}
