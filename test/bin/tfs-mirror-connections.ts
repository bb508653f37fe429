// tfs-mirror on a socket or another host: connections that break, relays that refuse, ends of
// epochs, acks.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { start } from '../support/broadcast-process.js'
import { descendant } from '../support/chaos/descendants.js'
import { FlakyRelay } from '../support/flaky-relay.js'
import { until } from '../support/journal-place.js'
import { mirrorPosition } from '../support/mirror-position.js'
import { mirrorProgram, runMirror } from '../support/run-mirror.js'
import { replay } from '../support/replay.js'
import { seeded } from '../support/seed.js'
import { severalEpochs } from '../support/several-epochs.js'
import { spoolOf } from '../support/spool-files.js'
import { StreamWriter } from '../support/stream-writer.js'
import { tempDirectory } from '../support/temp-directory.js'
import { listTree } from '../support/tree-listing.js'

t.setTimeout(300_000)
const sync = '--sync=none'
const standIn = join(import.meta.dirname, '../support/ssh-stand-in.js')

void t.test('connections break, the mirror is killed: exact, each message once', async (t) => {
  const random = seeded(t)
  const { messages } = severalEpochs(random, 3, 600, (stream) => {
    if (random.next(3) === 0) stream.writer.add('fsync', { path: '' })
  })
  const relay = await FlakyRelay.start(t)
  relay.cutAfter = () => 1 + random.next(100_000)
  relay.add(messages.slice(0, 20))
  const { path } = tempDirectory(t)
  const [root, alone] = [join(path, 'mirror'), join(path, 'alone')]
  let [at, killed] = [20, 0]
  while (at < messages.length) {
    const args = ['--sync', '3600', '--follow', relay.path, root]
    const child = spawn(process.execPath, [mirrorProgram, ...args], { stdio: 'ignore' })
    const exited = once(child, 'exit')
    const seen = relay.asked.length
    if (at > 20)
      await until('connected', () => relay.asked.length > seen || child.exitCode !== null)
    const next = at + Math.ceil(messages.length / 6)
    while (at < next && at < messages.length) {
      relay.add(messages.slice(at, at + 10))
      at += 10
      await sleep(random.next(5))
    }
    child.kill('SIGKILL')
    if (((await exited) as [number | null, string])[1] === 'SIGKILL') killed++
  }
  // It has to come back however often.
  relay.cutAfter = () => 400_000
  const last = runAgain(t, ['--sync', '3600', '--stats', relay.path, root])
  const { code, stderr } = await last.ended
  t.equal(code, 0, stderr)
  t.match(stderr, /Messages applied before: 0\n/)
  t.ok(killed > 3, `${killed} kills, ${relay.connections} connections`)
  const position = mirrorPosition(root)
  const bytes = messages.slice(1).reduce((sum, { length }) => sum + length, 0)
  t.strictSame([position.messages, position.bytes], [messages.length - 1, bytes], 'each once')
  await replay(messages, alone)
  t.strictSame(listTree(root), listTree(alone))
  t.equal(new Set(relay.acks.map(({ who }) => who)).size, 1, 'one name')
  const { epoch, seq } = position
  t.match(relay.acks.at(-1), { epoch, received: seq, applied: seq, durable: seq })
  t.ok(relay.acks.every(({ applied, durable }) => durable <= applied))
})

const runAgain = (t: Parameters<typeof start>[0], args: readonly string[]) =>
  start(t, process.execPath, [mirrorProgram, ...args])

void t.test('after a bye it ends, or stays for the next epoch', async (t) => {
  const relay = await FlakyRelay.start(t)
  const { path } = tempDirectory(t)
  const first = new StreamWriter(7).add('mkdir', { path: 'a' }).bye()
  relay.add(first.messages)
  const root = join(path, 'ends')
  const ends = runAgain(t, [sync, relay.path, root])
  t.equal((await ends.ended).code, 0, 'although the relay stays')
  const stays = runAgain(t, [sync, '-f', relay.path, join(path, 'stays')])
  await until('applied', () => fs.existsSync(join(path, 'stays/a')))
  await sleep(1500)
  t.equal(stays.child.exitCode, null)
  const second = new StreamWriter(8, { epoch: 7, seq: first.seq }).add('mkdir', { path: 'b' })
  relay.add(second.messages)
  await until('applied', () => fs.existsSync(join(path, 'stays/b')))
  stays.child.kill('SIGUSR1')
  await stays.said(/suspects: 0\n[^]*connection: there, 1 so far\n/)
  t.match(stays.stderr(), /status: not healthy: is behind\n.*status: position: 8:2, /)
  stays.child.kill('SIGTERM')
  t.equal((await stays.ended).signal, 'SIGTERM')
  relay.add(second.bye().messages.slice(-1))
  t.equal((await runAgain(t, [sync, relay.path, root]).ended).code, 0)
  t.ok(fs.existsSync(join(root, 'b')), 'it goes on with the next epoch')
  t.strictSame(relay.asked.at(-1), { epoch: 7, seq: first.seq })
})

void t.test('a relay that does not know the position', async (t) => {
  const relay = await FlakyRelay.start(t)
  const root = join(tempDirectory(t).path, 'mirror')
  const own = new StreamWriter(7).add('mkdir', { path: 'a' }).bye()
  t.equal(runMirror([sync, root], { input: own.bytes }).status, 0)
  relay.add(new StreamWriter(99).add('mkdir', { path: 'b' }).bye().messages)
  const refused = await runAgain(t, [sync, relay.path, root]).ended
  t.match(refused, { code: 2, stderr: /socket refuses: epoch 7 is not known.*rsync.*--force/ })
  t.notOk(fs.existsSync(join(root, 'b')))
  const forced = await runAgain(t, [sync, '--force', relay.path, root]).ended
  t.match(forced, { code: 0, stderr: /takes what there is \(--force\)/ })
  t.ok(fs.existsSync(join(root, 'b')))
})

