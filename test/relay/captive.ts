// tfs-broadcast --run: a command that has a server to itself.

import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { startBroadcast } from '../support/broadcast-process.js'
import { StreamWriter } from '../support/stream-writer.js'
import { tempDirectory } from '../support/temp-directory.js'

t.setTimeout(120_000)

const bytes = new StreamWriter()
  .add('write', { path: 'f', data: Buffer.alloc(100_000, 'data') })
  .add('mkdir', { path: 'd' })
  .bye().bytes

void t.test(
  '--run: a private socket, begun by its first client, ended by the command',
  async (t) => {
    const { path } = tempDirectory(t)
    const env = { ...process.env, TMPDIR: path }
    const file = join(path, 'sample.tfs')
    writeFileSync(file, bytes)
    const run = async (command: string, args = ['--from', file]) => {
      const server = startBroadcast(t, [...args, '--run', command], { env })
      if (!args.includes('--from')) server.stdin.end(bytes)
      const end = await server.ended
      t.same(readdirSync(path), ['sample.tfs'], 'nothing is left')
      return end
    }
    const whole = await run(`sleep 0.3; nc -N -U "$TFS_SOCKET" < /dev/null; exit 7`)
    t.equal(whole.code, 7)
    t.ok(whole.stdout.equals(bytes), 'the client had it all')
    const piped = await run(`socat -u "UNIX-CONNECT:$TFS_SOCKET" -`, [])
    t.equal(piped.code, 0)
    t.ok(piped.stdout.equals(bytes))
    t.match(await run('touch "$TMPDIR/ran"', ['--from', join(path, 'missing')]), {
      code: 111,
      stderr: /SOURCE .*missing' does not exist/,
    })
    t.match(await run('true'), { code: 0 }, 'ended without a client')
    t.match(await run('exit 3', []), { code: 3 })
    t.match(await run('kill -9 $$'), { code: 128 + 9 })
    t.match(await run(`stat -c %a "$TFS_SOCKET" "$(dirname "$TFS_SOCKET")"`), {
      stdout: Buffer.from('600\n700\n'),
    })
    writeFileSync(file, bytes.subarray(0, -32))
    const cut = await run(`socat -u "UNIX-CONNECT:$TFS_SOCKET" - | wc -c`)
    t.match(cut, { code: 0, stderr: /sample.tfs: .*without a bye/ })
    t.equal(cut.stdout.toString().trim(), `${bytes.length - 32}`)
  },
)

void t.test('--run: a signal goes to the command, and back', async (t) => {
  const { path } = tempDirectory(t)
  const env = { ...process.env, TMPDIR: path }
  const command = `trap 'echo told; exit 5' TERM; echo ready >&2; while :; do sleep 0.05; done`
  const server = startBroadcast(t, ['--run', command], { env })
  await server.said(/ready/)
  server.child.kill('SIGTERM')
  t.match(await server.ended, { signal: 'SIGTERM', stdout: Buffer.from('told\n') })
  t.same(readdirSync(path), [])
})
