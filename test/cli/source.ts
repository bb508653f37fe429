// SOURCE in each of its forms, and what is said of what is none.

import { spawn, spawnSync, execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import t, { type Test } from 'tap'
import { openSource, UsageError } from '#cli'
import { tempDirectory } from '../support/temp-directory.js'

const timeout = 30_000

/** Leaves the socket of a server that died. */
const abandoned = `require('net')
  .createServer()
  .listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`

async function all(stream: Readable): Promise<string> {
  const pieces: Buffer[] = []
  for await (const piece of stream) pieces.push(piece as Buffer)
  return Buffer.concat(pieces).toString()
}

async function serve(t: Test, path: string, answer: string): Promise<void> {
  const server = createServer((socket) => socket.end(answer))
  t.teardown(() => server.close())
  server.listen(path)
  await once(server, 'listening')
}

void t.test('a file', async (t) => {
  const path = join(tempDirectory(t).path, 'a file: with a colon')
  writeFileSync(path, 'x'.repeat(3 << 20))
  const { name, stream } = await openSource(path)
  t.equal(name, path)
  t.equal((await all(stream)).length, 3 << 20)
  const empty = await openSource('/dev/null')
  t.equal(await all(empty.stream), '')
})

void t.test('a socket, and a symbolic link to one', async (t) => {
  const dir = tempDirectory(t).path
  await serve(t, join(dir, 'socket'), 'from the socket')
  symlinkSync('socket', join(dir, 'link'))
  for (const name of ['socket', 'link']) {
    const { stream } = await openSource(join(dir, name))
    t.equal(await all(stream), 'from the socket')
  }
})

void t.test('a FIFO, which can also be given up', async (t) => {
  const path = join(tempDirectory(t).path, 'fifo')
  execFileSync('mkfifo', [path], { timeout })
  const writer = spawn('sh', ['-c', 'echo first; exec sleep 60'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout,
  })
  t.teardown(() => writer.kill())
  const copy = spawn('sh', ['-c', 'cat > "$1"', 'sh', path], {
    stdio: [writer.stdout, 'ignore', 'inherit'],
    timeout,
  })
  t.teardown(() => copy.kill())
  const { stream } = await openSource(path)
  const [piece] = (await once(stream, 'data')) as [Buffer]
  t.equal(piece.toString(), 'first\n')
  stream.destroy()
  await once(stream, 'close')
})

void t.test('standard input: a pipe, a file, nothing', (t) => {
  const program = join(import.meta.dirname, '../support/cat-source.js')
  const run = (command: string) =>
    spawnSync('sh', ['-c', command, 'sh', process.execPath, program], {
      encoding: 'utf8',
      timeout,
    })
  t.equal(run('printf piped | "$1" "$2" -').stdout, 'piped')
  t.equal(run('"$1" "$2" - < "$2"').stdout.length > 100, true)
  t.equal(run('printf "a\\nb\\n" > /dev/null; "$1" "$2" - < /dev/null').stdout, '')
  const file = join(tempDirectory(t).path, 'file')
  writeFileSync(file, 'abcdef')
  const half = run(`{ dd bs=1 count=3 of=/dev/null status=none; "$1" "$2" -; } < '${file}'`)
  t.equal(half.stdout, 'def', 'a file is read on from where it stands')
  const terminal = run(`script -qec "'$1' '$2' -" /dev/null < /dev/null`)
  t.match(terminal.stdout, 'standard input is a terminal')
  t.match(run('"$1" "$2" - < / 2>&1').stdout, 'standard input is a directory')
  t.end()
})

void t.test('what is no source', async (t) => {
  const dir = tempDirectory(t).path
  mkdirSync(join(dir, 'directory'))
  const stale = join(dir, 'stale')
  spawnSync(process.execPath, ['-e', abandoned, stale])
  const usage: Record<string, string> = {
    [join(dir, 'directory')]: 'is a directory',
    'host:/run/tfs.sock': 'ssh host cat /run/tfs.sock',
    'me@host:tfs.sock': 'ssh me@host cat tfs.sock',
  }
  for (const [source, why] of Object.entries(usage)) {
    await t.rejects(openSource(source), { name: 'UsageError', message: why }, source)
    await t.rejects(openSource(source), new UsageError(), source)
  }
  await t.rejects(openSource(join(dir, 'missing')), {
    message: /^SOURCE '.*missing' does not exist/,
  })
  await t.rejects(openSource(stale), { message: /stale' cannot be read: nobody serves it/ })
  await t.rejects(openSource(join(dir, 'directory', 'x'.repeat(300))), { message: /ENAMETOOLONG/ })
})

void t.test('the path of a socket that no socket can have', async (t) => {
  const dir = tempDirectory(t).path
  const deep = join(dir, 'd'.repeat(60))
  mkdirSync(deep)
  const path = join(deep, 's'.repeat(60))
  spawnSync(process.execPath, ['-e', abandoned, 's'.repeat(60)], { cwd: deep, timeout })
  await t.rejects(openSource(path), { name: 'UsageError', message: /at most 107 bytes/ })
})
