// The program, started as a user starts it, with real clients.

import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { geteuid } from '#posix'
import { checkMessage, epochOf, Framer, seqOf } from '#wire'
import { broadcastPath, listening, start, startBroadcast } from '../support/broadcast-process.js'
import { checkedStream, streamClient } from '../support/stream-client.js'
import { messageOf, StreamWriter } from '../support/stream-writer.js'
import { tempDirectory } from '../support/temp-directory.js'

t.setTimeout(300_000)

const quote = (text: string) => `'${text}'`
const program = [process.execPath, broadcastPath].map(quote).join(' ')

/** A small stream, whole. */
function sample(): Buffer {
  const writer = new StreamWriter()
  for (let i = 0; i < 50; i++)
    writer.add('write', { path: `f${i}`, data: Buffer.alloc(i * 1000, 'data') })
  return writer.bye().bytes
}

const socketIn = (t: Test) => join(tempDirectory(t).path, 'socket')

void t.test('--help and --version', async (t) => {
  const help = spawnSync(process.execPath, [broadcastPath, '--help'], { encoding: 'utf8' })
  t.equal(help.status, 0)
  t.equal(help.stderr, '')
  t.ok(help.stdout.split('\n').every((line) => line.length <= 80))
  const options = 'from slow backlog mode group max-clients drain-timeout run verbose quiet'
  for (const option of options.split(' ')) t.match(help.stdout, `--${option}`)
  const version = spawnSync(process.execPath, [broadcastPath, '--version'], { encoding: 'utf8' })
  t.match(version, { status: 0, stdout: /^\d+\.\d+\.\d+\n$/ })
})

void t.test('wrong usage is 100', async (t) => {
  const path = socketIn(t)
  const cases: [string[], RegExp][] = [
    [[], /wanted: SOCKET, or --run/],
    [[path, '--run', 'true'], /wanted: SOCKET, or --run/],
    [[path, 'more'], /'more' is one argument too many/],
    [[''], /empty/],
    [[path, '--slow', 'maybe'], /block/],
    [[path, '--backlog', '64K'], /--backlog: .*1152K/],
    [[path, '--backlog', 'much'], /--backlog: 'much'/],
    [[path, '--mode', '888'], /--mode: '888'/],
    [[path, '--mode', '1777'], /--mode/],
    [[path, '--group', 'no such group'], /--group: there is no group 'no such group'/],
    [[path, '--group', '4294967295'], /--group/],
    [[path, '--max-clients', '0'], /--max-clients/],
    [[path, '--max-clients', 'ten'], /--max-clients/],
    [[path, '--drain-timeout', 'soon'], /--drain-timeout: 'soon'/],
    [['--run', 'true', '--mode', '666'], /--mode and --group do not go with --run/],
    [['--run', 'true', '--group', '0'], /--mode and --group do not go with --run/],
    [[path, '--drain-timeout', '1000h'], /--drain-timeout: '1000h' is too long/],
    [[path, '--no-such-option'], /no-such-option/],
    [['x'.repeat(108)], /108/],
  ]
  for (const [args, message] of cases) {
    const { status, stderr, stdout } = spawnSync(process.execPath, [broadcastPath, ...args], {
      encoding: 'utf8',
      input: '',
      timeout: 20_000,
    })
    t.equal(status, 100, `options: ${args.join(' ')}`)
    t.match(stderr, message, args.join(' '))
    t.equal(stdout, '')
  }
  t.notOk(existsSync(path))
})

void t.test('from a pipe, a file, standard input that is one, a socket', async (t) => {
  const { path } = tempDirectory(t)
  const bytes = sample()
  const file = join(path, 'sample.tfs')
  writeFileSync(file, bytes)
  const upstream = createServer((socket) => socket.end(bytes)).listen(join(path, 'upstream'))
  await once(upstream, 'listening')
  t.teardown(() => upstream.close())
  const wait = `while [ ! -e '${path}/go' ]; do sleep 0.05; done`
  const cases: [string, string][] = [
    ['pipe', `(${wait}; cat '${file}') | ${program}`],
    ['file', `${program} --from '${file}'`],
    ['input', `${program} < '${file}'`],
    ['other', `${program} --from '${path}/upstream'`],
  ]
  for (const [name, command] of cases) {
    const socket = join(path, name)
    // What is no pipe is read at once; who comes late gets the start and the end.
    const server = start(t, 'sh', ['-c', `${command} '${socket}' -v`])
    if (name === 'pipe') {
      await listening(socket, server)
      const client = await streamClient(socket)
      await server.said(/client 1: has joined/)
      writeFileSync(join(path, 'go'), '')
      await client.ended
      t.equal(client.size(), bytes.length)
    }
    t.match(await server.ended, { code: 0, signal: null }, name)
    t.notOk(existsSync(socket))
  }
})