void t.test('--tee begins with a hello where the stream goes on', async (t) => {
  const { path } = tempDirectory(t)
  const root = join(path, 'mirror')
  const stream = new StreamWriter(7).add('mkdir', { path: 'a' })
  const spool = spoolOf(t, stream.messages)
  t.match(runMirror([sync, '--tee', spool, root]), { status: 2, stdout: stream.bytes })
  stream.add('mkdir', { path: 'b' }).bye()
  const { messages } = stream
  const rest = runMirror([sync, '--tee', spoolOf(t, messages), root])
  t.equal(rest.status, 0, rest.stderr)
  t.ok(rest.stdout.equals(Buffer.concat([messages[0]!, ...messages.slice(2)])))
  const next = new StreamWriter(8, { epoch: 7, seq: stream.seq }).add('mkdir', { path: 'c' }).bye()
  const behind = runMirror([sync, '--tee', spoolOf(t, [...messages, ...next.messages]), root])
  t.ok(behind.stdout.equals(next.bytes), 'which it has itself at the beginning of an epoch')
})

void t.test('on another host, by a remote shell', async (t) => {
  const { path } = tempDirectory(t)
  const shell = join(path, 'shell')
  fs.writeFileSync(shell, '#!/bin/sh\nshift\nexec sh -c "$*"\n', { mode: 0o755 })
  const cat = join(import.meta.dirname, '../../bin/tfs-cat.js')
  const over = ['-e', shell, '--tfs-path', `${process.execPath} ${cat}`, sync]
  const first = new StreamWriter(7).add('mkdir', { path: 'a' }).bye()
  const spool = spoolOf(t, first.messages)
  const root = join(path, 'mirror')
  t.match(await runAgain(t, [...over, `host:${spool}`, root]).ended, { code: 0 })
  t.ok(fs.existsSync(join(root, 'a')))
  const foreign = spoolOf(t, new StreamWriter(99).bye().messages)
  const refused = await runAgain(t, [...over, `host:${foreign}`, root]).ended
  t.match(refused, { code: 2, stderr: /refuses: .*epoch 7/ })
  const gone = await runAgain(t, [...over, `host:${path}/gone`, root]).ended
  t.match(gone, { code: 111, stderr: /does not exist/ })
})

void t.test('on another host, where nobody serves the socket for a while', async (t) => {
  const relay = await FlakyRelay.start(t)
  const cat = join(import.meta.dirname, '../../bin/tfs-cat.js')
  const { execPath } = process
  const over = ['-e', `${execPath} ${standIn}`, '--tfs-path', `${execPath} ${cat}`, sync]
  const stream = new StreamWriter(7).add('mkdir', { path: 'a' })
  relay.add(stream.messages)
  const root = join(tempDirectory(t).path, 'mirror')
  const mirror = runAgain(t, ['-v', ...over, `host:${relay.path}`, root])
  await until('applied', () => fs.existsSync(join(root, 'a')))
  // The connection breaks, and the next ones find nobody there.
  fs.renameSync(relay.path, `${relay.path}.away`)
  process.kill(descendant(mirror.child.pid, 'ssh-stand-in')!, 'SIGKILL')
  await mirror.said(/does not exist[^]*does not exist/)
  fs.renameSync(`${relay.path}.away`, relay.path)
  relay.add(stream.add('mkdir', { path: 'b' }).bye().messages.slice(2))
  const { code, stderr } = await mirror.ended
  t.equal(code, 0, stderr)
  t.match(stderr, /SIGKILL; trying again until it is back\n[^]*is back\n/)
  t.ok(fs.existsSync(join(root, 'b')))
})

void t.test('a host that is away is said once, whatever the remote shell says', async (t) => {
  const { path } = tempDirectory(t)
  const shell = join(path, 'shell')
  // The first connection breaks off, the next ones fail, the last one is good.
  const script = `#!/bin/bash
    shift; echo >>'${path}/tries'; n=$(wc -l <'${path}/tries')
    case $n in
      1) sh -c "$*" | head -c 500; exit 255 ;;
      2 | 3) echo 'no route to host' >&2; exit 255 ;;
      *) exec sh -c "$*" ;;
    esac\n`
  fs.writeFileSync(shell, script, { mode: 0o755 })
  const cat = join(import.meta.dirname, '../../bin/tfs-cat.js')
  const stream = new StreamWriter(7)
  for (let i = 0; i < 20; i++) stream.add('mkdir', { path: `d${i}` })
  const spool = spoolOf(t, stream.bye().messages)
  const root = join(path, 'mirror')
  const args = ['-e', shell, '--tfs-path', `${process.execPath} ${cat}`, sync, `host:${spool}`]
  const { code, stderr } = await runAgain(t, [...args, root]).ended
  t.equal(code, 0, stderr)
  const [joined, ...lines] = stderr.split('\n')
  t.match(joined, /is taken to be what the source held/)
  t.match(lines, [/exit code 255; trying again until it is back$/, /: is back$/, ''])
  t.equal(lines.length, 3)
  t.ok(fs.existsSync(join(root, 'd19')))
})
