// tfs-spool as its users start it.

import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { decodeMessage, Framer, type Message } from '#wire'
import { start, type Running } from '../support/broadcast-process.js'
import { filesOf, history, readSpool } from '../support/spool-files.js'
import { messageOf, StreamWriter } from '../support/stream-writer.js'
import { tempDirectory } from '../support/temp-directory.js'

t.setTimeout(300_000)

const bin = (name: string) => join(import.meta.dirname, `../../bin/${name}.js`)
const program = bin('tfs-spool')
const newPath = (t: Test) => join(tempDirectory(t).path, 'spool')

function spool(input: Buffer | string, ...args: string[]) {
  const options = { input, timeout: 60_000, maxBuffer: 1 << 28 }
  const run = spawnSync(process.execPath, [program, ...args], options)
  return { status: run.status, stdout: run.stdout, stderr: run.stderr.toString() }
}

const startSpool = (t: Test, ...args: string[]): Running =>
  start(t, process.execPath, [program, ...args])

const messagesIn = (bytes: Buffer): Message[] => {
  const framer = new Framer()
  framer.push(bytes)
  const messages: Message[] = []
  for (let m = framer.next(); m; m = framer.next()) messages.push(decodeMessage(m)!)
  return messages
}

const stream = history(50).add('mark', { name: 'before upgrade' }).add('tick').bye()
const small = ['--segment-size', '2000', '--sync', 'none']

void t.test('what comes in is kept and goes on, once', async (t) => {
  const path = newPath(t)
  const first = spool(stream.bytes, ...small, path)
  t.match(first, { status: 0, stderr: '' })
  t.ok(first.stdout.equals(stream.bytes))
  t.ok(filesOf(path).length > 3)
  t.ok(readSpool(path).equals(stream.bytes))
  const again = spool(stream.bytes, ...small, path)
  t.match(again, { status: 0, stderr: '' })
  t.equal(again.stdout.length, 0)
  const next = new StreamWriter(8, { epoch: 7, seq: stream.seq }).add('tick').bye()
  t.ok(spool(next.bytes, '--sync', 'always', path).stdout.equals(next.bytes))
  t.ok(readSpool(path).equals(Buffer.concat([stream.bytes, next.bytes])))
})

void t.test('an input without a bye is kept, and goes on later', async (t) => {
  const path = newPath(t)
  const half = stream.messages.slice(0, 20)
  const piece = Buffer.concat([...half, stream.messages[20]!.subarray(0, 100)])
  const first = spool(piece, ...small, path)
  t.match(first, { status: 2, stderr: /100 bytes into a message/ })
  t.ok(first.stdout.equals(Buffer.concat(half)))
  t.match(spool(Buffer.alloc(0), path), { status: 2, stderr: /without a bye/ })
  const rest = Buffer.concat(stream.messages.slice(15))
  const second = spool(rest, ...small, path)
  t.match(second, { status: 0, stderr: '' })
  const joined = Buffer.concat([stream.messages[0]!, ...stream.messages.slice(20)])
  t.ok(second.stdout.equals(joined), 'the reader gets the hello first')
  t.ok(readSpool(path).equals(stream.bytes))
})

void t.test('a gap in the input', async (t) => {
  const path = newPath(t)
  const bytes = Buffer.concat([...stream.messages.slice(0, 10), ...stream.messages.slice(30)])
  const { status, stdout, stderr } = spool(bytes, path)
  t.equal(status, 0)
  t.match(stderr, 'messages 11 to 30 of epoch 7 are missing: a gap says so')
  t.match(messagesIn(stdout)[10], { name: 'gap', body: { from: 11, to: 30 } })
})

