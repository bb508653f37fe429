// tfs-mirror as its users start it: options, exit codes, what it says, signals, its way on to the
// next.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import t from 'tap'
import { sealChecksum } from '#wire'
import { messageOf, StreamWriter } from '../support/stream-writer.js'
import { mirrorProgram, runMirror } from '../support/run-mirror.js'
import { tempDirectory } from '../support/temp-directory.js'
import { listTree } from '../support/tree-listing.js'

t.setTimeout(300_000)

const me = { uid: 0, gid: 0, mtimeSec: 1, dirMtimeSec: 2 }
const sync = '--sync=none'

/** hello, ten files of a byte (messages 2 to 21, a second apart), bye. */
function sample(): StreamWriter {
  const stream = new StreamWriter()
  for (let i = 0; i < 10; i++) {
    stream.sec++
    stream.add('create', { path: `f${i}`, mode: 0o644, ...me })
    stream.add('write', { path: `f${i}`, data: 'x' })
  }
  return stream.bye()
}

function scene(t: Parameters<typeof tempDirectory>[0]) {
  const { path } = tempDirectory(t)
  const file = join(path, 'stream')
  fs.writeFileSync(file, sample().bytes)
  return { path, file, root: join(path, 'mirror') }
}
const filesIn = (root: string) => fs.readdirSync(root).filter((name) => name !== '.tfs').length

void t.test('from standard input, a file, a FIFO, a socket', async (t) => {
  const { path, file, root } = scene(t)
  const input = fs.readFileSync(file)
  t.match(runMirror([sync, join(path, 'a')], { input }), { status: 0, stderr: '' })
  t.match(runMirror([sync, '-', join(path, 'b')], { input }), { status: 0, stderr: '' })
  t.match(runMirror([sync, file, root]), { status: 0, stderr: '' })
  const fifo = join(path, 'fifo')
  spawnSync('mkfifo', [fifo])
  const piped = spawn(process.execPath, [mirrorProgram, sync, fifo, join(path, 'c')])
  fs.createReadStream(file).pipe(fs.createWriteStream(fifo))
  t.strictSame(await once(piped, 'exit'), [0, null])
  const server = createServer((socket) => socket.end(input)).listen(join(path, 'socket'))
  await once(server, 'listening')
  const reader = spawn(process.execPath, [
    mirrorProgram,
    sync,
    join(path, 'socket'),
    join(path, 'd'),
  ])
  t.strictSame(await once(reader, 'exit'), [0, null])
  server.close()
  for (const name of ['a', 'b', 'c', 'd']) t.equal(filesIn(join(path, name)), 10, name)
})

void t.test('no stream at all', async (t) => {
  const { root } = scene(t)
  const empty = runMirror([sync, root])
  t.match(empty, { status: 2, stderr: 'tfs-mirror: standard input: byte 0: is empty' })
})

void t.test('wrong usage', async (t) => {
  const { file, root } = scene(t)
  const wrong = [
    [],
    [file, root, 'more'],
    ['--until', '12:00:00', file, root],
    ['--until', '2026-13-01', file, root],
    ['--until', '2026-02-30', file, root],
    ['--ids', 'some', file, root],
    ['--ids', 'map=1', file, root],
    ['--ids', 'map=1:4294967295', file, root],
    ['--sync', 'never', file, root],
    ['--max-file-size', 'huge', file, root],
    ['--on-divergence', 'ignore', file, root],
    ['--tee', '--dry-run', file, root],
    ['--exclude', '/', file, root],
    ['--unknown', file, root],
  ]
  for (const args of wrong) {
    const { status, stderr } = runMirror(args)
    t.equal(status, 100, args.join(' '))
    t.match(stderr, /^tfs-mirror: /)
  }
  t.notOk(fs.existsSync(root))
  t.match(runMirror(['/does/not/exist', root]), { status: 111, stderr: /does not exist/ })
})

