// A journal with a spool and a broadcast as its head, and mirrors that it is asked about: as users
// have them who verify.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { start, type Running } from './broadcast-process.js'
import { HeadedJournal } from './headed-journal.js'
import { until } from './journal-place.js'

const built = join(import.meta.dirname, '../..')

export const mirrorPath = join(built, 'bin/tfs-mirror.js')

type Test = ConstructorParameters<typeof HeadedJournal>[0] & Parameters<typeof start>[0]

export class AssertingScene {
  readonly journal: HeadedJournal
  readonly socket: string
  readonly #t: Test
  readonly #timeoutMs: number

  private constructor(t: Test, timeoutMs: number) {
    this.#t = t
    this.#timeoutMs = timeoutMs
    this.journal = new HeadedJournal(t, timeoutMs)
    this.socket = this.at('socket')
  }

  /** `fill` puts into the store what it is to hold at first. */
  static async begin(t: Test, timeoutMs: number, fill: (store: string) => void) {
    const scene = new AssertingScene(t, timeoutMs)
    const { journal, socket } = scene
    fill(journal.store)
    const head = [process.execPath, join(built, 'bin/tfs-broadcast.js'), '-q', socket]
    const command = head.map((word) => `'${word}'`).join(' ')
    await journal.start('--spool', journal.spool, '--exec', command)
    await until('the socket', () => existsSync(socket))
    return scene
  }

  at(name: string): string {
    return join(this.journal.dir, name)
  }

  /** Runs tfs-mirror with these options on the mirror of that name. */
  mirror(name: string, ...options: string[]): Running {
    const args = [mirrorPath, ...options, this.socket, this.at(name)]
    return start(this.#t, process.execPath, args, { timeoutMs: this.#timeoutMs })
  }

  /** Makes mirrors of these names, of whatever is there, and leaves them at rest. */
  async copy(...names: string[]): Promise<void> {
    const mirrors = names.map((name) => this.mirror(name, '--bootstrap', '--force', '--follow'))
    for (const mirror of mirrors) {
      await mirror.said(/is exact from message/)
      mirror.child.kill('SIGTERM')
      await mirror.ended
    }
  }
}
