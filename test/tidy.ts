// The rules of style and structure that are tested rather than described. Each rule is first shown
// a violation, which it must find. (oxlint holds the length of functions.)

import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import t from 'tap'

const root = join(import.meta.dirname, '../..')

interface File {
  readonly path: string
  readonly text: string
}

/** A rule: what is wrong with a file, nothing if it is as it should be. */
type Rule = (file: File) => string[]

/** What each layer may import of the others. */
const layers: Readonly<Record<string, readonly string[]>> = {
  schema: [],
  posix: ['schema'],
  wire: ['schema'],
  fuse: ['schema', 'posix'],
  spool: ['schema', 'posix', 'wire'],
  journal: ['schema', 'posix', 'wire', 'spool', 'fuse'],
  relay: ['schema', 'posix', 'wire', 'spool'],
  mirror: ['schema', 'posix', 'wire'],
  cli: ['schema', 'posix', 'wire', 'spool', 'fuse', 'journal', 'relay', 'mirror'],
  bin: ['posix', 'wire', 'spool', 'fuse', 'journal', 'relay', 'mirror', 'cli'],
}
/** Packages from outside that one layer alone may import. */
const owned: Readonly<Record<string, string>> = { koffi: 'posix', yargs: 'cli' }

/** Data, which may be as long as it needs. */
const tables = ['packages/fuse/opcodes.ts', 'packages/wire/message-table.ts']
const fileLinesMax = 400
const binLinesMax = 60
const columnsMax = 100

const layerOf = (path: string) => /^packages\/([^/]+)\//.exec(path)?.[1] ?? path.split('/')[0]!
const importsOf = ({ text }: File) =>
  [...text.matchAll(/(?:from |import |import\()'([^']+)'/g)].map((match) => match[1]!)

const layering: Rule = (file) => {
  const layer = layerOf(file.path)
  const allowed = layers[layer]
  if (!allowed) return []
  return importsOf(file).flatMap((name) => {
    const other = /^#(\w+)/.exec(name)?.[1]
    if (other && !allowed.includes(other)) return [`${layer} imports #${other}`]
    const owner = owned[name]
    if (owner && owner !== layer) return [`${layer} imports ${name}`]
    const isOutside =
      name.startsWith('.') && !join(dirname(file.path), name).startsWith(scope(file))
    return isOutside ? [`imports ${name}, across layers`] : []
  })
}
const scope = ({ path }: File) =>
  path.startsWith('packages/') ? path.split('/').slice(0, 2).join('/') : layerOf(path)

const length: Rule = ({ path, text }) => {
  const lines = text.trimEnd().split('\n').length
  const max = path.startsWith('bin/') ? binLinesMax : fileLinesMax
  return lines > max && !tables.includes(path) ? [`${lines} lines, at most ${max}`] : []
}

const columns: Rule = ({ text }) =>
  text
    .split('\n')
    .flatMap((line, i) =>
      line.length > columnsMax ? [`line ${i + 1} has ${line.length} columns`] : [],
    )

const fileName: Rule = ({ path }) => {
  const name = basename(path, '.ts')
  const isVague = /(^|-)(utils?|helpers?|common|manager|misc)$/.test(name) && name !== 'sync-helper'
  return /^[a-z0-9]+(-[a-z0-9]+)*$/.test(name) && !isVague ? [] : [`'${name}' is no file name here`]
}

const exportsByName: Rule = ({ text }) =>
  /^export default /m.test(text) ? ['a default export'] : []

const heading: Rule = ({ text }) =>
  /^(#!.*\n)?(\/\/|\/\*\*|import|export)/.test(text) ? [] : ['does not begin with what it is']

/** Names of the workplace, built so that this file does not contain them. */
const elsewhere = new RegExp(
  ['/wo' + 'rk/', 'registry\\.npm', 'helper-\\d', '\\bissue #?\\d'].join('|'),
)
const ownWords: Rule = ({ text }) => {
  const found = elsewhere.exec(text) ?? unmerged.exec(text)
  return found ? [`says '${found[0]}'`] : []
}
/** What a merge leaves where two have changed the same. */
const unmerged = /^(<{7}|>{7}) .*/m

const rules: readonly (readonly [Rule, File])[] = [
  [layering, { path: 'packages/wire/x.ts', text: "import { openat } from '#posix'" }],
  [layering, { path: 'packages/mirror/x.ts', text: "import koffi from 'koffi'" }],
  [layering, { path: 'packages/relay/x.ts', text: "import { y } from '../mirror/y.js'" }],
  [length, { path: 'bin/x.ts', text: 'x\n'.repeat(61) }],
  [columns, { path: 'x.ts', text: 'x'.repeat(101) }],
  [fileName, { path: 'packages/wire/stringUtils.ts', text: '' }],
  [fileName, { path: 'packages/wire/path-utils.ts', text: '' }],
  [exportsByName, { path: 'x.ts', text: 'export default 1' }],
  [heading, { path: 'x.ts', text: 'const x = 1' }],
  [ownWords, { path: 'x.ts', text: `// see /wo${'rk'}/main` }],
]

/** What git has, so that what is built or installed does not count. */
const listed = (pattern: string) =>
  execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', pattern], {
    cwd: root,
    encoding: 'utf8',
  })
    .split('\n')
    .filter((path) => path && existsSync(join(root, path)))

void t.test('each rule finds what breaks it', async (t) => {
  for (const [rule, violation] of rules)
    t.not(rule(violation).length, 0, violation.text.slice(0, 60))
})

void t.test('the source keeps the rules', async (t) => {
  const files = listed('*.ts').map((path) => ({
    path,
    text: readFileSync(join(root, path), 'utf8'),
  }))
  t.ok(files.length > 100)
  for (const file of files) {
    const faults = [...new Set(rules.map(([rule]) => rule))].flatMap((rule) => rule(file))
    t.strictSame(faults, [], file.path)
  }
})

void t.test('text files speak of the project alone', async (t) => {
  for (const path of listed('*').filter((name) => /\.(md|sh|json|c|h)$|^\.ci\//.test(name)))
    t.strictSame(ownWords({ path, text: readFileSync(join(root, path), 'utf8') }), [], path)
})

void t.test('each example is run by a test', async (t) => {
  const tests = listed('test/examples/*').map((path) => readFileSync(join(root, path), 'utf8'))
  for (const example of listed('examples/*').map((path) => basename(path)))
    t.ok(
      tests.some((text) => text.includes(example.replace(/\.ts$/, ''))),
      example,
    )
})