void t.test('exit codes: what a stream, a mirror and a target make of it', async (t) => {
  const { path, file, root } = scene(t)
  const bytes = fs.readFileSync(file)
  t.match(runMirror([sync, root], { input: bytes.subarray(0, 300) }), {
    status: 2,
    stderr: /more may be missing|bytes into a message/,
  })
  t.match(runMirror([sync, root], { input: new StreamWriter(99).bye().bytes }), {
    status: 2,
    stderr: /--force/,
  })
  const full = runMirror([sync, file, root], { env: { TFS_FAULTS: 'pwrite:9:ENOSPC' } })
  t.match(full, { status: 111, stderr: /^tfs-mirror: .*message \d+, byte \d+: .*ENOSPC/ })
  t.match(runMirror([sync, file, root]), { status: 0, stderr: '' })
  fs.rmSync(join(root, 'f3'))
  const more = new StreamWriter(8, { epoch: 7, seq: 22 }).add('unlink', { path: 'f3' }).bye()
  const args = [sync, '--on-divergence', 'stop', root]
  t.match(runMirror(args, { input: more.bytes }), { status: 1, stderr: /message 2, .*'f3'/ })
  t.match(runMirror([sync, root], { input: more.bytes }), { status: 1, stderr: /suspect/ })
  t.match(runMirror([sync, '-q', root], { input: more.bytes }), { status: 1, stderr: /suspect/ })
  const other = join(path, 'other')
  fs.mkdirSync(other)
  fs.writeFileSync(join(other, 'mine'), '')
  t.match(runMirror([sync, file, other]), { status: 1, stderr: /--force/ })
  t.match(runMirror([sync, '--force', file, other]), { status: 0, stderr: '' })
})

void t.test('--until a message or a time, and on from there', async (t) => {
  const { path, file, root } = scene(t)
  t.match(runMirror([sync, '--until', '7', file, root]), { status: 0, stderr: '' })
  t.equal(filesIn(root), 3)
  const back = runMirror([sync, '--until', '5', file, root])
  t.match(back, {
    status: 1,
    stderr: /is at message 7 of epoch 7 already, .*\(5\): .*does not go back/,
  })
  t.match(runMirror([sync, '--until', '@1700000001', file, root]), { status: 1 })
  t.match(runMirror([sync, '--until', '7', file, root]), { status: 0, stderr: '' }, 'there already')
  t.match(runMirror([sync, '--until', '8', file, root]), { status: 0, stderr: '' })
  t.equal(filesIn(root), 4)
  t.match(runMirror([sync, file, root]), { status: 0, stderr: '' })
  t.equal(filesIn(root), 10)
  const times: [string, number][] = [
    ['@1700000003', 3],
    ['@1700000003.999999999', 3],
    ['2023-11-14T22:13:25Z', 5],
    ['2023-11-14T23:13:25.5+01:00', 5],
    ['@1600000000', 0],
    ['2023-11-14', 0],
    ['2023-11-16', 10],
    ['@1800000000', 10],
  ]
  for (const [time, files] of times) {
    const at = join(path, time)
    t.match(runMirror([sync, '--until', time, file, at]), { status: 0, stderr: '' })
    t.equal(fs.existsSync(at) ? filesIn(at) : 0, files, time)
  }
})

void t.test('--until the last message that there is, and no further', async (t) => {
  const { path, file, root } = scene(t)
  const bytes = fs.readFileSync(file)
  const cut = bytes.subarray(0, messageEnd(bytes, 9))
  t.match(runMirror([sync, '--until', '9', root], { input: cut }), { status: 0, stderr: '' })
  t.match(runMirror([sync, '--until', '10', root], { input: cut }), { status: 2 })
  const hello = bytes.subarray(0, messageEnd(bytes, 1))
  const late = Buffer.concat([hello, bytes.subarray(messageEnd(bytes, 11))])
  const missed = runMirror([sync, '--until', '9', join(path, 'late')], { input: late })
  t.match(missed, { status: 1, stderr: /--until 9: .* goes on with 12/ })
  const child = spawn(process.execPath, [mirrorProgram, sync, '--until', '9', join(path, 'live')])
  child.stdin.write(cut)
  t.strictSame(await once(child, 'exit'), [0, null], 'without waiting for what comes behind it')
})

