// Verification while the source is busy: four programs do at random all that can be done to files,
// and one comparison after the other finds no difference, but the one that is put there.
// TFS_SECONDS says how long in all; each round begins anew with another seed.

import { spawn, type ChildProcess } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { AssertingScene } from '../support/asserting-scene.js'
import type { Running } from '../support/broadcast-process.js'
import { compiled } from '../support/compiled.js'
import { generateTree } from '../support/generated-tree.js'
import { ended } from '../support/journal-place.js'
import { random } from '../support/random.js'
import { rsyncCompare } from '../support/rsync-compare.js'
import { seed } from '../support/seed.js'

const isLong = process.env['TFS_LONG'] !== undefined
const seconds = Number(process.env['TFS_SECONDS'] ?? (isLong ? 3600 : 4))
const roundSeconds = Math.min(100, seconds)
const rounds = Math.ceil(seconds / roundSeconds)
const files = isLong ? 3000 : 300
const timeoutMs = 4 * roundSeconds * 1000 + 120_000
const built = join(import.meta.dirname, '../..')

t.setTimeout(rounds * timeoutMs)
t.comment(`TFS_SEED=${seed}`)

const total = { verifications: 0, asked: 0, files: 0, works: 0 }

for (let round = 1; round <= rounds; round++)
  await t.test(`no difference that is none, ${round}`, (t) => underLoad(t, seed + round))
t.comment(
  `${rounds * roundSeconds} s of load, ${total.works} works; ${total.verifications} runs with ` +
    `--verify compared ${total.files} files; ${total.asked} comparisons of a live mirror`,
)

async function underLoad(t: Test, seed: number): Promise<void> {
  const scene = await AssertingScene.begin(t, timeoutMs, (store) => {
    generateTree(store, files)
    // Who opens one waits for another who does.
    fs.rmSync(join(store, 'odd/fifo'))
  })
  await scene.copy('live', 'whole', 'parts')
  const live = scene.mirror('live', '--check')
  const { mount } = scene.journal
  const writers = [1, 2, 3, 4].map((n) => storm(mount, seed * 10 + n))
  const mapper = mapping(mount)
  t.teardown(() => mapper.exitCode ?? mapper.signalCode ?? process.kill(-mapper.pid!, 'SIGKILL'))
  const isOver = Promise.all(writers.map(({ child }) => ended(child)))
  let isGoing = true
  void isOver.then(() => (isGoing = false))
  const rng = random(seed)
  const parts = () => {
    const names = fs.readdirSync(scene.journal.store).filter((name) => name.startsWith('directory'))
    return [`--verify=${names[rng.next(names.length)] ?? '.'}`]
  }
  const work = [
    verifyAgain(
      t,
      scene,
      'whole',
      () => ['--verify'],
      () => isGoing,
    ),
    verifyAgain(t, scene, 'parts', parts, () => isGoing),
    askAgain(scene, () => isGoing),
  ]
  const codes = await isOver
  process.kill(-mapper.pid!, 'SIGKILL')
  await Promise.all(work)
  t.strictSame(codes, [0, 0, 0, 0], writers.map(({ said }) => said()).join(' '))
  total.works += writers.reduce((sum, { said }) => sum + Number(said()), 0)
  t.strictSame(differencesOf(live), [], 'of the live mirror')
  await canary(t, scene, live, seed)
  t.equal(await scene.journal.end(), 'SIGTERM', scene.journal.said)
  t.match(await live.ended, { code: 1 }, 'differences make its exit code')
  // The time of the directory that it was put into stays, unless the source has used that since.
  const others = await rsyncCompare(scene.journal.store, scene.at('live'))
  t.match(others, /^\*deleting {3}canary(\n\.d\.\.t\.{6} \.\/)?$/)
  t.comment(`${t.name}: ${JSON.stringify(total)}`)
}

function differencesOf(mirror: Running): string[] {
  const lines = mirror.stderr().split('\n')
  return lines.filter((line) => /after message|suspect|differed/.test(line))
}

/** One run after the other compares a mirror that is behind by what happened since the last. */
async function verifyAgain(
  t: Test,
  scene: AssertingScene,
  name: string,
  options: () => string[],
  isGoing: () => boolean,
): Promise<void> {
  while (isGoing()) {
    const { code, stdout, stderr } = await scene.mirror(name, ...options()).ended
    total.verifications++
    total.files += Number(/ (\d+) files/.exec(stderr)?.[1] ?? 0)
    if (code !== 0 || stdout.length > 0 || !/: no difference/.test(stderr))
      t.fail(`${name}: exit code ${code}`, { stdout: stdout.toString(), stderr })
  }
}

/** Asks for one comparison, or several at once, of whoever compares in passing. */
async function askAgain(scene: AssertingScene, isGoing: () => boolean): Promise<void> {
  const file = `${scene.journal.mount}/.tfs/verify`
  const isIdle = async () => {
    const { active } = JSON.parse(await shell(`cat '${file}'`)) as { active: unknown[] }
    return active.length === 0
  }
  while (isGoing()) {
    // What has another name by now is refused.
    for (const path of ['.', 'directory 0', 'odd']) if (await asks(file, path)) total.asked++
    while (isGoing() && !(await isIdle())) await sleep(50)
  }
}

function asks(file: string, path: string): Promise<boolean> {
  return shell(`echo '${path}' >'${file}'`).then(
    () => true,
    () => path === '.' && Promise.reject(new Error('cannot ask')),
  )
}

/** What is put into mirrors of a busy source is found; what was found is mended. */
async function canary(t: Test, scene: AssertingScene, live: Running, seed: number): Promise<void> {
  const writer = storm(scene.journal.mount, seed, 2)
  fs.writeFileSync(join(scene.at('live'), 'canary'), 'extra')
  await shell(`echo . >'${scene.journal.mount}/.tfs/verify'`)
  await live.said(/after message \d+:\d+: canary: extra/)
  fs.mkdirSync(join(scene.at('whole'), 'canary'))
  const found = await scene.mirror('whole', '--verify').ended
  t.equal(found.code, 1, found.stderr)
  t.match(found.stdout.toString(), /^canary: extra \(after message \d+:\d+\)$/m)
  t.equal((await scene.mirror('whole', '--verify', '--repair').ended).code, 1)
  const { code, stdout, stderr } = await scene.mirror('whole', '--verify').ended
  t.strictSame([code, stdout.toString()], [0, ''], stderr)
  t.equal(await ended(writer.child), 0, writer.said())
}

function shell(script: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('sh', ['-c', script], {
      timeout: 60_000,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let said = ''
    child.stdout.on('data', (piece: Buffer) => (said += piece.toString()))
    child.stderr.on('data', (piece: Buffer) => (said += piece.toString()))
    child.on('error', reject)
    child.on('close', (code) => (code === 0 ? resolve(said) : reject(new Error(said))))
  })
}

function storm(mount: string, seed: number, length = roundSeconds) {
  const program = join(built, 'test/support/name-storm.js')
  const child = spawn(process.execPath, [program, mount, `${seed}`, `${length}`], {
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (piece: Buffer) => (said += piece.toString()))
  return { child, said: () => said }
}

/** Writes a file through mapped memory, among others, whatever becomes of it. */
function mapping(mount: string): ChildProcess {
  const script = `n=0; while n=$((n + 1)); do "$0" mapped 200 $n; rm -f mapped; done`
  return spawn('timeout', [`${timeoutMs / 1000}`, 'sh', '-c', script, compiled('fsx')], {
    cwd: mount,
    stdio: 'ignore',
    detached: true,
  })
}
