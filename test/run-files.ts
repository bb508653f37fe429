// Runs test files, each by a plain node, a few at a time, and sums up what tap says of each. Under
// tap's own runner every program that a test spawns would be loaded with tap's hooks, which makes
// it slow to start and handles its signals.

import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'

export interface Counts {
  passed: number
  failed: number
}

const fileTimeoutMs = (process.env['TFS_LONG'] ? 60 : 15) * 60_000

/** Runs the files, prints a line for each (all it said where it failed), then tap's summary. */
export async function runFiles(root: string, files: readonly string[]): Promise<Counts> {
  const sum: Counts = { passed: 0, failed: 0 }
  const started = performance.now()
  const waiting = files.entries()
  const run = async () => {
    for (const [i, file] of waiting) {
      const { output, code, seconds } = await runFile(root, file)
      const { passed, failed } = countOf(output, code)
      sum.passed += passed
      sum.failed += failed
      if (failed > 0) console.log(output)
      const verdict = failed > 0 ? 'not ok' : 'ok'
      console.log(
        `${verdict} ${i + 1} - ${file} # ${passed} passed, ${failed} failed, ${seconds} s`,
      )
    }
  }
  await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, run))
  const total = sum.passed + sum.failed
  const failures = sum.failed > 0 ? `, fail: ${sum.failed}` : ''
  console.log(`1..${files.length}\n# { total: ${total}, pass: ${sum.passed}${failures} }`)
  console.log(`# time=${((performance.now() - started) / 1000).toFixed(1)}s`)
  return sum
}

function runFile(root: string, file: string) {
  const started = performance.now()
  const child = spawn(process.execPath, ['--enable-source-maps', file], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TAP_TIMEOUT: String(fileTimeoutMs / 1000) },
  })
  const pieces: Buffer[] = []
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (piece: Buffer) => pieces.push(piece))
  const timer = setTimeout(() => child.kill('SIGTERM'), fileTimeoutMs)
  return new Promise<{ output: string; code: number | null; seconds: string }>((resolve) => {
    child.on('close', (code) => {
      clearTimeout(timer)
      const seconds = ((performance.now() - started) / 1000).toFixed(1)
      resolve({ output: Buffer.concat(pieces).toString(), code, seconds })
    })
  })
}

// The last line of tap's output: `# { total: 70, pass: 69, fail: 1 }`. A file that ends without
// one, or badly without saying what failed, counts as a failure, and so does one that tests
// nothing.
function countOf(output: string, code: number | null): Counts {
  const summary = output.split('\n').findLast((line) => line.startsWith('# { total: ')) ?? ''
  const number = (name: string) => Number(new RegExp(`${name}: (\\d+)`).exec(summary)?.[1] ?? 0)
  const passed = number('pass')
  const said = number('fail')
  const isBad = code !== 0 || passed === 0
  return { passed, failed: isBad && said === 0 ? 1 : said }
}
