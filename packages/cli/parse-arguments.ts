// The command line, parsed as its program declares it. The only place that knows yargs.

import { readFileSync } from 'node:fs'
import { isatty } from 'node:tty'
import yargs, { type InferredOptionTypes, type Options } from 'yargs'
import { exitCode } from './exit-code.js'
import type { Program, ProgramOptions } from './program.js'
import { UsageError } from './usage-error.js'

export interface Parsed<O extends ProgramOptions> {
  readonly operands: string[]
  readonly options: InferredOptionTypes<O>
  readonly verbosity: number
  readonly quiet: boolean
}

const common = {
  verbose: { alias: 'v', type: 'count', describe: 'Say more' },
  'log-json': { type: 'boolean', describe: 'Log one JSON object a line, for machines' },
  quiet: { alias: 'q', type: 'boolean', describe: 'Say only why it fails' },
} as const satisfies ProgramOptions

const widthMax = 80

/**
 * The arguments in `argv` (without node and script), or the text that --help and --version ask for.
 * Throws UsageError.
 */
export function parseArguments<O extends ProgramOptions>(
  program: Program<O>,
  argv: string[],
): Parsed<O> | { readonly text: string } {
  const declared = { ...program.options, ...common }
  let text = ''
  let failure: UsageError | undefined
  refuseValues(argv, declared)
  const parser = parserOf(program, declared).fail((message: string | null, error) => {
    failure ??= new UsageError(plain(message ?? error.message))
  })
  const args: Record<string, unknown> = parser.parseSync(
    splitShort(argv, declared),
    {},
    (_error, _argv, output) => {
      text = output
    },
  )
  if (failure) throw failure
  if (text) return { text: `${text}\n` }
  const operands = (args['_'] as unknown[]).map(String)
  checkOperands(program, operands)
  const options = Object.fromEntries(
    Object.entries(program.options).map(([name, option]) => [name, last(args[name], option)]),
  ) as InferredOptionTypes<O>
  return { operands, options, verbosity: Number(args['verbose']), quiet: args['quiet'] === true }
}

const parserOf = (program: Pick<Program, keyof Program>, options: ProgramOptions) =>
  yargs()
    .scriptName(program.name)
    .usage(`Usage: ${program.name} ${program.usage}\n\n${program.summary}`)
    .options(options)
    .parserConfiguration({
      'parse-positional-numbers': false,
      'boolean-negation': false,
      'dot-notation': false,
      'greedy-arrays': false,
      'populate--': false,
    })
    .example(program.examples.map(([command, what]) => [command, what] as [string, string]))
    .epilogue(epilogue(program))
    .strictOptions()
    .exitProcess(false)
    .help()
    .alias('help', 'h')
    .version(version())
    .detectLocale(false)
    .wrap(width())

// Merely looking at process.stdout makes a pipe non-blocking, for all who share it.
const width = () => (isatty(1) ? Math.min(widthMax, process.stdout.columns || widthMax) : widthMax)

// getopt's spelling of a short option with its value, -oVALUE, which yargs takes for letters; and a
// long one whose value may be left out, and so never is the next argument.
function splitShort(argv: string[], options: ProgramOptions): string[] {
  const letters = Object.entries(options)
    .filter(([, option]) => option.requiresArg)
    .flatMap(([name, { alias }]) => [name, alias ?? []].flat())
    .filter((name) => name.length === 1)
  const open = Object.entries(options)
    .filter(([, { type, requiresArg }]) => type === 'string' && !requiresArg)
    .map(([name]) => `--${name}`)
  const end = argv.includes('--') ? argv.indexOf('--') : argv.length
  return argv.flatMap((arg, i) => {
    if (i < end && open.includes(arg)) return [`${arg}=`]
    const isJoined = i < end && arg[0] === '-' && arg.length > 2 && letters.includes(arg[1] ?? '')
    return isJoined ? [arg.slice(0, 2), arg.slice(arg[2] === '=' ? 3 : 2)] : [arg]
  })
}

// A flag is there or not; yargs takes any value that is joined to it for that it is there.
function refuseValues(argv: string[], options: ProgramOptions): void {
  const end = argv.includes('--') ? argv.indexOf('--') : argv.length
  for (const arg of argv.slice(0, end)) {
    const [, name = '', given] = /^--([^=]+)=(.*)$/s.exec(arg) ?? []
    const isFlag = ['boolean', 'count'].includes(String(options[name]?.type))
    if (isFlag && given !== 'true' && given !== 'false')
      throw new UsageError(`--${name}: takes no value: '${given}'`)
  }
}

// What yargs says, in a line of our words.
function plain(message: string): string {
  const line = message.replace(/\s+/g, ' ').trim()
  const unknown = /^Unknown arguments?: ([^ ,]+)/.exec(line)?.[1]
  if (unknown) return `${dashed(unknown)}: no such option`
  const bare = /^Not enough arguments following: (.+)/.exec(line)?.[1]
  if (bare) return `${dashed(bare)}: needs a value`
  const choice = /Argument: (.+?), Given: (.+?), Choices: (.+)/.exec(line)
  if (choice) return `${dashed(choice[1] ?? '')}: ${choice[2]} is not one of ${choice[3]}`
  const both = /^Arguments (.+) and (.+) are mutually exclusive/.exec(line)
  if (both) return `${dashed(both[1] ?? '')} does not go with ${dashed(both[2] ?? '')}`
  return line
}

const dashed = (name: string) => (name.length === 1 ? `-${name}` : `--${name}`)

// Of an option given twice the last counts, where it does not take several.
const last = (value: unknown, option: Options) =>
  Array.isArray(value) && !option.array && option.type !== 'array'
    ? (value.at(-1) as unknown)
    : value

function checkOperands(
  { operands: { min, max }, usage }: Pick<Program, 'operands' | 'usage'>,
  operands: string[],
): void {
  if (operands.length < min) throw new UsageError(`too few arguments, wanted: ${usage}`)
  if (operands.length > max) throw new UsageError(`'${operands[max]}' is one argument too many`)
  if (operands.includes('')) throw new UsageError('an argument is empty')
}

const epilogue = ({ notes }: Pick<Program, 'notes'>) =>
  `${notes ? `${notes}\n\n` : ''}Exit codes: 0 done; 1 ran, and the answer is no; 2 the stream ` +
  `is bad; ${exitCode.usage} wrong usage; ${exitCode.failed} the system failed.`

function version(): string {
  const text = readFileSync(new URL(import.meta.resolve('tfs/package.json')), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
