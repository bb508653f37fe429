// What a program's command line takes, declared as data, and how it is run: parsing, help, errors,
// exit codes and signals are the same for all of them.

import { readFileSync } from 'node:fs'
import { isatty } from 'node:tty'
import yargs, { type InferredOptionTypes, type Options } from 'yargs'
import { exitCode, exitCodeOf, type ErrorKinds } from './exit-code.js'
import { createLog, type Log } from './log.js'
import { UsageError } from './usage-error.js'

export type ProgramOptions = Readonly<Record<string, Options>>

export interface Program<O extends ProgramOptions = ProgramOptions> {
  readonly name: string
  /** What follows the name: `[OPTIONS] STORE MOUNTPOINT`. */
  readonly usage: string
  readonly summary: string
  /** How many arguments it takes that are not options. */
  readonly operands: { readonly min: number; readonly max: number }
  readonly options: O
  readonly examples: readonly (readonly [command: string, what: string])[]
  /** Paragraphs at the end of --help. */
  readonly notes?: string
  /** What errors of its libraries mean for the exit code. */
  readonly errors?: ErrorKinds
  run(operands: string[], options: InferredOptionTypes<O>, context: Context): Promise<End>
}

export interface Context {
  readonly log: Log
  readonly verbosity: number
  readonly quiet: boolean
}

/** The exit code; a program that a signal ended cleans up first and then names it. */
export type End =
  number | { readonly exitCode: number; readonly signal?: NodeJS.Signals | undefined }

const common = {
  verbose: { alias: 'v', type: 'count', describe: 'Say more' },
  quiet: { alias: 'q', type: 'boolean', describe: 'Say only why it fails' },
} as const satisfies ProgramOptions

const widthMax = 80

/** Runs a program with the process's arguments and sets the process's exit code. */
export async function runProgram<const O extends ProgramOptions>(
  program: Program<O>,
): Promise<void> {
  surviveClosedOutput()
  let log = createLog(program.name, { verbose: 0, quiet: false })
  try {
    const parsed = await parse(program, process.argv.slice(2))
    if (typeof parsed === 'string') {
      process.stdout.write(`${parsed}\n`)
      return
    }
    const { operands, options, verbosity, quiet } = parsed
    log = createLog(program.name, { verbose: verbosity, quiet })
    finish(await program.run(operands, options, { log, verbosity, quiet }))
  } catch (error) {
    report(log, error, program.name)
    finish(exitCodeOf(error, program.errors))
  }
}

function finish(end: End): void {
  const { exitCode: code, signal } = typeof end === 'number' ? { exitCode: end } : end
  process.exitCode = code
  if (!signal) return
  // Whoever else listens, as what NODE_OPTIONS preloads may, would keep the signal from ending us.
  process.removeAllListeners(signal)
  process.kill(process.pid, signal)
}

function report(log: Log, error: unknown, name: string): void {
  if (error instanceof UsageError) {
    log.error('usage', error.message)
    log.error('help', `${name} --help`)
  } else if (isOurs(error)) {
    for (const line of (error.stack ?? error.message).split('\n')) log.error('internal error', line)
  } else log.error('', error instanceof Error ? error.message : String(error))
}

const isOurs = (error: unknown): error is Error =>
  error instanceof Error &&
  (['TypeError', 'ReferenceError', 'AssertionError'].includes(error.name) ||
    (error as { code?: unknown }).code === 'ERR_ASSERTION')

interface Parsed<O extends ProgramOptions> {
  readonly operands: string[]
  readonly options: InferredOptionTypes<O>
  readonly verbosity: number
  readonly quiet: boolean
}

/** The arguments, or the text that --help and --version ask for. Throws UsageError. */
async function parse<O extends ProgramOptions>(
  program: Program<O>,
  argv: string[],
): Promise<Parsed<O> | string> {
  const parser = yargs()
    .scriptName(program.name)
    .usage(`Usage: ${program.name} ${program.usage}\n\n${program.summary}`)
    .options({ ...program.options, ...common })
    .parserConfiguration({
      'parse-positional-numbers': false,
      'greedy-arrays': false,
      'duplicate-arguments-array': true,
      'camel-case-expansion': true,
      'populate--': false,
    })
    .example(program.examples.map(([command, what]) => [command, what] as [string, string]))
    .epilogue(epilogue(program))
    .strictOptions()
    .exitProcess(false)
    .help()
    .alias('help', 'h')
    .version(version())
    .wrap(width())
    .fail((message, error) => {
      throw new UsageError(message ?? error.message)
    })
  let text = ''
  const args = (await parser.parseAsync(argv, {}, (_error, _argv, output) => {
    text = output
  })) as Record<string, unknown> & { _: (string | number)[] }
  if (text) return text
  const operands = args._.map(String)
  checkOperands(program, operands)
  const options = Object.fromEntries(
    Object.entries(program.options).map(([name, option]) => [name, last(args[name], option)]),
  ) as InferredOptionTypes<O>
  return { operands, options, verbosity: Number(args.verbose), quiet: args.quiet === true }
}

// Merely looking at process.stdout makes a pipe non-blocking, for all who share it.
const width = () => (isatty(1) ? Math.min(widthMax, process.stdout.columns || widthMax) : widthMax)

// Of an option given twice the last counts, where it does not take several.
const last = (value: unknown, option: Options) =>
  Array.isArray(value) && !option.array && option.type !== 'array'
    ? (value.at(-1) as unknown)
    : value

function checkOperands({ operands: { min, max }, usage }: Program, operands: string[]): void {
  if (operands.length < min) throw new UsageError(`too few arguments, wanted: ${usage}`)
  if (operands.length > max) throw new UsageError(`'${operands[max]}' is one argument too many`)
  if (operands.includes('')) throw new UsageError('an argument is empty')
}

const epilogue = ({ notes }: Program) =>
  `${notes ? `${notes}\n\n` : ''}Exit codes: 0 done; 1 ran, and the answer is no; 2 the stream is bad; ` +
  `${exitCode.usage} wrong usage; ${exitCode.failed} the system failed.`

function version(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

// A reader such as head(1) may go before the end; whoever writes notices by the callback.
function surviveClosedOutput(): void {
  process.on('SIGPIPE', () => {})
}
