// The units in examples/systemd, and what the broadcast does for a service manager: it takes the
// socket that it is given, and says when it is ready.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { broadcastPath, start, startBroadcast } from '../support/broadcast-process.js'
import { root } from '../support/example.js'
import { Subscriber } from '../support/subscriber.js'
import { StreamWriter } from '../support/stream-writer.js'
import { tempDirectory } from '../support/temp-directory.js'

t.setTimeout(120_000)

const units = [
  'tree-broadcast.service',
  'tree-broadcast.socket',
  'tree-journal.service',
  'tree-mirror.service',
]

void t.test('the units are valid', async (t) => {
  const { path } = tempDirectory(t)
  const bin = join(path, 'bin')
  mkdirSync(bin)
  for (const name of units) {
    const unit = readFileSync(join(root, 'examples/systemd', name), 'utf8')
    const programs = [...unit.matchAll(/^ExecStart=\/usr\/bin\/(tfs-\w+)/gm)].map(([, p = '']) => p)
    t.equal(programs.length, name.endsWith('.service') ? 1 : 0)
    for (const program of programs) {
      t.ok(existsSync(join(root, `build/bin/${program}.js`)), program)
      writeFileSync(join(bin, program), '', { mode: 0o755 })
    }
    writeFileSync(join(path, name), unit.replaceAll('/usr/bin/tfs-', `${bin}/tfs-`))
  }
  const verify = (...names: string[]) =>
    spawnSync('systemd-analyze', ['verify', ...names.map((name) => join(path, name))], {
      encoding: 'utf8',
      timeout: 60_000,
    })
  if (verify('--help').error) return t.comment('no systemd-analyze here')
  const { status, stderr } = verify(...units)
  t.equal(status, 0, stderr)
  t.equal(stderr, '')
  const [first = ''] = units
  const bad = readFileSync(join(path, first), 'utf8').replace('Type=notify', 'Tipe=notify')
  writeFileSync(join(path, first), bad)
  t.match(verify(first).stderr, /Tipe/, 'and it would be seen')
})

const stream = new StreamWriter().add('mkdir', { path: 'd', mode: 0o755 })

/** A datagram socket, which socat prints. */
async function notifications(t: Parameters<typeof start>[0], path: string) {
  const socat = start(t, 'socat', ['-u', `UNIX-RECV:${path}`, '-'], { timeoutMs: 60_000 })
  let text = ''
  socat.child.stdout!.on('data', (piece: Buffer) => (text += piece.toString()))
  while (!existsSync(path)) await new Promise((resolve) => setTimeout(resolve, 5))
  return async (pattern: RegExp) => {
    while (!pattern.test(text)) await new Promise((resolve) => setTimeout(resolve, 5))
    return text
  }
}

void t.test('ready once its socket listens', async (t) => {
  const { path } = tempDirectory(t)
  const [socket, notify] = [join(path, 'socket'), join(path, 'notify')]
  const notified = await notifications(t, notify)
  const env = { ...process.env, NOTIFY_SOCKET: notify }
  const server = startBroadcast(t, [socket, '-v'], { env })
  t.equal(await notified(/./), 'READY=1')
  const client = await Subscriber.connect(socket, { epoch: 0, seq: 0 })
  await server.said(/wants what follows/)
  server.stdin.end(stream.bytes)
  await client.client.ended
  t.ok(client.bytes.equals(stream.bytes))
  t.match(await server.ended, { code: 2 })

  const deaf = startBroadcast(t, [socket], { env: { ...env, NOTIFY_SOCKET: join(path, 'no') } })
  await deaf.said(/no: .*sendto/)
  deaf.child.kill('SIGTERM')
  t.match(await deaf.ended, { signal: 'SIGTERM' })
})

// Makes a socket, as a service manager does, and takes no part in it: it waits for the program.
const manager = `
const server = require('net').createServer().listen(process.argv[1], () => {
  const command = ['-c', 'LISTEN_PID=$$ exec "$@"', 'sh', ...process.argv.slice(2)]
  const stdio = [0, 1, 2, server._handle.fd]
  const { status } = require('child_process').spawnSync('sh', command, { stdio, timeout: 60000 })
  process.exit(require('fs').existsSync(process.argv[1]) ? status : 99)
})`

void t.test('with the socket that it is given', async (t) => {
  const { path } = tempDirectory(t)
  let sockets = 0
  const run = (count: string, args: string[] = []) => {
    const socket = join(path, `socket${++sockets}`)
    const env = { ...process.env, LISTEN_FDS: count }
    const command = ['-e', manager, socket, process.execPath, broadcastPath, ...args]
    return { socket, ...start(t, process.execPath, command, { env, timeoutMs: 60_000 }) }
  }
  const server = run('1', ['-v'])
  const client = await Subscriber.connectSoon(server.socket, { epoch: 0, seq: 0 })
  await server.said(/wants what follows/)
  server.stdin.end(stream.bye().bytes)
  await client.client.ended
  t.ok(client.bytes.equals(stream.bytes))
  t.match(await server.ended, { code: 0 }, 'and it does not remove what is not its own')
  t.match(await run('1', [join(path, 'own')]).ended, { code: 100, stderr: /was passed/ })
  t.match(await run('2').ended, { code: 100, stderr: /2 sockets were passed/ })
  const other = spawnSync(process.execPath, [broadcastPath], {
    encoding: 'utf8',
    input: '',
    timeout: 60_000,
    env: { ...process.env, LISTEN_PID: '1', LISTEN_FDS: '1' },
  })
  t.match(other, { status: 100, stderr: /wanted: SOCKET/ }, 'meant for another process')
})
