// What every program does around its own work: arguments, help, log, errors, exit code.

import { exitCode, exitCodeOf } from './exit-code.js'
import { explain } from './explain.js'
import { createLog, type Log } from './log.js'
import { parseArguments } from './parse-arguments.js'
import type { End, Program, ProgramOptions } from './program.js'
import { dieOf } from './die-of.js'
import { isOutputGone, printText } from './stdio.js'

// How long a program may clean up after an error that nobody caught.
const lastWordsMs = 10_000

/**
 * Runs a program with the process's arguments and sets the process's exit code; the process ends
 * when nothing is left to do, so that what is on its way to stdout gets there.
 */
export async function runProgram<const O extends ProgramOptions>(
  program: Program<O>,
): Promise<void> {
  // Before the arguments are understood there may be something to say of them.
  const json = process.argv.includes('--log-json')
  let log = createLog(program.name, { verbose: 0, quiet: false, json })
  const crash = watchCrashes(() => log)
  // Otherwise Node opens its debugger on a port, to anybody on this machine.
  process.on('SIGUSR1', () => {})
  try {
    const parsed = parseArguments(program, process.argv.slice(2))
    if ('text' in parsed) return await printText(parsed.text)
    const { operands, options, verbosity, quiet } = parsed
    log = createLog(program.name, { verbose: verbosity, quiet, json })
    finish(await program.run(operands, options, { log, verbosity, quiet }), crash.happened)
  } catch (error) {
    // The reader of our output went away, as head(1) does: no failure, and nobody to tell.
    if (isOutputGone(error)) return dieOf('SIGPIPE')
    for (const [what, why] of explain(error, program.name)) log.error(what, why)
    finish(exitCodeOf(error, program.errors), crash.happened)
  }
}

function finish(end: End, hasCrashed: boolean): void {
  const { exitCode: code, signal } = typeof end === 'number' ? { exitCode: end } : end
  process.exitCode = hasCrashed ? exitCode.failed : code
  if (signal && !hasCrashed) dieOf(signal)
}

/** What throws where nobody catches it ends the program as SIGTERM does, so that it cleans up. */
function watchCrashes(log: () => Log): { happened: boolean } {
  const crash = { happened: false }
  process.on('uncaughtException', (error) => {
    for (const [what, why] of explain(error, 'uncaught error', true)) log().error(what, why)
    if (crash.happened) return
    crash.happened = true
    process.exitCode = exitCode.failed
    if (process.listenerCount('SIGTERM') === 0) process.exit()
    setTimeout(() => process.exit(), lastWordsMs).unref()
    process.kill(process.pid, 'SIGTERM')
  })
  return crash
}
