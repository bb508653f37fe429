// What is right already is not sent again: a large file in which a few blocks differ is mended with
// those blocks, as the bytes on the socket and those that are written show.

import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { AssertingScene, mirrorPath } from '../support/asserting-scene.js'
import { start } from '../support/broadcast-process.js'
import { CountingProxy } from '../support/counting-proxy.js'
import { like } from '../support/planted.js'
import { random } from '../support/random.js'
import { rsyncCompare } from '../support/rsync-compare.js'
import { seed } from '../support/seed.js'

const isLong = process.env['TFS_LONG'] !== undefined
const mebibyte = 1 << 20
const size = isLong ? 1024 * mebibyte : 64 * mebibyte
const blocks = isLong ? 10 : 3
const limit = 1.2 * blocks * mebibyte
const timeoutMs = isLong ? 600_000 : 120_000

t.setTimeout(2 * timeoutMs)
t.comment(`TFS_SEED=${seed}`)

await t.test('only the blocks that differ are sent, and written', async (t) => {
  const scene = await AssertingScene.begin(t, timeoutMs, (store) => {
    execFileSync('sh', ['-c', `head -c ${size} /dev/urandom >'${store}/large'`])
  })
  const copy = scene.at('copy')
  execFileSync('cp', ['-a', scene.journal.store, copy])
  await scene.copy('copy')
  const proxy = await CountingProxy.start(t, scene.at('proxy'), scene.socket)
  damage(join(copy, 'large'))
  const repair = await measured(t, proxy, ['--verify', '--repair'], copy)
  t.equal(repair.code, 1, repair.stderr)
  const said = repair.stdout.trimEnd().split('\n')
  t.equal(said.length, blocks, 'each block is named')
  for (const line of said) t.match(line, /^large: content: bytes \d+ to \d+ \(after message/)
  const { down, up, wchar, write_bytes: dirtied } = repair
  t.comment(
    `${size / mebibyte} MiB, ${blocks} blocks differ: ${down} bytes came, ${up} went back, ` +
      `${wchar} were written, ${dirtied} to the disk`,
  )
  t.ok(down > blocks * mebibyte && down + up < limit, `${down} + ${up} on the socket`)
  t.ok(wchar! > 0 && wchar! < limit, `${wchar} written`)
  t.ok(dirtied! < limit, `${dirtied} to the disk`)
  t.equal(await rsyncCompare(scene.journal.store, copy), '')
  t.equal((await measured(t, proxy, ['--verify'], copy)).code, 0)
})

/** Flips a bit in some blocks. */
function damage(path: string): void {
  const rng = random(seed)
  const chosen = new Set<number>()
  while (chosen.size < blocks) chosen.add(rng.next(size / mebibyte))
  const before = join(path, '../../before')
  fs.closeSync(fs.openSync(before, 'w'))
  like(path, before)
  const fd = fs.openSync(path, 'r+')
  const byte = Buffer.alloc(1)
  for (const block of chosen) {
    const at = block * mebibyte + rng.next(mebibyte)
    fs.readSync(fd, byte, 0, 1, at)
    byte[0]! ^= 1 << rng.next(8)
    fs.writeSync(fd, byte, 0, 1, at)
  }
  fs.closeSync(fd)
  like(before, path)
}

/** Runs tfs-mirror: what came and went, and what its process wrote, see proc_pid_io(5). */
async function measured(t: Test, proxy: CountingProxy, options: string[], copy: string) {
  const [down, up] = [proxy.down, proxy.up]
  // What a process has done counts for who waited for it.
  const script =
    '"$@"; code=$?; while read -r line; do echo "io $line" >&2; done </proc/$$/io; exit $code'
  const args = ['-c', script, 'sh', process.execPath, mirrorPath, ...options, proxy.path, copy]
  const { code, stdout, stderr } = await start(t, 'sh', args, { timeoutMs }).ended
  const io = Object.fromEntries(
    [...stderr.matchAll(/^io (\w+): (\d+)$/gm)].map(([, name, n]) => [name!, Number(n)]),
  )
  return {
    code,
    stdout: stdout.toString(),
    stderr,
    down: proxy.down - down,
    up: proxy.up - up,
    ...io,
  } as {
    code: number | null
    stdout: string
    stderr: string
    down: number
    up: number
    wchar?: number
    write_bytes?: number
  }
}