void t.test('how the input ends', async (t) => {
  const bytes = sample()
  const abort = messageOf('abort', { errno: 5, reason: 'disk on fire' }, { seq: 2 })
  const hello = new StreamWriter().bytes
  const cases: [string, Buffer, number, RegExp | undefined][] = [
    ['with bye', bytes, 0, undefined],
    ['with two epochs', Buffer.concat([bytes, new StreamWriter(8).bye().bytes]), 0, undefined],
    ['without bye', bytes.subarray(0, -32), 2, /without a bye/],
    ['inside a message', bytes.subarray(0, -40), 2, /ends \d+ bytes into a message/],
    [
      'with garbage',
      Buffer.concat([hello, Buffer.from('garbage!')]),
      2,
      /standard input: byte 64: a message cannot/,
    ],
    ['with abort', Buffer.concat([hello, abort]), 2, /abort/],
    ['at once', Buffer.alloc(0), 2, /standard input: byte 0: is empty/],
  ]
  for (const [name, input, code, message] of cases) {
    const path = socketIn(t)
    const server = startBroadcast(t, [path, '-v'])
    await listening(path, server)
    const client = await streamClient(path)
    await server.said(/client 1: has joined/)
    server.stdin.end(input)
    const ended = await server.ended
    await client.ended
    t.equal(ended.code, code, name)
    if (message) t.match(ended.stderr, message)
    const whole = name === 'inside a message' ? bytes.length - 64 : input.length
    if (name === 'with garbage') t.equal(client.size(), hello.length)
    else if (name !== 'inside a message') t.equal(client.size(), whole, name)
    else t.ok(client.size() < input.length && client.size() > 0)
    t.notOk(existsSync(path))
    t.notOk(existsSync(`${path}.lock`))
  }
})

void t.test(
  'a client that takes nothing at the end is cut in time, others have it all',
  async (t) => {
    const path = socketIn(t)
    const server = startBroadcast(t, [path, '-v', '--drain-timeout', '500ms'])
    await listening(path, server)
    const stuck = await streamClient(path)
    stuck.socket.pause()
    const other = await streamClient(path)
    await server.said(/client 2: has joined/)
    const writer = new StreamWriter()
    for (let i = 0; i < 4; i++) writer.add('write', { path: 'f', data: Buffer.alloc(1 << 20) })
    const { bytes } = writer.bye()
    server.stdin.end(bytes)
    const { code, stderr } = await server.ended
    t.equal(code, 0)
    t.match(stderr, /client 1: cut: \d+ bytes not taken by the end/)
    t.notMatch(stderr, /client 2: cut/)
    await other.ended
    t.equal(other.size(), bytes.length)
  },
)

void t.test('nc and socat are clients', async (t) => {
  const path = socketIn(t)
  const bytes = sample()
  const commands = [
    `nc -U '${path}'`,
    `nc -U '${path}' < /dev/null`,
    `nc -N -U '${path}' < /dev/null`,
    `socat - 'UNIX-CONNECT:${path}'`,
    `socat -t 60 - 'UNIX-CONNECT:${path}' < /dev/null`,
    `socat -u 'UNIX-CONNECT:${path}' -`,
  ]
  const server = startBroadcast(t, [path, '-v'])
  await listening(path, server)
  const clients = commands.map((command) => start(t, 'sh', ['-c', command]))
  await server.said(/client 6: has joined/)
  // Those that have no more to say have said so by now.
  await sleep(200)
  server.stdin.write(bytes.subarray(0, 5000))
  await sleep(50)
  server.stdin.end(bytes.subarray(5000))
  for (const [i, client] of clients.entries()) {
    // OpenBSD's nc waits for the end of its own input.
    client.stdin.end()
    const { code, stdout } = await client.ended
    t.equal(code, 0, `${commands[i]}`)
    t.ok(stdout.equals(bytes), `${stdout.length} bytes`)
  }
  t.match(await server.ended, { code: 0 })
})

