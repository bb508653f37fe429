// What the user sees of any program: exit codes, messages, signals, a reader that goes away.

import { spawn, spawnSync } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { once } from 'node:events'
import { join } from 'node:path'
import t from 'tap'

t.setTimeout(120_000)

const sample = join(import.meta.dirname, '../support/sample-program.js')
const timeout = 30_000

const run = (...args: string[]) => {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [sample, ...args], {
    encoding: 'utf8',
    timeout,
    maxBuffer: 16 << 20,
  })
  return { status, signal, stdout, stderr }
}
const shell = (command: string) =>
  spawnSync('bash', ['-c', command, 'bash', process.execPath, sample], {
    encoding: 'utf8',
    timeout,
  })

void t.test('exit codes and messages', (t) => {
  t.match(run('done'), { status: 0, stdout: '', stderr: 'sample: told: done\n' })
  t.match(run('-q', 'done'), { status: 0, stderr: '' })
  t.match(run('-v', 'done'), { status: 0, stderr: /^sample: told: done\nsample: verbose: done\n$/ })
  t.match(run('-q', 'no'), { status: 1, stderr: '' })
  t.match(run('-q', 'wire'), {
    status: 2,
    stderr: 'sample: message 7, byte 320: a bit fell over\n',
  })
  t.match(run('-q', 'world'), { status: 1, stderr: 'sample: something broke\n' })
  t.match(run('-q', 'system'), { status: 111, stderr: /^sample: SOURCE '\/proc\/self\/mem\/x' / })
  const help = "sample: help: see 'sample --help'\n"
  t.match(run('-q', 'usage'), {
    status: 100,
    stderr: `sample: usage: --x: is not what it should be\\x1b[31m\n${help}`,
  })
  t.match(run(), { status: 100, stdout: '', stderr: help })
  t.match(run('--bad', 'done'), {
    status: 100,
    stderr: `sample: usage: --bad: no such option\n${help}`,
  })
  t.end()
})

void t.test('our own faults show a stack', (t) => {
  for (const how of ['ours', 'type']) {
    const { status, stderr } = run('-q', how)
    t.equal(status, 111)
    t.match(stderr, /^sample: internal error: (AssertionError|TypeError)/)
    t.match(stderr, /\nsample: internal error: at .*sample-program/)
  }
  t.end()
})

void t.test('what nobody catches ends the program after it has cleaned up', (t) => {
  for (const [how, why] of Object.entries({ uncaught: 'out of nowhere', rejected: 'in vain' })) {
    const { status, signal, stderr } = run('-q', how)
    t.equal(status, 111)
    t.equal(signal, null)
    t.match(stderr, why)
    t.match(stderr, 'cleaned up\n')
  }
  t.end()
})

void t.test('after a signal it cleans up and dies of it', async (t) => {
  const child = spawn(process.execPath, [sample, 'signal'], { timeout })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (piece: string) => {
    if (!stderr.includes('ready') && piece.includes('ready')) child.kill('SIGTERM')
    stderr += piece
  })
  t.same(await once(child, 'close'), [null, 'SIGTERM'])
  t.match(stderr, 'cleaned up\n')
})

void t.test('SIGUSR1 does not open the debugger of Node', async (t) => {
  const child = spawn(process.execPath, [sample, 'signal'], { timeout })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (piece: string) => {
    const isFirst = stderr === ''
    stderr += piece
    if (!isFirst) return
    child.kill('SIGUSR1')
    // The debugger would say that it listens.
    setTimeout(() => child.kill('SIGTERM'), 300)
  })
  t.same(await once(child, 'close'), [null, 'SIGTERM'])
  t.notMatch(stderr, /debugger|inspector/i)
})

void t.test('help and version are on standard output', (t) => {
  for (const option of ['--help', '-h']) {
    const { status, stdout, stderr } = run(option)
    t.match({ status, stderr }, { status: 0, stderr: '' })
    t.match(stdout, 'Behaves as it is told.')
    for (const line of stdout.split('\n')) t.ok(line.length <= 80, line)
  }
  t.match(run('--version'), { status: 0, stdout: /^\d+\.\d+\.\d+\n$/, stderr: '' })
  t.end()
})

void t.test('a reader that goes away is no failure: the program dies of SIGPIPE', (t) => {
  const { stdout, stderr } = shell('"$1" "$2" -q flood | head -c 3; echo " ${PIPESTATUS[0]}"')
  t.equal(stdout, 'xxx 141\n')
  t.equal(stderr, '')
  t.end()
})

void t.test('what is written at the end gets out', (t) => {
  t.equal(run('-q', 'big').stdout.length, 3_000_000)
  t.equal(shell('"$1" "$2" -q big | { sleep 1; wc -c; }').stdout.trim(), '3000000')
  t.end()
})

void t.test('a full disk under standard output is a failure', (t) => {
  const full = openSync('/dev/full', 'w')
  const { status, stderr } = spawnSync(process.execPath, [sample, '-q', 'flood'], {
    stdio: ['ignore', full, 'pipe'],
    encoding: 'utf8',
    timeout,
  })
  closeSync(full)
  t.equal(status, 111)
  t.match(stderr, 'sample: standard output: no space left on device (ENOSPC, write)\n')
  t.end()
})

void t.test('a closed log stops nobody', (t) => {
  t.equal(shell('"$1" "$2" -v done 2>&-').status, 0)
  t.equal(shell('"$1" "$2" -v done 2>/dev/full').status, 0)
  t.equal(shell('"$1" "$2" no 2>/dev/full').status, 1)
  t.end()
})

void t.test('no stream goes to a terminal', (t) => {
  const { stdout } = shell(`script -qec "'$1' '$2' -q stream" /dev/null </dev/null`)
  t.match(stdout, 'sample: usage: the stream is not for a terminal')
  t.notMatch(stdout, 'bytes')
  t.equal(run('-q', 'stream').stdout, 'bytes')
  t.end()
})
