// Requests that wait, and callers that get signals meanwhile, with the real kernel.

import { spawn } from 'node:child_process'
import { rmdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { passthroughWants, readMounts } from '#fuse'
import { eventually, newMountpoint, run } from '../support/hello-mount.js'

const program = fileURLToPath(new URL('../support/slow-fs.js', import.meta.url))

interface Report {
  end: string
  counters: { interrupts: number; failures: number; undelivered: number }
  errors: string[]
  flags: string[]
}

class SlowMount {
  readonly mountpoint = newMountpoint()
  readonly slow = `${this.mountpoint}/slow`
  readonly #ended: Promise<string>

  constructor(...args: string[]) {
    const child = spawn(process.execPath, [program, this.mountpoint, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let said = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
    this.#ended = new Promise((resolve) => child.on('close', () => resolve(said)))
  }

  isMounted = () => readMounts().some(({ mountPoint }) => mountPoint.toString() === this.mountpoint)

  async end(): Promise<Report> {
    run('umount', this.mountpoint)
    rmdirSync(this.mountpoint)
    return JSON.parse(await this.#ended) as Report
  }

  /** Answers what waits. */
  go(): void {
    run('stat', `${this.mountpoint}/go`)
  }

  /** Starts a reader and gives what it says in the end. */
  async reader(...command: string[]): Promise<() => Promise<string>> {
    const child = spawn('sh', ['-c', `${command.join(' ')}; echo $?`], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    let said = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
    const ended = new Promise<string>((resolve) => child.on('close', () => resolve(said)))
    return () => ended
  }
}

void t.test('what waits does not stop others, and is answered later', async (t) => {
  const mounted = new SlowMount('interruptible')
  await eventually('mounting', mounted.isMounted)
  const result = await mounted.reader('cat', mounted.slow)
  t.match(run('stat', '-c', '%s', mounted.slow), { status: 0, stdout: '5\n' })
  const timer = setInterval(() => mounted.go(), 50)
  t.equal(await result(), 'late\n0\n')
  clearInterval(timer)
  const report = await mounted.end()
  t.match(report, { end: 'unmounted', errors: [], counters: { failures: 0, undelivered: 0 } })
  const wanted = passthroughWants.filter((flag) => !flag.includes('READDIRPLUS'))
  const missing = wanted.filter((flag) => !report.flags.includes(flag))
  t.comment(`flags that this kernel does not offer: ${missing.join(' ') || 'none'}`)
  t.ok(report.flags.includes('FUSE_HANDLE_KILLPRIV_V2'))
})

void t.test('a signal cancels what waits', async (t) => {
  const mounted = new SlowMount('interruptible')
  await eventually('mounting', mounted.isMounted)
  for (let i = 0; i < 3; i++) {
    const result = await mounted.reader('timeout', '0.2', 'cat', mounted.slow)
    t.equal(await result(), '124\n')
  }
  const report = await mounted.end()
  t.match(report, { errors: [], counters: { failures: 0, undelivered: 0 } })
  t.equal(report.counters.interrupts, 3)
})

void t.test('without interrupts the kernel asks once and waits for the answer', async (t) => {
  const mounted = new SlowMount()
  await eventually('mounting', mounted.isMounted)
  for (let i = 0; i < 2; i++) {
    const result = await mounted.reader('timeout', '0.2', 'cat', mounted.slow)
    const timer = setInterval(() => mounted.go(), 500)
    t.equal(await result(), '124\n')
    clearInterval(timer)
  }
  const report = await mounted.end()
  t.match(report, { errors: [], counters: { failures: 0, undelivered: 0 } })
  t.equal(report.counters.interrupts, 1)
})