void t.test('what clients send comes out of standard output, whole and in order', async (t) => {
  const path = socketIn(t)
  const server = startBroadcast(t, [path])
  await listening(path, server)
  const seen: number[][] = [[], [], []]
  const framer = new Framer()
  server.child.stdout?.on('data', (piece: Buffer) => {
    framer.push(piece)
    for (let message = framer.next(); message; message = framer.next()) {
      checkMessage(message)
      seen[epochOf(message)]?.push(seqOf(message))
    }
  })
  const clients = await Promise.all([0, 1, 2].map(() => streamClient(path)))
  for (let seq = 1; seq <= 300; seq++)
    for (const [epoch, client] of clients.entries()) {
      const message = messageOf('want-mark', { name: 'm'.repeat(1 + (seq % 255)) }, { seq, epoch })
      client.socket.write(message.subarray(0, seq % 48))
      client.socket.write(message.subarray(seq % 48))
    }
  const bad = await streamClient(path)
  bad.socket.end('rubbish')
  const wrong = await streamClient(path)
  wrong.socket.write(messageOf('mkdir', { path: 'p' }, { seq: 1 }))
  await Promise.all([bad.ended, wrong.ended])
  const numbers = Array.from({ length: 300 }, (_, i) => i + 1)
  while (seen.some((list) => list.length < 300)) await sleep(5)
  t.same(seen, [numbers, numbers, numbers])
  server.stdin.end(sample())
  t.match(await server.ended, { code: 0 })
})

void t.test('nobody reads standard output: the stream goes on', async (t) => {
  const path = socketIn(t)
  const server = startBroadcast(t, [path])
  await listening(path, server)
  server.child.stdout?.destroy()
  const client = await streamClient(path)
  const request = messageOf('want-mark', { name: 'm' }, { seq: 0 })
  for (let i = 1; i < 100; i++) client.socket.write(request)
  await server.said(/standard output: what clients send is discarded from now on: .*EPIPE/)
  for (let i = 1; i < 100; i++) client.socket.write(request)
  const bytes = sample()
  server.stdin.end(bytes)
  const { code, stderr } = await server.ended
  t.equal(code, 0)
  t.equal(stderr.match(/discarded/g)?.length, 1)
  await client.ended
  t.equal(client.size(), bytes.length)
})

void t.test('--mode and --group', async (t) => {
  const gid = geteuid() === 0 ? 1 : (process.getgroups?.()[0] ?? 0)
  const name = spawnSync('getent', ['group', `${gid}`], { encoding: 'latin1' }).stdout.split(':')[0]
  const own = process.getegid?.() ?? 0
  const cases: [string[], number, number][] = [
    [[], 0o600, own],
    [['--mode', '0666'], 0o666, own],
    [['--group', `${gid}`], 0o660, gid],
    [['--group', name ?? ''], 0o660, gid],
    [['--group', `${gid}`, '--mode', '620'], 0o620, gid],
  ]
  for (const [args, mode, group] of cases) {
    const path = socketIn(t)
    const server = startBroadcast(t, [path, ...args])
    await listening(path, server)
    const stat = statSync(path)
    t.same([stat.mode & 0o777, stat.gid], [mode, group], `options: ${args.join(' ')}`)
    server.stdin.end(sample())
    t.match(await server.ended, { code: 0 })
  }
})

void t.test('a second start is refused at once and names the first', async (t) => {
  const path = socketIn(t)
  const first = startBroadcast(t, [path, '-v'])
  await listening(path, first)
  const client = await streamClient(path)
  await first.said(/client 1: has joined/)
  const second = await startBroadcast(t, [path]).ended
  t.equal(second.code, 1)
  t.match(second.stderr, `socket: is being served by process ${first.child.pid}\n`)
  const bytes = sample()
  first.stdin.end(bytes)
  t.match(await first.ended, { code: 0 })
  await client.ended
  t.equal(client.size(), bytes.length)
})

