// What programs share: the command line, exit codes, the log on stderr, stdio, sources. The only
// place that knows yargs.

export { assemble } from './assemble.js'
export { CheckReport } from './check-report.js'
export { dieOf } from './die-of.js'
export { exitCode, exitCodeOf, type ErrorKinds } from './exit-code.js'
export { journalOptions } from './journal-options.js'
export { createLog, type Log } from './log.js'
export { mirrorOptions } from './mirror-options.js'
export { type Context, type End, type Program } from './program.js'
export { runMirror } from './run-mirror.js'
export { reportStream, type Report } from './report-stream.js'
export { runProgram } from './run-program.js'
export { parseDuration, parseSize } from './size.js'
export { openSource, type Source } from './source.js'
export { openOutput, openStreamOutput, printText } from './stdio.js'
export { UsageError } from './usage-error.js'