void t.test('--from: a position, a time, a mark', async (t) => {
  const path = newPath(t)
  spool(stream.bytes, ...small, path)
  const behind = (count: number) =>
    Buffer.concat([stream.messages[0]!, ...stream.messages.slice(count)])
  for (const [from, expected] of [
    ['oldest', stream.bytes],
    ['7:0', stream.bytes],
    ['7:1', behind(1)],
    ['7:30', behind(30)],
    ['before upgrade', behind(52)],
    ['mark:before upgrade', behind(52)],
    ['@1600000000', stream.bytes],
    ['2020-01-01', stream.bytes],
    ['2030-01-01T12:00:00Z', Buffer.alloc(0)],
    ['newest', Buffer.alloc(0)],
  ] as const) {
    const { status, stdout, stderr } = spool('', '--from', from, path)
    t.match({ status, stderr }, { status: 0, stderr: '' }, from)
    t.ok(stdout.equals(expected), from)
  }
  for (const [from, status, stderr] of [
    ['7:99', 1, /no message 99 of epoch 7: the last one is 54/],
    ['9:1', 1, /does not have what follows message 1 of epoch 9/],
    ['nothing', 1, /no mark 'nothing'/],
  ] as const)
    t.match(spool('', '--from', from, path), { status, stderr }, from)
  t.match(spool('', '--from', 'oldest', join(path, 'none')), { status: 111, stderr: /none/ })
  const open = newPath(t)
  spool(history(3).bytes, open)
  t.match(spool('', '--from', 'oldest', open), { status: 2, stderr: /without a bye/ })
})

void t.test('--follow goes on as another process writes, until a signal', async (t) => {
  const path = newPath(t)
  spool(Buffer.concat(stream.messages.slice(0, 10)), path)
  const follower = startSpool(t, '--follow', path)
  const seen: Buffer[] = []
  follower.child.stdout!.on('data', (piece: Buffer) => seen.push(piece))
  const until = async (size: number) => {
    while (Buffer.concat(seen).length < size) await sleep(2)
  }
  await until(Buffer.concat(stream.messages.slice(0, 10)).length)
  const writer = startSpool(t, '--segment-size', '1000', path)
  writer.child.stdout!.resume()
  for (const message of stream.messages.slice(10)) {
    writer.stdin.write(message)
    await until(Buffer.concat(seen).length + message.length)
  }
  writer.stdin.end()
  t.match(await writer.ended, { code: 0, stderr: '' })
  const next = new StreamWriter(8, { epoch: 7, seq: stream.seq }).bye()
  spool(next.bytes, path)
  await until(stream.bytes.length + next.bytes.length)
  t.ok(Buffer.concat(seen).equals(Buffer.concat([stream.bytes, next.bytes])))
  follower.child.kill('SIGUSR1')
  await follower.said(
    new RegExp(`output: at 8:2, ${stream.bytes.length + next.bytes.length} bytes`),
  )
  follower.child.kill('SIGTERM')
  t.match(await follower.ended, { code: null, signal: 'SIGTERM' })
})

void t.test('a signal ends it also where its reader takes nothing', async (t) => {
  const path = newPath(t)
  const large = new StreamWriter()
  for (let i = 0; i < 30; i++) large.add('write', { path: 'f', data: Buffer.alloc(100_000, i) })
  spool(large.bye().bytes, '--sync', 'none', path)
  for (const args of [['--follow'], ['--follow', '--reader', 'copy']]) {
    const { child, ended } = startSpool(t, ...args, path)
    await new Promise((resolve) => child.stdout!.once('readable', resolve))
    child.kill('SIGTERM')
    t.match(await ended, { code: null, signal: 'SIGTERM', stderr: '' })
  }
})

void t.test('a reader that goes away does not end it', async (t) => {
  const path = newPath(t)
  const running = startSpool(t, '--segment-size', '100K', path)
  running.child.stdout!.destroy()
  const large = history(300).bye()
  for (const message of large.messages.slice(0, 100)) running.stdin.write(message)
  await running.said(/gets nothing more, the spool goes on/)
  for (const message of large.messages.slice(100)) running.stdin.write(message)
  running.stdin.end()
  const { code, stderr } = await running.ended
  t.equal(code, 0)
  t.equal(stderr.match(/goes on/g)?.length, 1)
  t.ok(readSpool(path).equals(large.bytes))
})

void t.test('a signal: what came is kept', async (t) => {
  const path = newPath(t)
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const running = startSpool(t, path)
    const have = fs.existsSync(path) ? 20 : 0
    const part = Buffer.concat(stream.messages.slice(have, have + 20))
    const seen = new Promise<void>((resolve) => running.child.stdout!.once('data', () => resolve()))
    running.stdin.write(part)
    await seen
    running.child.kill(signal)
    t.match(await running.ended, { code: null, signal, stderr: '' })
    t.ok(readSpool(path).equals(Buffer.concat(stream.messages.slice(0, have + 20))))
  }
})

