import {
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type Server } from 'node:net'
import { basename, join } from 'node:path'
import { spawn } from 'node:child_process'
import t, { type Test } from 'tap'
import { geteuid } from '#posix'
import { listen, type ListenOptions } from '../../packages/relay/listen.js'
import { SocketRefused } from '../../packages/relay/socket-refused.js'
import { streamClient } from '../support/stream-client.js'
import { tempDirectory } from '../support/temp-directory.js'

t.setTimeout(120_000)

const fail = (error: Error) => {
  throw error
}

async function listenTo(t: Test, path: string, options: Partial<ListenOptions> = {}) {
  const joined: number[] = []
  const listener = await listen(
    { path, mode: 0o600, ...options },
    (socket) => {
      joined.push(1)
      socket.end()
    },
    fail,
  )
  t.teardown(() => listener.close())
  return { listener, joined }
}

const refusal = (code: string, message: RegExp) => ({ name: 'SocketRefused', code, message })

/** A socket at `path` whose server is dead, as kill -9 leaves one. */
async function leaveStale(path: string): Promise<void> {
  const script = `
    const server = require('net').createServer()
    server.listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`
  const child = spawn(process.execPath, ['-e', script, path], { timeout: 10_000 })
  await new Promise((resolve) => child.on('exit', resolve))
}

void t.test('the socket and its lock come and go together', async (t) => {
  const path = join(tempDirectory(t).path, 'socket')
  const { listener, joined } = await listenTo(t, path)
  t.equal(readFileSync(`${path}.lock`, 'latin1'), `${process.pid}\n`)
  t.equal(statSync(`${path}.lock`).mode & 0o7777, 0o600)
  await (
    await streamClient(path)
  ).ended
  t.same(joined, [1])
  listener.close()
  listener.close()
  t.notOk(existsSync(path))
  t.notOk(existsSync(`${path}.lock`))
  await listenTo(t, path)
})

void t.test('mode and group, whatever the umask', async (t) => {
  const { path } = tempDirectory(t)
  for (const mask of [0o000, 0o077, 0o777]) {
    const before = process.umask(mask)
    try {
      for (const mode of [0o600, 0o660, 0o666, 0o200, 0o777]) {
        const socket = join(path, `${mask}-${mode}`)
        await listenTo(t, socket, { mode })
        t.equal(statSync(socket).mode & 0o7777, mode)
        const gid = geteuid() === 0 ? 12_345 : (process.getgroups?.().at(-1) ?? 0)
        await listenTo(t, `${socket}-group`, { mode, gid })
        t.match(statSync(`${socket}-group`), { uid: geteuid(), gid })
        t.equal(statSync(`${socket}-group`).mode & 0o7777, mode)
      }
      t.equal(process.umask(), mask)
    } finally {
      process.umask(before)
    }
  }
})

void t.test('a path that a socket cannot have', async (t) => {
  const { path } = tempDirectory(t)
  const long = join(path, 'x'.repeat(107 - path.length - 1))
  const { listener } = await listenTo(t, long)
  t.ok(statSync(long).isSocket())
  listener.close()
  await t.rejects(listenTo(t, `${long}x`), refusal('ESOCKET_LONG', /107 bytes, this one has 108/))
  await t.rejects(listenTo(t, join(path, 'ü'.repeat(50))), { code: 'ESOCKET_LONG' })
  await t.rejects(listenTo(t, join(path, 'no', 'socket')), { code: 'ENOENT' })
})

void t.test('what is no dead socket of ours is refused and stays', async (t) => {
  const { path } = tempDirectory(t)
  const at = (name: string) => join(path, name)
  writeFileSync(at('file'), 'text')
  mkdirSync(at('directory'))
  symlinkSync('nowhere', at('dangling'))
  await leaveStale(at('stale'))
  symlinkSync('stale', at('link'))
  for (const name of ['file', 'directory', 'dangling', 'link']) {
    const { ino } = lstatSync(at(name))
    await t.rejects(listenTo(t, at(name)), refusal('ESOCKET_KIND', /is no socket/), name)
    t.equal(lstatSync(at(name)).ino, ino)
    t.notOk(existsSync(`${at(name)}.lock`), 'no lock is left')
  }
  t.equal(readFileSync(at('file'), 'latin1'), 'text')
  t.ok(lstatSync(at('stale')).isSocket(), 'nor what a link leads to')
})

void t.test("somebody else's dead socket", { skip: geteuid() !== 0 && 'takes root' }, async (t) => {
  const path = join(tempDirectory(t).path, 'socket')
  await leaveStale(path)
  chownSync(path, 12_345, 12_345)
  await t.rejects(listenTo(t, path), refusal('ESOCKET_OWNER', /belongs to user 12345/))
  t.ok(existsSync(path))
})