void t.test('19: --until a time, with a clock that goes back', async (t) => {
  const { path } = scene(t)
  const stream = new StreamWriter()
  for (const [i, sec] of [10, 20, 5, 15, 30].entries()) {
    stream.sec = 1_700_000_000 + sec
    stream.add('create', { path: `f${i}`, mode: 0o644, ...me })
  }
  const input = stream.bye().bytes
  const counts = [10, 15, 19, 20, 25].map((sec) => {
    const root = join(path, `${sec}`)
    runMirror([sync, '--until', `@${1_700_000_000 + sec}`, root], { input })
    return filesIn(root)
  })
  // The third and fourth count as no earlier than the second.
  t.strictSame(counts, [1, 1, 1, 4, 4])
})

void t.test('--dry-run changes nothing', async (t) => {
  const { file, root } = scene(t)
  const before = runMirror(['-n', file, root])
  t.match(before, { status: 0, stderr: '' })
  t.equal(before.stdout.toString().trim().split('\n').length, 20)
  t.notOk(fs.existsSync(root))
  t.equal(runMirror([sync, '--until', '11', file, root]).status, 0)
  const fewer = runMirror(['-n', '--include=f7', '--exclude=f?', file, root])
  t.equal(fewer.stdout.toString().trim().split('\n').length, 2)
  const tree = listTree(root, { without: [] })
  const after = runMirror(['--dry-run', file, root])
  t.match(after, { status: 0, stdout: /^ *12 .*create .*"f5"/ })
  t.equal(after.stdout.toString().trim().split('\n').length, 10)
  t.match(runMirror(['-n', root], { input: new StreamWriter(99).bye().bytes }), { status: 2 })
  t.strictSame(listTree(root, { without: [] }), tree)
})

void t.test('--stats, --progress, --verbose', async (t) => {
  const { file, root } = scene(t)
  t.match(runMirror([sync, '--stats', '--progress', file, root]), {
    status: 0,
    stderr: /Messages applied: 22\n[^]*create: 10\n[^]*Stream bytes: [\d,]+\n/,
  })
  t.match(runMirror([sync, '-v', file, root]), { status: 0, stderr: /22 messages .* before/ })
})

void t.test('--tee passes on the same bytes, also of what was applied before', async (t) => {
  const { path, file, root } = scene(t)
  const bytes = fs.readFileSync(file)
  for (let i = 0; i < 2; i++) {
    const { status, stdout } = runMirror([sync, '--tee', file, root])
    t.equal(status, 0)
    t.ok(stdout.equals(bytes))
  }
  const hop = messageOf('tick', {}, { seq: 0 })
  hop.writeUInt16LE(8, 6)
  sealChecksum(hop)
  const end = messageEnd(bytes, 9)
  const hopping = Buffer.concat([bytes.subarray(0, end), hop, bytes.subarray(end)])
  const next = runMirror([sync, '--tee', join(path, 'hop')], { input: hopping })
  t.ok(next.stdout.equals(bytes), 'what is for the next program only stays here')
  const part = runMirror([sync, '--tee', '--until', '9', file, join(path, 'part')])
  t.ok(part.stdout.equals(bytes.subarray(0, end)), 'up to the end that was set')
  const bad = Buffer.concat([bytes.subarray(0, end), Buffer.alloc(64)])
  const cut = runMirror([sync, '--tee', join(path, 'bad')], { input: bad })
  t.equal(cut.status, 2)
  t.ok(cut.stdout.equals(bytes.subarray(0, end)), 'what was applied before the fault')
  const program = `node ${mirrorProgram} ${sync}`
  const chain = `${program} --tee ${file} ${path}/1 | ${program} ${path}/2`
  t.equal(spawnSync('bash', ['-o', 'pipefail', '-c', chain], { timeout: 60_000 }).status, 0)
  const diff = ['-r', '--exclude=.tfs', join(path, '1'), join(path, '2')]
  t.equal(spawnSync('diff', diff, { encoding: 'utf8' }).stdout, '')
})

