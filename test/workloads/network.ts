// A mirror on another host, through real ssh: packets are lost all the time, then the wire is cut.
// It says so once, and once that it is back; it ends exact, and nothing that it had came again.

import { spawnSync, type StdioOptions } from 'node:child_process'
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { listening, start, type Running } from '../support/broadcast-process.js'
import { connections, keeping } from '../support/connection-record.js'
import { until } from '../support/journal-place.js'
import { LossyLink } from '../support/lossy-link.js'
import { hasJoined, isMounted } from '../support/mirrored-mount.js'
import { rsyncCompare } from '../support/rsync-compare.js'
import { shell } from '../support/shell.js'
import { startSshServer } from '../support/ssh-server.js'
import { tempDirectory } from '../support/temp-directory.js'

if (process.getuid?.() !== 0) throw new Error('network namespaces are made here: run it as root')

const isLong = process.env['TFS_LONG'] !== undefined
/** Before the cut and after it. */
const workMs = isLong ? 30_000 : 1500
/** For so long at least: the mirror has to notice it, too. */
const cutMs = isLong ? 30_000 : 0
const lostPercent = 5
const timeoutMs = 600_000
/** ssh lets 2 MiB be on their way; what it and pipes hold beside that is less. */
const inFlightMax = 3 << 20

const build = join(import.meta.dirname, '../..')
const program = (name: string) => join(build, 'bin', `${name}.js`)
const writerProgram = join(build, 'test/support/steady-writer.js')

const bulkSize = isLong ? '100000' : '50000'

// Beside the small changes of the steady writer, some that fill what is between the hosts.
const bulk = `i=0; while [ -e "$2" ]; do
  i=$((i + 1)); head -c "$3" /dev/urandom >"$1/bulk-$((i % 5))"; sleep 0.1; done`

interface Source {
  readonly dir: string
  readonly store: string
  readonly mount: string
  readonly spool: string
  readonly socket: string
  readonly journal: Running
}

async function startSource(t: Test, dir: string): Promise<Source> {
  const [store, mount, spool, socket] = ['store', 'mount', 'spool', 'socket'].map((name) =>
    join(dir, name),
  ) as [string, string, string, string]
  for (const path of [store, mount]) mkdirSync(path)
  t.teardown(() => {
    if (isMounted(mount)) spawnSync('umount', ['-l', mount], { timeout: 30_000 })
  })
  const words = [process.execPath, program('tfs-broadcast'), '--spool', spool, socket]
  const head = `exec ${words.map((word) => `'${word}'`).join(' ')}`
  const args = [program('tfs-journal'), '--spool', spool, '--exec', head, store, mount]
  const stdio: StdioOptions = ['ignore', 'ignore', 'pipe']
  const journal = start(t, process.execPath, args, { timeoutMs, stdio })
  await until('the mount', () => isMounted(mount))
  await listening(socket, journal)
  return { dir, store, mount, spool, socket, journal }
}

/** The mirror on the other host; what its connections carry is kept at both ends. */
async function startMirror(t: Test, { dir, socket }: Source, link: LossyLink): Promise<Running> {
  const { config } = await startSshServer(t, dir, link.far, timeoutMs)
  const ssh = ['setpriv', '--pdeathsig', 'KILL', 'ssh', '-F', config]
  const [rsh, cat] = [join(dir, 'rsh'), join(dir, 'cat')]
  writeFileSync(rsh, keeping(dir, 'received', ssh), { mode: 0o755 })
  const far = [process.execPath, program('tfs-cat')]
  writeFileSync(cat, keeping(dir, 'sent', far), { mode: 0o755 })
  const copy = join(dir, 'copy')
  const args = ['-e', rsh, '--tfs-path', cat, `source:${socket}`, copy]
  const words = [...link.near.enter, process.execPath, program('tfs-mirror'), ...args]
  const mirror = start(t, words[0]!, words.slice(1), { timeoutMs })
  await until('the mirror', () => {
    if (mirror.child.exitCode !== null) throw new Error(mirror.stderr())
    return hasJoined(copy)
  })
  return mirror
}

/** Two writers on the mount; how far the first is. */
function startWriters(t: Test, { dir, mount }: Source) {
  const [progress, going] = [join(dir, 'progress'), join(dir, 'going')]
  writeFileSync(going, '')
  const steady = start(t, process.execPath, [writerProgram, mount, progress, '10'], { timeoutMs })
  const large = start(t, 'bash', ['-ec', bulk, 'bash', mount, going, bulkSize], { timeoutMs })
  const done = () => statSync(progress, { throwIfNoEntry: false })?.size ?? 0
  return {
    done,
    async end() {
      steady.child.kill('SIGTERM')
      await shell('rm "$1"', [going])
      const [one, other] = [await steady.ended, await large.ended]
      t.match([one.code, other.code], [0, 0], `the writers saw no error ${one.stderr}`)
    },
  }
}

