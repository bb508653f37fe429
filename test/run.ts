// The test command: what the tests need, then lint and format, then tap, then one line that counts.

import { spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { requirements } from './requirements.js'

const root = join(import.meta.dirname, '../..')
const tool = (name: string) => join(root, 'node_modules/.bin', name)

function step(what: string, command: string, args: string[]): boolean {
  console.log(`# ${what}`)
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit' })
  if (error) console.log(`${command}: ${error.message}`)
  return status === 0
}

/** Runs tap, shows what it prints, and gives its last count of assertions. */
function tap(args: string[]): Promise<{ ok: boolean; passed: number; failed: number }> {
  const child = spawn(tool('tap'), args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
  let tail = ''
  child.stdout.on('data', (data: Buffer) => {
    process.stdout.write(data)
    tail = (tail + data.toString()).slice(-20_000)
  })
  return new Promise((resolve) => {
    child.on('close', (code) => resolve({ ok: code === 0, ...count(tail) }))
  })
}

// The reporter's summary: `# { total: 70, pass: 69, fail: 1 }`.
function count(text: string): { passed: number; failed: number } {
  const summary = text.split('\n').findLast((line) => /^# \{ total: /.test(line)) ?? ''
  const number = (name: string) => Number(new RegExp(`${name}: (\\d+)`).exec(summary)?.[1] ?? 0)
  return { passed: number('pass'), failed: number('fail') }
}

const problems = requirements()
for (const { what, cure } of problems) console.error(`${what}\n    cure: ${cure}`)
if (problems.length > 0) process.exitCode = 1
else {
  const built = step('tap', tool('tap'), ['build'])
  const linted = step('lint', tool('oxlint'), ['--type-aware', '--deny-warnings'])
  const formatted = step('format', tool('prettier'), ['--check', '--log-level', 'warn', '.'])
  const files = process.argv.slice(2)
  const { ok, passed, failed } = await tap(['run', '--reporter=tap', ...files])
  const faults = [built, linted, formatted].filter((good) => !good).length
  // A run without an assertion has shown nothing.
  const failures = failed + faults + (ok || failed > 0 ? 0 : 1) + (passed === 0 ? 1 : 0)
  console.log(`${passed} passed, ${failures} failed`)
  if (failures > 0) process.exitCode = 1
}
