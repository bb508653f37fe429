// What an assertion of a large tree costs: the time of writes on the mount before it and during it,
// and how fast it makes a copy, or compares one, beside rsync, which does the same by turns over
// the same tree.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { start } from '../test/support/broadcast-process.js'
import { compiled } from '../test/support/compiled.js'
import { HeadedJournal } from '../test/support/headed-journal.js'
import { shell } from '../test/support/shell.js'
import { Subscriber } from '../test/support/subscriber.js'
import { median } from './report.js'

export interface AssertionOptions {
  readonly rounds: number
  /** A small tree, short times: whether it works, not how well. */
  readonly quick: boolean
}

/** Of writes of 4 KiB: their number, and microseconds. */
interface Latency {
  readonly count: number
  readonly p50: number
  readonly p99: number
  readonly max: number
}

export interface AssertionReport {
  readonly files: number
  readonly bytes: number
  /** Seconds, the median of all rounds. */
  readonly seconds: Readonly<Record<string, number>>
  /** Microseconds, the median of all rounds; before, and during each form. */
  readonly p99: Readonly<Record<string, number>>
  /** Of p99 during each form to that before. */
  readonly ratio: Readonly<Record<string, number>>
}

const timeoutMs = 1_800_000
const bin = (name: string) => join(import.meta.dirname, '../bin', `${name}.js`)

export async function benchAssertion(options: AssertionOptions): Promise<AssertionReport> {
  const ends: (() => unknown)[] = []
  const t = { teardown: (end: () => unknown) => void ends.unshift(end) }
  const bench = new AssertionBench(t, options)
  try {
    await bench.prepare()
    for (let round = 0; round < options.rounds; round++) await bench.round()
    return bench.report()
  } catch (error) {
    console.error(`assertion: the journal said:\n${bench.said}`)
    throw error
  } finally {
    for (const end of ends) await end()
  }
}

export function assertionLines({ files, bytes, seconds, p99, ratio }: AssertionReport): string {
  const rate = (s: number) =>
    `${Math.round(files / s)} files/s, ${(bytes / s / 1e6).toFixed(1)} MB/s`
  const rows = Object.entries(seconds).map(
    ([name, s]) => `  ${name.padEnd(36)} ${s.toFixed(2).padStart(8)} s   ${rate(s)}`,
  )
  const writes = Object.entries(p99).map(([name, us]) => {
    const times = ratio[name] === undefined ? '' : `   ${ratio[name].toFixed(2)}x`
    return `  ${name.padEnd(36)} ${(us / 1000).toFixed(2).padStart(8)} ms${times}`
  })
  const head = `assertion of ${files} files, ${(bytes / 1e6).toFixed(0)} MB`
  return [head, ...rows, 'a write of 4 KiB on the mount, 99 %', ...writes].join('\n')
}

class AssertionBench {
  readonly #options: AssertionOptions
  readonly #t: { teardown(end: () => unknown): void }
  readonly #journal: HeadedJournal
  readonly #files: number
  readonly #seconds = new Map<string, number[]>()
  readonly #p99 = new Map<string, number[]>()
  #bytes = 0

  constructor(t: { teardown(end: () => unknown): void }, options: AssertionOptions) {
    this.#t = t
    this.#options = options
    this.#files = options.quick ? 3000 : 100_000
    this.#journal = new HeadedJournal(t, timeoutMs)
  }

  get said(): string {
    return this.#journal.said
  }

