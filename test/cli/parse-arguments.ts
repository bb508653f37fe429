// Command lines as people type them.

import t from 'tap'
import { parseArguments } from '../../packages/cli/parse-arguments.js'
import { UsageError, type Program } from '#cli'

const program = {
  name: 'sample',
  usage: '[OPTIONS] [SOURCE] DIR',
  summary: 'A program with one option of each kind, and a summary that takes more than one line.',
  operands: { min: 1, max: 2 },
  options: {
    json: { type: 'boolean', describe: 'As JSON', conflicts: 'check' },
    check: { type: 'boolean', describe: 'Check only' },
    size: { type: 'string', alias: 's', describe: 'How much', requiresArg: true, default: '1M' },
    o: { type: 'string', array: true, describe: 'Mount options', requiresArg: true },
    'on-full': { choices: ['block', 'drop'] as const, describe: 'When full', requiresArg: true },
  },
  examples: [['sample --json -o a,b -s 64K /somewhere/over/the/rainbow', 'does what it should']],
  notes: 'Something more.',
  run: () => Promise.resolve(0),
} as const satisfies Program

const parse = (...argv: string[]) => {
  const parsed = parseArguments(program, argv)
  if ('text' in parsed) throw new Error('text where arguments were expected')
  return parsed
}
const refusal = (...argv: string[]) => {
  try {
    parseArguments(program, argv)
  } catch (error) {
    return error instanceof UsageError ? error.message : error
  }
  return undefined
}

void t.test('operands stay what was typed', (t) => {
  t.same(parse('a').operands, ['a'])
  t.same(parse('-', '0010').operands, ['-', '0010'])
  t.same(parse('--', '--json', '-x').operands, ['--json', '-x'])
  t.same(parse('--json', 'a').operands, ['a'])
  t.end()
})

void t.test('options have their declared kind', (t) => {
  t.match(parse('d').options, { size: '1M' })
  t.match(parse('-s', '0064', 'd').options, { size: '0064' })
  t.match(parse('-s64K', 'd').options, { size: '64K' }, 'as getopt has it')
  t.match(parse('--size=1', '--size=2', 'd').options, { size: '2' }, 'the last one counts')
  t.same(parse('-o', 'a,b', '-oc', 'd').options.o, ['a,b', 'c'])
  t.same(parse('-o', 'a', 'd').operands, ['d'], 'a list takes one value at a time')
  t.match(parse('--on-full', 'drop', 'd').options, { 'on-full': 'drop' })
  t.match(parse('-vv', '-q', 'd'), { verbosity: 2, quiet: true })
  t.match(parse('d'), { verbosity: 0, quiet: false })
  t.end()
})

void t.test('what cannot be is refused by name', (t) => {
  t.equal(refusal('--json=x', 'd'), "--json: takes no value: 'x'")
  t.equal(refusal('--verbose=2', 'd'), "--verbose: takes no value: '2'")
  t.match(parse('--json=true', 'd').options, { json: true })
  t.equal(refusal(), 'too few arguments, wanted: [OPTIONS] [SOURCE] DIR')
  t.equal(refusal('a', 'b', 'c'), "'c' is one argument too many")
  t.equal(refusal('a', ''), 'an argument is empty')
  t.equal(refusal('--nonsense', 'a'), '--nonsense: no such option')
  t.equal(refusal('--no-json', 'a'), '--no-json: no such option')
  t.equal(refusal('a', '--size'), '--size: needs a value')
  t.equal(refusal('a', '--on-full', 'burst'), '--on-full: "burst" is not one of "block", "drop"')
  t.equal(refusal('a', '--json', '--check'), '--json does not go with --check')
  t.end()
})

void t.test('help and version are texts', (t) => {
  const help = parseArguments(program, ['--help'])
  t.ok('text' in help)
  const { text } = help as { text: string }
  t.match(text, /^Usage: sample \[OPTIONS\] \[SOURCE\] DIR\n/)
  for (const word of ['--on-full', '-s, --size', 'As JSON', 'Something more', 'Exit codes: 0 done'])
    t.match(text, word)
  for (const line of text.split('\n')) t.ok(line.length <= 80, line)
  t.same(parseArguments(program, ['-h']), help)
  t.match(parseArguments(program, ['--version']), { text: /^\d+\.\d+\.\d+\n$/ })
  t.end()
})