// Where message `seq` ends.
function messageEnd(bytes: Buffer, seq: number): number {
  let at = 0
  for (let i = 0; i < seq; i++) at += bytes.readUInt32LE(at)
  return at
}

void t.test('--tee: a reader that goes away, a reader that does not read', async (t) => {
  const { path } = scene(t)
  const stream = new StreamWriter().add('create', { path: 'f', mode: 0o600 })
  for (let i = 0; i < 60; i++) stream.add('write', { path: 'f', data: Buffer.alloc(1 << 20) })
  const file = join(path, 'large')
  fs.writeFileSync(file, stream.bye().bytes)
  const gone = spawn(process.execPath, [mirrorProgram, sync, '--tee', file, join(path, 'gone')])
  gone.stdout.once('data', () => gone.stdout.destroy())
  let said = ''
  gone.stderr.on('data', (data: Buffer) => (said += data.toString()))
  t.strictSame(await once(gone, 'exit'), [111, null])
  t.match(said, /passed on/)
  t.equal(runMirror([sync, file, join(path, 'gone')]).status, 0, 'goes on where it was')

  const stuck = spawn(process.execPath, [mirrorProgram, sync, '--tee', file, join(path, 'stuck')])
  const at = join(path, 'stuck/f')
  for (let last = -1; ;) {
    await setTimeout(300)
    const size = fs.existsSync(at) ? fs.statSync(at).size : 0
    if (size > 0 && size === last) break
    last = size
  }
  t.ok(fs.statSync(at).size < 40 << 20, 'waits for it')
  stuck.kill('SIGTERM')
  t.strictSame(await once(stuck, 'exit'), [null, 'SIGTERM'], 'but not for ever')
})

void t.test('--tee: an error is told although the reader does not read', async (t) => {
  const { path } = scene(t)
  const stream = new StreamWriter().add('create', { path: 'f', mode: 0o600 })
  for (let i = 0; i < 40; i++) stream.add('write', { path: 'f', data: Buffer.alloc(65_000) })
  const file = join(path, 'large')
  fs.writeFileSync(file, stream.bytes)
  const child = spawn(
    process.execPath,
    [mirrorProgram, sync, '--tee', file, join(path, 'mirror')],
    {
      env: { ...process.env, TFS_FAULTS: 'pwrite:52:ENOSPC:9' },
    },
  )
  t.teardown(() => child.kill('SIGKILL'))
  const [said] = (await once(child.stderr, 'data')) as [Buffer]
  t.match(said.toString(), /ENOSPC/)
  let passed = 0
  child.stdout.on('data', (data: Buffer) => (passed += data.length))
  t.strictSame(await once(child, 'close'), [111, null])
  t.ok(passed > 20 * 65_000 && passed < 30 * 65_000, 'once it reads it gets what was applied')
})

void t.test('a signal ends it behind a message, and it goes on there', async (t) => {
  const { path } = scene(t)
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    const root = join(path, name)
    const child = spawn(process.execPath, [mirrorProgram, '-', root])
    const { messages } = sample()
    child.stdin.write(Buffer.concat(messages.slice(0, 11)))
    while (!fs.existsSync(join(root, 'f4'))) await setTimeout(5)
    child.kill(name)
    t.strictSame(await once(child, 'exit'), [null, name])
    const rest = runMirror([sync, '-v', root], { input: Buffer.concat(messages) })
    t.match(rest, { status: 0, stderr: /1[01] messages had been applied before/ })
    t.equal(filesIn(root), 10)
  }
})