void t.test(
  'a live server is not harmed, whether it has our lock or knows nothing of it',
  async (t) => {
    const { path } = tempDirectory(t)
    const ours = join(path, 'ours')
    const { joined } = await listenTo(t, ours)
    const pattern = new RegExp(`is being served by process ${process.pid}$`)
    await t.rejects(listenTo(t, ours), refusal('ESOCKET_LIVE', pattern))
    t.same(joined, [], 'nobody even connected')
    await (
      await streamClient(ours)
    ).ended
    t.same(joined, [1])

    const other = join(path, 'other')
    const server = await new Promise<Server>((resolve) => {
      const made = createServer((socket) => socket.on('error', () => undefined).end('here'))
      made.listen(other, () => resolve(made))
    })
    t.teardown(() => server.close())
    await t.rejects(listenTo(t, other), refusal('ESOCKET_LIVE', /by another program/))
    t.notOk(existsSync(`${other}.lock`))
    const client = await streamClient(other)
    await client.ended
    t.equal(client.size(), 4)
  },
)

void t.test('the lock is not taken for what it is not', async (t) => {
  const { path } = tempDirectory(t)
  const at = (name: string) => join(path, name)
  writeFileSync(at('precious'), 'precious')
  symlinkSync('precious', at('a.lock'))
  linkSync(at('precious'), at('b.lock'))
  mkdirSync(at('c.lock'))
  await leaveStale(at('d.lock'))
  for (const name of ['a', 'b', 'c', 'd'])
    await t.rejects(listenTo(t, at(name)), refusal('ESOCKET_KIND', /lock/), name)
  t.equal(readFileSync(at('precious'), 'latin1'), 'precious')
  if (geteuid() !== 0) return
  writeFileSync(at('e.lock'), '')
  chownSync(at('e.lock'), 12_345, 12_345)
  await t.rejects(listenTo(t, at('e')), refusal('ESOCKET_OWNER', /user 12345/))
})

void t.test(
  'it appears when all can connect, and what was left on the way there is replaced',
  async (t) => {
    const { path } = tempDirectory(t)
    const socket = join(path, 'socket')
    await leaveStale(`${socket}.new`)
    const { listener } = await listenTo(t, socket)
    t.same(readdirSync(path), ['socket', 'socket.lock'])
    listener.close()
    t.same(readdirSync(path), [])
    writeFileSync(`${socket}.new`, 'mine')
    await t.rejects(listenTo(t, socket), refusal('ESOCKET_KIND', /socket.new: is there already/))
    t.equal(readFileSync(`${socket}.new`, 'latin1'), 'mine')
    t.same(readdirSync(path), ['socket.new'])
  },
)

void t.test('two long names in one directory do not meet', async (t) => {
  const { path } = tempDirectory(t)
  const long = (end: string) => join(path, 'x'.repeat(106 - path.length - 1) + end)
  for (let i = 0; i < 20; i++) {
    const both = await Promise.all([listenTo(t, long('a')), listenTo(t, long('b'))])
    t.same(
      readdirSync(path).filter((name) => !name.endsWith('.lock')),
      ['a', 'b'].map((end) => basename(long(end))),
    )
    for (const { listener } of both) listener.close()
    t.same(readdirSync(path), [])
  }
})

void t.test('a lock file whose process is gone is no lock', async (t) => {
  const path = join(tempDirectory(t).path, 'socket')
  writeFileSync(`${path}.lock`, '1\n')
  await leaveStale(path)
  await listenTo(t, path)
  t.equal(readFileSync(`${path}.lock`, 'latin1'), `${process.pid}\n`)
})

void t.test('what took its place since is not removed', async (t) => {
  const path = join(tempDirectory(t).path, 'socket')
  const { listener } = await listenTo(t, path)
  renameSync(path, `${path}.moved`)
  writeFileSync(path, 'new')
  renameSync(`${path}.lock`, `${path}.lock.moved`)
  writeFileSync(`${path}.lock`, 'new')
  listener.close()
  t.equal(readFileSync(path, 'latin1'), 'new')
  t.equal(readFileSync(`${path}.lock`, 'latin1'), 'new')
})

void t.test('an error says which path', async (t) => {
  const path = join(tempDirectory(t).path, 'with\nnewline')
  writeFileSync(path, '')
  const error = await listenTo(t, path).catch((thrown: unknown) => thrown as Error)
  t.ok(error instanceof SocketRefused)
  t.match((error as Error).message, /with\\nnewline: is there already/)
})

void t.test(
  'nobody who is not allowed can connect',
  { skip: geteuid() !== 0 && 'takes root' },
  async (t) => {
    const directory = tempDirectory(t).path
    chownSync(directory, 12_345, 12_345)
    const path = join(directory, 'socket')
    await listenTo(t, path, { mode: 0o660, gid: 23_456 })
    const attempt = async (uid: number, gid: number) => {
      const script = `
        const socket = require('net').connect(process.argv[1])
        socket.on('connect', () => process.exit(0)).on('error', () => process.exit(1))`
      const child = spawn(process.execPath, ['-e', script, path], {
        uid,
        gid,
        timeout: 10_000,
        cwd: '/',
      })
      return new Promise((resolve) => child.on('exit', resolve))
    }
    t.equal(await attempt(12_345, 23_456), 0, 'the group may')
    t.equal(await attempt(12_345, 12_345), 1, 'another may not')
  },
)
