// Verification: differences of every kind that are put into a copy are all found, named and
// mended; and however busy the source is, none is said that there is not.

import * as fs from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { AssertingScene } from '../support/asserting-scene.js'
import { generateTree } from '../support/generated-tree.js'
import { kinds, plant, type Planted } from '../support/planted.js'
import { random } from '../support/random.js'
import { rsyncCompare } from '../support/rsync-compare.js'
import { seed } from '../support/seed.js'

const isLong = process.env['TFS_LONG'] !== undefined
const each = isLong ? 100 : 3
const timeoutMs = isLong ? 900_000 : 120_000

t.setTimeout(2 * timeoutMs)
t.comment(`TFS_SEED=${seed}`)

await t.test('what is put into a copy is found, named, and mended', async (t) => {
  const scene = await AssertingScene.begin(t, timeoutMs, (store) => fill(store, each))
  await scene.copy('copy')
  const copy = scene.at('copy')
  t.match(await scene.mirror('copy', '--verify').ended, { code: 0, stdout: Buffer.alloc(0) })
  const planted = plant(copy, each, random(seed))
  const found = await scene.mirror('copy', '--verify').ended
  t.equal(found.code, 1, found.stderr)
  areNamed(t, planted, found.stdout.toString())
  const counts = Object.keys(kinds).map((kind) => planted.filter((one) => one.kind === kind).length)
  t.comment(`${Object.keys(kinds).join(', ')}: ${counts.join(', ')}; ${found.stderr}`)
  const mended = await scene.mirror('copy', '--verify', '--repair').ended
  t.equal(mended.code, 1, mended.stderr)
  t.comment(mended.stderr)
  areNamed(t, planted, mended.stdout.toString())
  t.match(await scene.mirror('copy', '--verify').ended, { code: 0, stdout: Buffer.alloc(0) })
  t.equal(await rsyncCompare(scene.journal.store, copy), '')
})

await t.test(
  'what somebody else did is mended where it shows, the times beside it too',
  async (t) => {
    const scene = await AssertingScene.begin(t, timeoutMs, (store) => generateTree(store, 100))
    await scene.copy('copy')
    const copy = scene.at('copy')
    const mirror = scene.mirror('copy')
    fs.rmSync(join(copy, 'directory 0/file-7'))
    fs.rmSync(join(copy, 'directory 0/file-2'))
    scene.journal.sh("echo more >>'directory 0/file-2'")
    await mirror.said(/suspect paths are as the source states them now/)
    // Of this nothing shows, but to who compares.
    const { code, stdout } = await scene.journal.end().then(() => mirror.ended)
    t.equal(code, 0, stdout.toString())
    t.equal(
      await rsyncCompare(scene.journal.store, copy),
      '>f+++++++++ directory 0/file-7',
      'the time of the directory is right',
    )
  },
)

/** A tree that has enough of everything. */
function fill(store: string, each: number): void {
  generateTree(store, 200 + each * 30)
  const directory = join(store, 'more')
  fs.mkdirSync(directory)
  for (let i = 0; i < 3 * each; i++) {
    fs.mkdirSync(join(directory, `empty-${i}`))
    const fd = fs.openSync(join(directory, `sparse-${i}`), 'w')
    const size = (128 << 10) + i * 10_000
    fs.writeSync(fd, `${i}`.repeat(100), i % 2 ? 0 : size - 1000)
    fs.ftruncateSync(fd, size)
    fs.closeSync(fd)
  }
}

/** Each is, and nothing else. */
function areNamed(t: Test, planted: readonly Planted[], text: string): void {
  const lines = text.trimEnd().split('\n')
  const said = lines.map((line) => /^(.*?): ([a-z]+)(: .*)? \(after message \d+:\d+\)$/.exec(line))
  for (const [i, match] of said.entries()) if (!match) t.fail(`a line: ${lines[i]}`)
  const missed = planted.filter(
    ({ paths, what }) => !said.some((one) => paths.includes(one?.[1] ?? '') && what.test(one![2]!)),
  )
  t.strictSame(missed, [], 'all are named')
  const isOfOne = (path: string, word: string) =>
    planted.some(
      ({ paths, what, also, beside }) =>
        (paths.includes(path) && (what.test(word) || also?.test(word))) ||
        (path === beside && word === 'link'),
    )
  const others = said.filter((one) => one && !isOfOne(one[1]!, one[2]!)).map((one) => one![0])
  t.strictSame(others, [], 'nothing else is')
}
