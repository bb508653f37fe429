// The file system outlives its readers: whatever becomes of who reads the stream, applications on
// the mount see no error; what is no longer journalled is said.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { start, type Running } from '../support/broadcast-process.js'
import { hasJoined, isMounted } from '../support/mirrored-mount.js'
import { rsyncCompare } from '../support/rsync-compare.js'
import { shell } from '../support/shell.js'
import { tempDirectory } from '../support/temp-directory.js'

const build = join(import.meta.dirname, '../..')
const program = (name: string) => join(build, 'bin', `${name}.js`)
const writerProgram = join(build, 'test/support/steady-writer.js')
const waitMs = 60_000

/** A journal whose output goes through a FIFO to `reader`, and a writer on its mount. */
interface Scene {
  readonly dir: string
  readonly store: string
  readonly mount: string
  readonly reader: Running
  readonly journal: Running
  readonly writer: Running
  /** Changes that the writer has made. */
  readonly progress: () => number
  /** Waits until the writer has made `more` changes. */
  readonly progressBy: (more: number) => Promise<void>
}

/** `reader` is a shell command, with the FIFO as its input and the scene's directory as $1. */
async function scene(t: Test, reader: string, ...options: string[]): Promise<Scene> {
  const { path: dir } = tempDirectory(t)
  const at = (name: string) => join(dir, name)
  for (const name of ['store', 'mount', 'copy']) mkdirSync(at(name))
  const [store, mount, fifo] = [at('store'), at('mount'), at('fifo')]
  await shell('mkfifo "$1"', [fifo])
  t.teardown(() => {
    if (isMounted(mount)) spawnSync('umount', ['-l', mount], { timeout: waitMs })
  })
  const sh = (command: string, ...args: string[]) => start(t, '/bin/sh', ['-c', command, ...args])
  const reading = sh(`exec ${reader} <"$0"`, fifo, dir, process.execPath, program('tfs-broadcast'))
  const command = [process.execPath, program('tfs-journal'), ...options, store, mount]
  const journal = sh('exec "$@" >"$0" </dev/null', fifo, ...command)
  await until('the mount', () => isMounted(mount))
  const writer = start(t, process.execPath, [writerProgram, mount, at('progress')])
  const progress = () => statSync(at('progress'), { throwIfNoEntry: false })?.size ?? 0
  const progressBy = (more: number) => {
    const aim = progress() + more
    return until(`${more} changes`, () => {
      if (writer.child.exitCode !== null) throw new Error(`the writer: ${writer.stderr()}`)
      return progress() >= aim
    })
  }
  await progressBy(100)
  return { dir, store, mount, reader: reading, journal, writer, progress, progressBy }
}

async function until(what: string, isThere: () => boolean): Promise<void> {
  const deadline = performance.now() + waitMs
  while (!isThere()) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${waitMs} ms`)
    await sleep(10)
  }
}

/** The writer ends, without having seen an error; then the mount, with the journal's exit code. */
async function finish(t: Test, { writer, mount, journal }: Scene): Promise<number | null> {
  writer.child.kill('SIGTERM')
  const { code, stdout, stderr } = await writer.ended
  t.equal(code, 0, `the writer saw no error in ${stdout.toString().trim()} changes ${stderr}`)
  await shell('umount "$1"', [mount])
  return (await journal.ended).code
}

/** Waits until the writer does not get on any more. */
async function standstill({ progress }: Scene): Promise<void> {
  let before = -1
  let since = performance.now()
  await until('a standstill', () => {
    if (progress() !== before) since = performance.now()
    before = progress()
    return performance.now() - since > 1000
  })
}

t.setTimeout(300_000)
const readers = {
  'tfs-broadcast': '"$2" "$3" "$1/socket"',
  'the reader of the pipe': 'cat >/dev/null',
}
for (const [name, command] of Object.entries(readers))
  await t.test(`${name} dies`, async (t) => {
    const at = await scene(t, command)
    let mirror: Running | undefined
    if (name === 'tfs-broadcast') {
      const socket = join(at.dir, 'socket')
      await until('the socket', () => existsSync(socket))
      mirror = start(t, process.execPath, [program('tfs-mirror'), socket, join(at.dir, 'copy')])
      await until('the mirror', () => hasJoined(join(at.dir, 'copy')))
    }
    at.reader.child.kill('SIGKILL')
    await at.progressBy(500)
    await at.journal.said(/no longer journalled/)
    t.match(at.journal.stderr(), /the output: .*after message \d+ are no longer journalled/)
    if (mirror) {
      await mirror.said(/trying again until it is back/)
      mirror.child.kill('SIGTERM')
      t.equal((await mirror.ended).signal, 'SIGTERM')
    }
    t.equal(await finish(t, at), 1, 'the journal says that not all was journalled')
  })

await t.test('a reader that stalls holds the mount up, and nothing is lost', async (t) => {
  const at = await scene(t, 'cat >"$1/stream"')
  at.reader.child.kill('SIGSTOP')
  await standstill(at)
  t.equal(at.writer.child.exitCode, null, 'the writer waits')
  at.reader.child.kill('SIGCONT')
  await at.progressBy(200)
  t.equal(await finish(t, at), 0, 'all was journalled')
  const [stream, copy] = [join(at.dir, 'stream'), join(at.dir, 'copy')]
  await at.reader.ended
  await shell('"$@"', [process.execPath, program('tfs-mirror'), stream, copy])
  t.equal(await rsyncCompare(at.store, copy), '', 'and the stream makes the same tree')
})

await t.test('a reader that stalls is given up with --on-full detach', async (t) => {
  const at = await scene(t, 'cat >"$1/stream"', '--on-full', 'detach', '--full-timeout', '1')
  at.reader.child.kill('SIGSTOP')
  await at.journal.said(/no longer journalled/)
  t.match(at.journal.stderr(), /took nothing for 1 s/)
  await at.progressBy(500)
  at.reader.child.kill('SIGCONT')
  t.equal(await finish(t, at), 1, 'the journal says that not all was journalled')
  await at.reader.ended
  const replay = 'code=0; "$@" 2>&1 || code=$?; echo "exit $code"'
  const args = [program('tfs-mirror'), join(at.dir, 'stream'), join(at.dir, 'copy')]
  const said = await shell(replay, [process.execPath, ...args])
  t.match(said, /exit 2\n$/, 'and the stream does not look complete')
})

await t.test('a journal that waits for its reader can be ended', async (t) => {
  const at = await scene(t, 'cat >"$1/stream"')
  at.reader.child.kill('SIGSTOP')
  await standstill(at)
  at.journal.child.kill('SIGTERM')
  await Promise.race([at.journal.ended, sleep(3000)])
  at.journal.child.kill('SIGTERM')
  const { signal } = await at.journal.ended
  t.equal(signal, 'SIGTERM')
  t.notOk(isMounted(at.mount), 'no mount is left')
  at.reader.child.kill('SIGCONT')
  t.ok((await at.writer.ended).code !== null, 'who worked on it does not hang')
})