void t.test('one writer at a time; SIGUSR1 tells where it is', async (t) => {
  const path = newPath(t)
  const running = startSpool(t, path)
  running.child.stdout!.resume()
  running.stdin.write(stream.messages[0])
  while (!fs.existsSync(path) || filesOf(path).length === 0) await sleep(5)
  t.match(spool(stream.bytes, path), { status: 1, stderr: /written by another process/ })
  running.child.kill('SIGUSR1')
  await running.said(/spool: flowing at 7:1, segment 1/)
  running.stdin.end(Buffer.concat(stream.messages.slice(1)))
  t.match(await running.ended, { code: 0 })
  t.ok(readSpool(path).equals(stream.bytes))
})

void t.test('ls, verify, and damage', async (t) => {
  const path = newPath(t)
  spool(stream.bytes, ...small, path)
  const names = filesOf(path)
  const text = spool('', 'ls', path)
  t.match(text, { status: 0, stderr: '' })
  const lines = text.stdout.toString().split('\n')
  t.match(lines[0], /^segment {2}0000000001\S+ {2}7:1 to 7:\d+ {2}\d+ bytes {2}2023-11-14T22:13:20/)
  t.match(text.stdout.toString(), /^mark {5}7:52 {2}\S+ {2}before upgrade$/m)
  t.match(lines.at(-2), `total    ${names.length} segments, ${stream.bytes.length} bytes`)
  const json = JSON.parse(spool('', 'ls', '--json', path).stdout.toString()) as unknown
  t.match(json, {
    segments: names.map((name) => ({ name, epoch: 7 })),
    marks: [{ name: 'before upgrade', epoch: 7, seq: 52 }],
    readers: [],
  })
  t.match(spool('', 'verify', path), {
    status: 0,
  })
  const said = `${names.length} segments, 54 messages, ${stream.bytes.length} bytes, up to 7:54\n`
  t.equal(spool('', 'verify', path).stdout.toString(), said)
  const file = join(path, names[2]!)
  const bytes = fs.readFileSync(file)
  bytes[300]! ^= 4
  fs.writeFileSync(file, bytes)
  const where = new RegExp(`${names[2]!}, byte \\d+: the checksum .*of epoch 7 lost: \\d+\n`)
  t.match(spool('', 'verify', path), { status: 2, stderr: where })
  const read = spool('', '--from', 'oldest', path)
  t.match(read, { status: 2, stderr: where })
  t.ok(stream.bytes.subarray(0, read.stdout.length).equals(read.stdout))
})

void t.test('trim, and a reader that comes too late', async (t) => {
  const path = newPath(t)
  const large = new StreamWriter()
  for (let i = 0; i < 100; i++) large.add('write', { path: 'f', data: Buffer.alloc(100_000, i) })
  large.bye()
  spool(large.bytes, '--segment-size', '500K', '--sync', 'none', path)
  const from = (...more: string[]) =>
    spool('', '--from', 'oldest', '--reader', 'copy', ...more, path)
  t.ok(from().stdout.equals(large.bytes))
  t.match(spool('', 'ls', path).stdout.toString(), /^reader {3}copy {2}7:0$|^reader {3}copy/m)
  const would = spool('', 'trim', '--dry-run', '--keep', '1M', '--keep-max', '2M', path)
  t.match(would, { status: 0, stderr: /reader copy: .*loses messages/ })
  t.match(would.stdout.toString(), 'would be removed')
  const count = filesOf(path).length
  t.match(spool('', 'trim', '--keep', '1M', '--keep-max', '2M', path), { status: 0 })
  t.ok(filesOf(path).length < count - 10)
  const late = from()
  t.match(late, { status: 2, stderr: /lost messages: what follows 7:\d+ was trimmed up to 7:\d+/ })
  t.match(messagesIn(late.stdout), [{ name: 'hello' }, { name: 'gap' }, { name: 'write' }])
  t.match(spool('', '--from', '7:3', path), { status: 2, stderr: /it begins with message/ })
  const cat = `cat ${path}/*.tfs | ${process.execPath} ${bin('tfs-dump')} --check`
  t.match(spawnSync('sh', ['-c', cat], { encoding: 'utf8', timeout: 60_000 }), {
    status: 0,
    stdout: /good\n$/,
  })
  spool(new StreamWriter(8).bye().bytes, '--keep', '600K', path)
  t.ok(filesOf(path).length < 8, 'also as it writes, with the usual limit')
})