  async prepare(): Promise<void> {
    const { store } = this.#journal
    const large = this.#options.quick ? 1 : 16
    const script = `"$1" "$2" "$3"; mkdir "$2/large"
      for i in $(seq ${large}); do head -c 16M /dev/urandom > "$2/large/$i"; done
      cp "$2/large/1" "$2/written"; sync; du -sb "$2"`
    const args = [compiled('many-files'), store, `${this.#files}`]
    const said = await shell(script, args, { timeoutMs })
    this.#bytes = Number(said.split('\t')[0])
    const head = [process.execPath, bin('tfs-broadcast'), '-q', this.#at('socket')]
    await this.#journal.start('--exec', `exec ${head.map((word) => `'${word}'`).join(' ')}`)
    const client = await Subscriber.connectSoon(this.#at('socket'))
    client.client.socket.destroy()
  }

  async round(): Promise<void> {
    const { store } = this.#journal
    const rsync = (name: string, how: string) =>
      this.#timed(name, () =>
        shell(`rsync ${how} "$1/" "$2"`, [store, this.#at('rsync')], { timeoutMs }),
      )
    for (const name of ['rsync', 'mirror', 'busy'])
      rmSync(this.#at(name), { recursive: true, force: true })
    for (const name of ['mirror', 'busy']) mkdirSync(this.#at(name))
    await rsync('rsync -aHAX', '-aHAX')
    await this.#timed('--bootstrap', () => this.#bootstrap('mirror'))
    await rsync('rsync -aHAXnc', '-aHAXnc')
    await this.#timed('--verify', () => this.#verify('mirror'))
    const quietMs = this.#options.quick ? 1000 : 10_000
    await this.#written('before', () => sleep(quietMs))
    rmSync(this.#at('rsync'), { recursive: true, force: true })
    await this.#written('during rsync -aHAX of the store', () =>
      shell('rsync -aHAX "$1/" "$2"', [store, this.#at('rsync')], { timeoutMs }),
    )
    await this.#written('during an assertion as data', () => this.#asserted('assert'))
    await this.#written('during an assertion as hashes', () => this.#asserted('verify'))
    await this.#written('before', () => sleep(quietMs))
    // A copy that has missed writes could not be compared.
    await this.#written('during --bootstrap', () => this.#bootstrap('busy'))
    await this.#written('during --verify', () => this.#verify('busy'))
  }

  report(): AssertionReport {
    const medians = (all: Map<string, number[]>) =>
      Object.fromEntries([...all].map(([name, numbers]) => [name, median(numbers)]))
    const p99 = medians(this.#p99)
    const { before = NaN, ...during } = p99
    const ratio = Object.entries(during).map(([name, us]) => [name, us / before] as const)
    return {
      files: this.#files,
      bytes: this.#bytes,
      seconds: medians(this.#seconds),
      p99,
      ratio: Object.fromEntries(ratio),
    }
  }

  #at(name: string): string {
    return join(this.#journal.dir, name)
  }

  async #timed(name: string, work: () => Promise<unknown>): Promise<void> {
    const begun = performance.now()
    await work()
    const seconds = (performance.now() - begun) / 1000
    this.#seconds.set(name, [...(this.#seconds.get(name) ?? []), seconds])
    console.error(`assertion: ${name}: ${seconds.toFixed(2)} s`)
  }

  // Which the head drops, as nobody listens: the journal's own part of the work.
  async #asserted(name: string): Promise<void> {
    const file = join(this.#journal.mount, '.tfs', name)
    const ended = async () => JSON.parse(await readFile(file, 'utf8')).ended as number
    const before = await ended()
    await writeFile(file, '.\n')
    while ((await ended()) === before) await sleep(100)
  }

  // Until its copy is whole.
  async #bootstrap(copy: string): Promise<void> {
    const mirror = this.#mirror('--bootstrap', copy)
    await mirror.said(/is exact from message/)
    mirror.child.kill('SIGTERM')
    await mirror.ended
    if (readdirSync(this.#at(copy)).length < 2) throw new Error('nothing was copied')
  }

  async #verify(copy: string): Promise<void> {
    const { code, stderr } = await this.#mirror('--verify', copy).ended
    if (code !== 0) throw new Error(`tfs-mirror --verify: ${code} ${stderr}`)
  }

  #mirror(option: string, copy: string) {
    const args = [bin('tfs-mirror'), option, '-v', this.#at('socket'), this.#at(copy)]
    return start(this.#t, process.execPath, args, { timeoutMs })
  }

  // What writes take meanwhile.
  async #written(name: string, meanwhile: () => Promise<unknown>): Promise<void> {
    const file = join(this.#journal.mount, 'written')
    const program = join(import.meta.dirname, 'write-latency.js')
    const writer = spawn(process.execPath, [program, file], {
      stdio: ['pipe', 'pipe', 'inherit'],
      timeout: timeoutMs,
    })
    const said = outputOf(writer)
    await meanwhile()
    writer.stdin.end()
    const { count, p50, p99, max } = JSON.parse(await said) as Latency
    this.#p99.set(name, [...(this.#p99.get(name) ?? []), p99])
    console.error(`assertion: ${count} writes ${name}: 50 % ${p50} µs, 99 % ${p99}, at most ${max}`)
  }
}

async function outputOf(child: ChildProcess): Promise<string> {
  let said = ''
  child.stdout?.setEncoding('utf8').on('data', (piece: string) => (said += piece))
  await once(child, 'close')
  return said
}