void t.test('20 races for a socket that kill -9 left: exactly one wins', async (t) => {
  const path = socketIn(t)
  const dead = startBroadcast(t, [path])
  await listening(path, dead)
  dead.child.kill('SIGKILL')
  await dead.ended
  t.ok(statSync(path).isSocket(), 'left behind')
  for (let race = 0; race < 20; race++) {
    const both = [startBroadcast(t, [path, '-v']), startBroadcast(t, [path, '-v'])]
    const first = await Promise.race(both.map(({ ended }, i) => ended.then((end) => ({ end, i }))))
    const winner = both[1 - first.i] as (typeof both)[0]
    if (first.end.code !== 1) t.fail(`ended with ${first.end.code}: ${first.end.stderr}`)
    if (!first.end.stderr.includes(`is being served by process ${winner.child.pid}\n`))
      t.fail(first.end.stderr)
    await listening(path, winner)
    // The path is the dead one's at first.
    while (!(await streamClient(path).catch(() => undefined)));
    await winner.said(/client 1: has joined/)
    winner.child.kill('SIGKILL')
    await winner.ended
  }
  const last = startBroadcast(t, [path])
  last.stdin.end(sample())
  t.match(await last.ended, { code: 0 })
  t.notOk(existsSync(path))
})

void t.test('a file in the way is refused with exit code 1', async (t) => {
  const path = socketIn(t)
  writeFileSync(path, 'mine')
  const { code, stderr } = await startBroadcast(t, [path]).ended
  t.equal(code, 1)
  t.match(stderr, /is there already, and is no socket/)
  t.equal(readFileSync(path, 'latin1'), 'mine')
})

void t.test('signals: the socket goes, the process dies of the signal', async (t) => {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    const path = socketIn(t)
    const server = startBroadcast(t, [path, '-v'])
    await listening(path, server)
    const client = await streamClient(path)
    await server.said(/client 1: has joined/)
    const { messages } = new StreamWriter().add('mkdir', { path: 'd' })
    server.stdin.write(Buffer.concat(messages))
    await client.until(Buffer.concat(messages).length)
    server.child.kill(signal)
    t.match(await server.ended, { code: null, signal })
    await client.ended
    t.equal(client.size(), Buffer.concat(messages).length)
    t.notOk(existsSync(path))
    t.notOk(existsSync(`${path}.lock`))
  }
})

void t.test('few descriptors: fewer clients, said at the start', async (t) => {
  const path = socketIn(t)
  const { path: home } = tempDirectory(t)
  // Root may raise its limits.
  const asUser = geteuid() === 0 ? 'setpriv --bounding-set -all --inh-caps -all' : ''
  // Some are taken from the start, as by a shell that left them open.
  const inherited = Array.from({ length: 20 }, (_, i) => `exec {fd${i}}</dev/null`).join('; ')
  const start500 = `${program} '${path}' -v --max-clients 500`
  const command = `${inherited}; ulimit -n 150; exec ${asUser} ${start500}`
  const server = start(t, 'bash', ['-c', command], { env: { ...process.env, HOME: home } })
  await listening(path, server)
  await server.said(/--max-clients: only \d+: the limit of open files \(ulimit -n\) is 150/)
  const allowed = Number(/only (\d+)/.exec(server.stderr())?.[1])
  t.ok(allowed > 60 && allowed < 100, `${allowed} clients`)
  const clients = []
  for (let i = 0; i < 100; i++) clients.push(await streamClient(path))
  await server.said(new RegExp(`client ${allowed}: has joined`))
  await server.said(new RegExp(`client: refused: there are ${allowed} `))
  const bytes = sample()
  server.stdin.end(bytes)
  t.match(await server.ended, { code: 0 })
  await Promise.all(clients.map(({ ended }) => ended))
  t.same(
    clients.map((client) => client.size()),
    Array.from({ length: 100 }, (_, i) => (i < allowed ? bytes.length : 0)),
  )
})

void t.test('-q says only why it fails', async (t) => {
  const path = socketIn(t)
  const server = startBroadcast(t, [path, '-q', '--max-clients', '1'])
  await listening(path, server)
  const { take } = checkedStream(() => undefined)
  const client = await streamClient(path, take)
  await (
    await streamClient(path)
  ).ended
  server.stdin.end(new StreamWriter().bytes)
  const { code, stderr } = await server.ended
  t.equal(code, 2)
  t.match(stderr, /^tfs-broadcast: [^\n]*without a bye[^\n]*\n$/)
  await client.ended
})