void t.test('cat makes a mirror of it', async (t) => {
  const { path: place } = tempDirectory(t)
  const made = new StreamWriter().add('create', { path: 'f', mode: 0o644 })
  for (let i = 0; i < 50; i++)
    made.add('write', { path: 'f', offset: i * 5, data: `${1000 + i}\n` })
  spool(made.bye().bytes, ...small, join(place, 'q'))
  const cat = `cat q/*.tfs | ${process.execPath} ${bin('tfs-mirror')} - copy`
  const options = { encoding: 'utf8', timeout: 60_000, cwd: place } as const
  t.match(spawnSync('sh', ['-c', cat], options), { status: 0, stderr: '' })
  t.equal(fs.readFileSync(join(place, 'copy/f'), 'utf8').split('\n').length, 51)
})

void t.test(
  'between a journal and a mirror; then a second mirror from the spool alone',
  async (t) => {
    const { path: place } = tempDirectory(t)
    for (const name of ['store', 'mount']) fs.mkdirSync(join(place, name))
    const work = 'cp -r /usr/include/linux . && mv linux l && rm -r l/netfilter* && ln l/fuse.h f'
    const run = (name: string) => `${process.execPath} ${bin(name)}`
    const compare = (copy: string) =>
      `rsync -aHAXn --delete --itemize-changes --exclude=/.tfs store/ ${copy}/`
    const commands = [
      `${run('tfs-journal')} store mount --run '${work}' |`,
      `${run('tfs-spool')} --segment-size 200K q | ${run('tfs-mirror')} - one &&`,
      `${run('tfs-spool')} --from oldest q | ${run('tfs-mirror')} - two &&`,
      `${compare('one')} && ${compare('two')}`,
    ]
    const args = ['-o', 'pipefail', '-c', commands.join(' ')]
    const done = spawnSync('bash', args, { encoding: 'utf8', timeout: 120_000, cwd: place })
    t.match(done, { status: 0, stdout: '' }, done.stderr)
    t.ok(filesOf(join(place, 'q')).length > 10)
    t.ok(fs.readdirSync(join(place, 'two/l')).length > 100)
  },
)

void t.test('wrong usage is 100', async (t) => {
  const path = newPath(t)
  const cases: [string[], RegExp][] = [
    [[], /too few arguments/],
    [['ls'], /ls of which DIR/],
    [['list', path], /'list' is not ls, verify or trim/],
    [['trim', 'verify', path], /one argument too many/],
    [['--keep', '10', path], /--keep: '10' is no size like 10G/],
    [['--keep', '10m', '--keep-max', 'x', path], /--keep-max: 'x'/],
    [['--keep-max', '10G', path], /--keep-max goes with --keep/],
    [['--sync', 'often', path], /--sync: 'often'/],
    [['--segment-size', '2G', path], /--segment-size: '2G'/],
    [['--reader', '../x', path], /--reader: '..\/x'/],
    [['--json', path], /--json does not go with 'tfs-spool DIR'/],
    [['--follow', '--keep', '1G', path], /--keep does not go with .* with --follow or --from/],
    [['ls', '--follow', path], /--follow does not go with 'tfs-spool ls DIR'/],
  ]
  for (const [args, stderr] of cases)
    t.match(spool('', ...args), { status: 100, stderr }, args.join(' '))
  const empty = newPath(t)
  spool(messageOf('bye', {}, { seq: 2 }), empty)
  t.match(spool('', 'trim', empty), { status: 100, stderr: /give --keep/ })
  const { stdout } = spool('', '--help')
  t.ok(
    stdout
      .toString()
      .split('\n')
      .every((line) => line.length <= 80),
  )
})
