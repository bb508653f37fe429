// The test command: what the tests need, then lint and format, then the tests, then one line that
// counts. Arguments are parts of the names of files, if not all are wanted.

import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { requirements } from './requirements.js'
import { runFiles } from './run-files.js'

const root = join(import.meta.dirname, '../..')

function step(what: string, name: string, args: string[]): boolean {
  console.log(`# ${what}`)
  const command = join(root, 'node_modules/.bin', name)
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit' })
  if (error) console.log(`${name}: ${error.message}`)
  return status === 0
}

/** Compiled tests, of which the source is still there; what they share is no test. */
function testFiles(wanted: readonly string[]): string[] {
  const names = readdirSync(join(root, 'build/test'), { recursive: true, encoding: 'utf8' })
  return names
    .filter((name) => name.endsWith('.js') && !/^(run|run-files|requirements)\.js$/.test(name))
    .filter((name) => !name.startsWith('support/'))
    .filter((name) => existsSync(join(root, 'test', name.replace(/\.js$/, '.ts'))))
    .filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
    .map((name) => relative(root, join(root, 'build/test', name)))
    .sort()
}

const problems = requirements()
for (const { what, cure } of problems) console.error(`${what}\n    cure: ${cure}`)
if (problems.length > 0) process.exitCode = 1
else {
  const linted = step('lint', 'oxlint', ['--type-aware', '--deny-warnings'])
  const formatted = step('format', 'prettier', ['--check', '--log-level', 'warn', '.'])
  const { passed, failed } = await runFiles(root, testFiles(process.argv.slice(2)))
  const failures = failed + [linted, formatted].filter((good) => !good).length + (passed ? 0 : 1)
  console.log(`${passed} passed, ${failures} failed`)
  if (failures > 0) process.exitCode = 1
}