async function caughtUp({ dir, mount }: Source, name: string): Promise<void> {
  await shell('mkdir "$1"', [join(mount, name)])
  const end = performance.now() + timeoutMs / 4
  while (!existsSync(join(dir, 'copy', name))) {
    if (performance.now() > end) throw new Error(`${name} has not reached the mirror`)
    await sleep(20)
  }
}

t.setTimeout(isLong ? 1_200_000 : 300_000)
void t.test('5 % of packets lost, and the wire cut: exact, each message once', async (t) => {
  const source = await startSource(t, tempDirectory(t).path)
  const link = await LossyLink.make(t, lostPercent)
  const mirror = await startMirror(t, source, link)
  const writers = startWriters(t, source)
  await until('changes', () => writers.done() > 0)
  const cuts = isLong ? [link.far, link.near] : [link.far]
  for (const [i, host] of cuts.entries()) {
    await sleep(workMs)
    await caughtUp(source, `before-${i}`)
    const before = writers.done()
    link.cut(host)
    const cutAt = performance.now()
    await until('lost', () => count(mirror, lost) === i + 1)
    const lostAfter = performance.now() - cutAt
    await sleep(Math.max(0, cutMs - lostAfter))
    const meanwhile = writers.done() - before
    t.ok(meanwhile > 0, `${meanwhile} changes on the mount while the wire is cut`)
    link.mend(host)
    const mendedAt = performance.now()
    await until('back', () => count(mirror, back) === i + 1)
    const backAfter = performance.now() - mendedAt
    await caughtUp(source, `after-${i}`)
    const currentAfter = performance.now() - mendedAt
    t.comment(
      `lost is said after ${seconds(lostAfter)} s, cut for ${seconds(mendedAt - cutAt)} s; ` +
        `back after ${seconds(backAfter)} s, current after ${seconds(currentAfter)} s`,
    )
  }
  await sleep(workMs)
  await writers.end()
  await caughtUp(source, 'at-the-end')
  const { all, lost: gone, bytes } = link.packets()
  t.ok(gone > 0, `${gone} of ${all} packets were lost`)
  await shell('umount "$1"', [source.mount])
  t.equal((await source.journal.ended).code, 0, source.journal.stderr())
  t.match(await mirror.ended, { code: 0, signal: null }, mirror.stderr())
  t.equal(await rsyncCompare(source.store, join(source.dir, 'copy')), '', 'exact')
  t.equal(count(mirror, lost), cuts.length, 'said once that the connection was lost')
  t.equal(count(mirror, back), cuts.length, 'and once that it is back')
  t.equal(count(mirror, /is taken to be what the source held/g), 1)
  t.equal(mirror.stderr().split('\n').length - 1, 1 + 2 * cuts.length, 'and nothing else')
  t.comment(`${all} packets, ${bytes} bytes on the wire`)
  counted(t, source, cuts.length)
})

const seconds = (ms: number) => (ms / 1000).toFixed(1)
const lost = /; trying again until it is back$/gm
const back = /: is back$/gm
const count = ({ stderr }: Running, said: RegExp) => [...stderr().matchAll(said)].length

// What went in at one end of the connections and came out at the other, against the stream as the
// spool has it.
function counted(t: Test, { dir, spool }: Source, cuts: number): void {
  const stream = connections(spool, /\.tfs$/).flatMap(({ messages }) => messages)
  const [sent, received] = [connections(dir, /^sent/), connections(dir, /^received/)]
  const got = received.flatMap(({ messages }) => messages)
  // It joined where there had been a hello and some ticks.
  const joined = stream.length - (got.length - 1)
  t.ok(joined > 0 && got[0]!.equals(stream[0]!), 'it got the hello')
  t.ok(
    got.slice(1).every((one, i) => one.equals(stream[joined + i]!)),
    'and the rest once',
  )
  const whole = bytesOf(got)
  const inFlight = sum(sent, ({ messages }) => bytesOf(messages)) - whole
  t.ok(
    inFlight < cuts * inFlightMax,
    `${inFlight} bytes in flight when the wire was cut came again`,
  )
  const all = sum(received, ({ bytes }) => bytes)
  const torn = sum(received, (one) => one.torn)
  t.comment(
    `stream: ${whole} bytes, ${got.length} messages; ${received.length} connections tried, ` +
      `${sent.length} made, which brought ${all} bytes, ${torn} of them torn messages`,
  )
}

const sum = <T>(list: readonly T[], size: (one: T) => number) =>
  list.reduce((total, one) => total + size(one), 0)
const bytesOf = (messages: readonly Buffer[]) => sum(messages, ({ length }) => length)
