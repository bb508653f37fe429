// README.md is true: its options are those of --help, its messages are said somewhere, its files
// and packages are there, and none is left out.

import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const root = join(import.meta.dirname, '../..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const readme = read('README.md')

/** The text below a heading, up to the next of its kind. */
function section(heading: string): string {
  const [, text = ''] = readme.split(`\n## ${heading}\n`)
  return text.split('\n## ')[0] as string
}

/** First cells of a section's table, without its head. */
const firstCells = (heading: string) =>
  [...section(heading).matchAll(/^\| (.*?) (?<!\\)\|/gm)].map(([, cell = '']) => cell).slice(2)

const optionsIn = (text: string) =>
  [...new Set(text.match(/(?<![\w-])--?[a-z][a-z-]*/g) ?? [])].sort()

interface Manifest {
  bin: Record<string, string>
  scripts: Record<string, string>
  dependencies: Record<string, string>
  devDependencies: Record<string, string>
}
const manifest = JSON.parse(read('package.json')) as Manifest

void t.test('each program has its section, with the options of its --help', async (t) => {
  for (const [program, path] of Object.entries(manifest.bin)) {
    const { stdout } = spawnSync(process.execPath, [join(root, path), '--help'], {
      encoding: 'utf8',
      timeout: 60_000,
    })
    const [, listed = ''] = /\nOptions:\n(.*?)\n\nExamples:/s.exec(stdout) ?? []
    // An option begins its line; the others are mentioned in descriptions.
    const declared = listed.match(/^ {2}.{20}\S*/gm)?.join('\n') ?? ''
    t.ok(declared.length > 0, program)
    const cells = firstCells(program).join(' ')
    t.strictSame(optionsIn(cells), optionsIn(declared), program)
    t.match(section(program), stdout.split('\n')[0]?.replace('Usage: ', '    '), program)
  }
})

void t.test('each message that it explains is said', async (t) => {
  const sources = readdirSync(join(root, 'packages'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => read(join('packages', path)))
    .join('\n')
  const system = ['Transport endpoint is not connected']
  const messages = firstCells('When something is wrong')
  t.ok(messages.length > 15)
  for (const message of messages.map((cell) => cell.replaceAll('`', ''))) {
    if (system.includes(message)) continue
    const missing = message.split(/…|EPERM|: /).filter((part) => !sources.includes(part.trim()))
    t.strictSame(missing, [], message)
  }
})

void t.test('the files, scripts and packages that it names are all there are', async (t) => {
  for (const [path] of readme.matchAll(/(?<=`)(examples|packages)\/[\w./-]+/g))
    t.ok(existsSync(join(root, path)), path)
  for (const example of readdirSync(join(root, 'examples'))) t.match(readme, `examples/${example}`)
  for (const [, script = ''] of readme.matchAll(/npm\s+run ([\w:]+)/g))
    t.ok(manifest.scripts[script], script)
  const { dependencies, devDependencies } = manifest
  const listed = firstCells('Dependencies').flatMap((cell) => cell.split(', '))
  const used = [...Object.keys(dependencies), ...Object.keys(devDependencies)]
  t.strictSame(listed.sort(), used.sort())
})
