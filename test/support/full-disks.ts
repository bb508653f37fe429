// The whole of TFS with each part on a small disk of its own: the store, the journal's spool, that
// of tfs-spool and that of tfs-broadcast behind it, and the mirror; and programs at work on the
// mount.

import { spawnSync, type StdioOptions } from 'node:child_process'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { listening, start, type Running } from './broadcast-process.js'
import { until } from './journal-place.js'
import { hasJoined, isMounted } from './mirrored-mount.js'
import { shell } from './shell.js'
import { SmallDisk, type DiskKind } from './small-disk.js'
import { tempDirectory } from './temp-directory.js'

export const diskNames = ['store', 'journal', 'spool', 'broadcast', 'mirror'] as const
export type DiskName = (typeof diskNames)[number]

const build = join(import.meta.dirname, '../..')
const program = (name: string) => join(build, 'bin', `${name}.js`)
const timeoutMs = 1_500_000

// Each round opens a file and lists the directory anew; $3 is what the file has to be.
const reads = `while [ -e "$1/constant" ]; do
  cmp "$1/constant" "$3"; ls "$1" >/dev/null
  printf . >>"$2"; sleep 0.02; done`

export class FullDisks {
  readonly dir: string
  readonly disks: Readonly<Record<DiskName, SmallDisk>>
  readonly mount: string
  readonly socket: string
  readonly journal: Running
  mirror!: Running
  /** How often one was started again where it was to settle. */
  stops = 0
  #writer!: Running
  #reader!: Running
  readonly #test: Test

  private constructor(t: Test, size: number, kind: DiskKind) {
    this.#test = t
    this.dir = tempDirectory(t).path
    const make = (name: DiskName) => [name, SmallDisk.make(t, this.dir, name, size, kind)] as const
    this.disks = Object.fromEntries(diskNames.map(make)) as Record<DiskName, SmallDisk>
    this.mount = this.at('mount')
    this.socket = this.at('socket')
    for (const path of [this.mount, this.tree('store')]) mkdirSync(path)
    t.teardown(() => {
      // What its end leaves running where it was killed.
      for (const [, pid] of this.journal.stderr().matchAll(/the head: runs as process (\d+)/g))
        spawnSync('kill', ['-KILL', '--', `-${pid}`], { timeout: 30_000 })
      if (isMounted(this.mount)) spawnSync('umount', ['-l', this.mount], { timeout: 30_000 })
    })
    const small = ['--segment-size', '2M']
    const spool = ['tfs-spool', ...small, this.tree('spool')]
    const broadcast = ['tfs-broadcast', ...small, '--spool', this.tree('broadcast'), this.socket]
    const head = [spool, broadcast].map(shellCommand).join(' | ')
    const args = ['--spool', this.tree('journal'), ...small, '--exec', head]
    const words = [program('tfs-journal'), '-v', ...args, this.tree('store'), this.mount]
    const stdio: StdioOptions = ['ignore', 'ignore', 'pipe']
    this.journal = start(t, process.execPath, words, { timeoutMs, stdio })
  }

  /** Starts everything on disks of `size` bytes. */
  static async start(t: Test, size: number, kind: DiskKind): Promise<FullDisks> {
    const self = new FullDisks(t, size, kind)
    await until('the mount', () => isMounted(self.mount))
    await listening(self.socket, self.journal)
    self.startMirror()
    await until('the mirror', () => hasJoined(self.tree('mirror')))
    const constant = 'constant '.repeat(10_000)
    for (const path of [self.at('constant'), join(self.mount, 'constant')])
      await shell('cat >"$1"', [path], { input: constant })
    for (const name of ['turns', 'reads']) writeFileSync(self.at(name), '')
    const writer = [join(build, 'test/support/patient-writer.js'), self.mount, self.at('turns')]
    self.#writer = start(t, process.execPath, writer, { timeoutMs })
    const watched = [self.mount, self.at('reads'), self.at('constant')]
    self.#reader = start(t, 'bash', ['-ec', reads, 'bash', ...watched], { timeoutMs })
    return self
  }

  startMirror(): void {
    const args = [program('tfs-mirror'), '-v', '--stats', this.socket, this.tree('mirror')]
    this.mirror = start(this.#test, process.execPath, args, { timeoutMs })
  }

  at(name: string): string {
    return join(this.dir, name)
  }

  /** The store, a spool or the mirror. */
  tree(name: DiskName): string {
    return join(this.disks[name].path, 'tree')
  }

  /** Turns of the writer, those of them with a refusal, and rounds of the reader. */
  progress(): Progress {
    const turns = readFileSync(this.at('turns'), 'latin1')
    const refused = turns.split('!').length - 1
    return { done: turns.length - refused, refused, reads: statSync(this.at('reads')).size }
  }

  /** Waits until so much more was done. */
  async progressBy(more: Partial<Progress>): Promise<void> {
    const before = this.progress()
    await until(`more than ${JSON.stringify(before)}: ${JSON.stringify(more)}`, () => {
      const gone = [this.#writer, this.#reader].find(({ child }) => child.exitCode !== null)
      if (gone) throw new Error(`a program on the mount has ended: ${gone.stderr()}`)
      const now = this.progress()
      return fields.every((field) => now[field] - before[field] >= (more[field] ?? 0))
    })
  }

  /** What `.tfs/status` says of the head. */
  async status(): Promise<{ state: string; head: { restarts: number } }> {
    const text = await shell('cat "$1/.tfs/status"', [this.mount])
    return JSON.parse(text) as Awaited<ReturnType<FullDisks['status']>>
  }

  /**
   * Waits until the mirror has what was done before on the mount; `mayStop`: and starts it again
   * where its disk was full.
   */
  async settle(name: string, mayStop = false): Promise<void> {
    await shell('mkdir "$1"', [join(this.mount, name)])
    await until('what was done last', () => {
      const { exitCode } = this.mirror.child
      if (exitCode === 111 && mayStop) {
        this.stops++
        this.startMirror()
      } else if (exitCode !== null) throw new Error(this.mirror.stderr())
      return statSync(join(this.tree('mirror'), name), { throwIfNoEntry: false }) !== undefined
    })
  }

  /** The programs on the mount end: their exit codes, and what they said. */
  async endWork(): Promise<{ codes: (number | null)[]; said: string }> {
    this.#writer.child.kill('SIGTERM')
    const writer = await this.#writer.ended
    await shell('rm "$1/constant"', [this.mount])
    const reader = await this.#reader.ended
    const said = `${writer.stdout.toString()}${writer.stderr}${reader.stderr}`
    return { codes: [writer.code, reader.code], said }
  }
}

type Test = { teardown(end: () => void): void }

export interface Progress {
  readonly done: number
  readonly refused: number
  readonly reads: number
}

const fields = ['done', 'refused', 'reads'] as const

const shellCommand = ([name = '', ...args]: readonly string[]) =>
  [process.execPath, program(name), ...args].map((word) => `'${word}'`).join(' ')
