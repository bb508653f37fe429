// tfs-mirror with a spool's directory as its SOURCE: read to its end or followed, killed at any
// moment, ended at marks.

import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { until } from '../support/journal-place.js'
import { mirrorPosition } from '../support/mirror-position.js'
import { mirrorProgram, runMirror } from '../support/run-mirror.js'
import { seeded } from '../support/seed.js'
import { severalEpochs } from '../support/several-epochs.js'
import { appendAll, openWriter, spoolOf } from '../support/spool-files.js'
import { StreamWriter } from '../support/stream-writer.js'
import { replay } from '../support/replay.js'
import { tempDirectory } from '../support/temp-directory.js'
import { listTree } from '../support/tree-listing.js'

t.setTimeout(600_000)
const isLong = process.env['TFS_LONG'] !== undefined
const sync = '--sync=none'
const segmentSize = 100_000

/** Messages that `--stats` says were applied, and skipped. */
function counted(stderr: string): { applied: number; skipped: number } {
  const number = (pattern: RegExp) => Number(pattern.exec(stderr)?.[1]?.replaceAll(',', ''))
  return {
    applied: number(/Messages applied: ([\d,]+)/),
    skipped: number(/Messages applied before: ([\d,]+)/),
  }
}

void t.test('a spool is read to its end, and on from there', async (t) => {
  const { messages, counts } = severalEpochs(seeded(t), 3, 60)
  const path = spoolOf(t, messages.slice(0, 90), segmentSize)
  const root = join(tempDirectory(t).path, 'mirror')
  const first = runMirror([sync, '--stats', path, root])
  t.match(first, { status: 2, stderr: /without a bye/ })
  const second = runMirror([sync, path, root])
  t.match(second, { status: 2, stderr: /without a bye/ }, 'nothing more is there')
  const writer = openWriter(path, segmentSize)
  appendAll(writer, messages.slice(90))
  writer.close()
  const rest = runMirror([sync, '--stats', path, root])
  t.equal(rest.status, 0, rest.stderr)
  t.strictSame(counted(rest.stderr), { applied: messages.length - 90, skipped: 0 })
  const none = runMirror([sync, '--stats', path, root])
  t.strictSame([none.status, counted(none.stderr)], [0, { applied: 0, skipped: 0 }])
  t.equal(mirrorPosition(root).messages, messages.length - 1, 'all but the hello that it joined by')
  const alone = join(path, '../alone')
  const whole = spawnSync('sh', ['-c', `cat ${path}/*.tfs`], { maxBuffer: 1 << 28 }).stdout
  t.equal(runMirror([sync, alone], { input: whole }).status, 0)
  t.strictSame(listTree(root), listTree(alone))
  const again = runMirror([sync, '--stats', root], { input: whole })
  t.strictSame([again.status, counted(again.stderr)], [0, { applied: 0, skipped: messages.length }])
  t.ok(counts.length === 3)
})

void t.test('a foreign spool, one that lost what is needed, and none', async (t) => {
  const { path } = tempDirectory(t)
  const root = join(path, 'mirror')
  const own = new StreamWriter(7).add('mkdir', { path: 'a' }).bye()
  t.equal(runMirror([sync, spoolOf(t, own.messages), root]).status, 0)
  const foreign = spoolOf(t, new StreamWriter(99).add('mkdir', { path: 'b' }).bye().messages)
  t.match(runMirror([sync, foreign, root]), {
    status: 2,
    stderr: /refuses: .*message 3 of epoch 7.*use --bootstrap where it takes requests/,
  })
  t.match(runMirror([sync, '-n', foreign, root]), { status: 2 })
  t.notOk(fs.existsSync(join(root, 'b')))
  const before = spoolOf(t, own.messages.slice(0, 2))
  t.match(runMirror([sync, before, root]), { status: 2, stderr: /no message 3 of epoch 7/ })
  t.match(runMirror([sync, '--force', foreign, root]), { status: 0, stderr: /takes what there is/ })
  t.ok(fs.existsSync(join(root, 'b')))
  fs.mkdirSync(join(path, 'empty'))
  t.match(runMirror([sync, join(path, 'empty'), root]), { status: 100, stderr: /no.* spool|spool/ })
})

void t.test('kill -9 at random, following a spool that grows', async (t) => {
  const random = seeded(t)
  const { messages } = severalEpochs(random, 5, isLong ? 20_000 : 800)
  const { path } = tempDirectory(t)
  const [spool, root, alone] = ['spool', 'mirror', 'alone'].map((name) => join(path, name)) as [
    string,
    string,
    string,
  ]
  const writer = openWriter(spool, segmentSize)
  appendAll(writer, messages.slice(0, 10))
  const runs = isLong ? 100 : 12
  let [at, killed, isGoing] = [10, 0, true]
  const writing = (async () => {
    const each = Math.ceil(messages.length / (runs * 40))
    for (; at < messages.length && isGoing; at += each) {
      appendAll(writer, messages.slice(at, at + each))
      await sleep(4 + random.next(8))
    }
  })()
  for (let i = 0; i < runs; i++) {
    const args = ['--follow', i % 4 ? sync : '--sync=always', spool, root]
    const child = spawn(process.execPath, [mirrorProgram, ...args], { stdio: 'ignore' })
    const exited = once(child, 'exit')
    await begun(child, root)
    await sleep(random.next(150))
    child.kill('SIGKILL')
    const [, signal] = (await exited) as [number | null, string | null]
    if (signal === 'SIGKILL') killed++
  }
  isGoing = false
  await writing
  appendAll(writer, messages.slice(at))
  writer.close()
  t.ok(killed > runs / 2, `${killed} kills`)
  const last = runMirror([sync, '--stats', spool, root])
  t.equal(last.status, 0, last.stderr)
  t.equal(counted(last.stderr).skipped, 0)
  const bytes = messages.slice(1).reduce((sum, { length }) => sum + length, 0)
  const position = mirrorPosition(root)
  t.strictSame([position.messages, position.bytes], [messages.length - 1, bytes], 'each once')
  await replay(messages, alone)
  t.strictSame(listTree(root), listTree(alone))
})

async function begun(child: ChildProcess, root: string): Promise<void> {
  const lock = join(root, '.tfs/lock')
  await until('begun', () => {
    if (child.exitCode !== null || child.signalCode !== null) return true
    return fs.existsSync(lock) && fs.readFileSync(lock, 'utf8') === `${child.pid}\n`
  })
}

void t.test('a signal ends one that follows, wherever it waits', async (t) => {
  const { path } = tempDirectory(t)
  const root = join(path, 'mirror')
  const stream = new StreamWriter(7).add('mkdir', { path: 'a' }).bye()
  const spool = spoolOf(t, stream.messages)
  const child = spawn(process.execPath, [mirrorProgram, '-f', spool, root], { stdio: 'ignore' })
  await until('applied', () => fs.existsSync(join(root, 'a')))
  child.kill('SIGTERM')
  t.strictSame(await once(child, 'exit'), [null, 'SIGTERM'])
})

void t.test('each mark restores the tree that it was set on', async (t) => {
  const random = seeded(t)
  const { path } = tempDirectory(t)
  const [saved, live] = [join(path, 'saved'), join(path, 'live')]
  const marks = isLong ? 1000 : 50
  let n = 0
  const { messages } = severalEpochs(random, 5, isLong ? 4000 : 150, (stream) => {
    if (n < marks && random.next(2)) stream.settle().writer.add('mark', { name: `mark-${n++}` })
  })
  const spool = spoolOf(t, messages, segmentSize)
  t.ok(n > marks / 2, `${n} marks`)
  const chosen = Array.from({ length: isLong ? 50 : n }, (_, i) => (isLong ? random.next(n) : i))
  // One mirror goes from mark to mark, and is what each is to be.
  const trees = new Map<number, string[]>()
  for (const mark of [...new Set(chosen)].toSorted((a, b) => a - b)) {
    const until = { kind: 'mark', name: Buffer.from(`mark-${mark}`) } as const
    const { error } = await replay(messages, live, { until })
    if (error) t.fail(`mark ${mark}: ${error.message}`)
    trees.set(mark, listTree(live))
  }
  for (const mark of chosen) {
    fs.rmSync(saved, { recursive: true, force: true })
    // Each as a user does it would take a process each.
    if (mark % 10 === 0) {
      const { status, stderr } = runMirror([sync, '--until', `mark-${mark}`, spool, saved])
      if (status !== 0) t.fail(`mark ${mark}: ${stderr}`)
    } else {
      const until = { kind: 'mark', name: Buffer.from(`mark-${mark}`) } as const
      await replay(messages, saved, { until })
    }
    if (listTree(saved).join('\n') !== trees.get(mark)?.join('\n')) t.fail(`mark ${mark} differs`)
  }
  t.ok(new Set([...trees.values()].map((lines) => lines.join('\n'))).size > trees.size / 2)
})

void t.test('--until: marks and positions that are there, and that are not', async (t) => {
  const { path } = tempDirectory(t)
  const first = new StreamWriter(7).add('mkdir', { path: 'a' }).add('mark', { name: 'one' })
  first.add('mkdir', { path: 'b' }).add('mark', { name: '12' }).add('mkdir', { path: 'c' }).bye()
  const second = new StreamWriter(8, { epoch: 7, seq: first.seq }).add('mkdir', { path: 'd' })
  second.add('mark', { name: 'one' }).add('mkdir', { path: 'e' }).bye()
  const messages = [...first.messages, ...second.messages]
  const spool = spoolOf(t, messages)
  const input = Buffer.concat(messages)
  let count = 0
  const tree = (args: string[], from?: Buffer) => {
    const root = join(path, `${count++}`)
    const source = from ? ['-'] : [spool]
    const { status, stderr } = runMirror([sync, ...args, ...source, root], from && { input: from })
    const names = fs.existsSync(root) ? fs.readdirSync(root).sort().slice(1).join('') : 'none'
    return { status, names, stderr, root }
  }
  t.match(tree(['--until', 'one']), { status: 0, names: 'abcd' }, 'the newest of that name')
  t.match(tree(['--until', 'one'], input), { status: 0, names: 'a' }, 'the first that comes')
  t.match(tree(['--until', 'mark:12']), { status: 0, names: 'ab' })
  t.match(tree(['--until', '7:4'], input), { status: 0, names: 'ab' })
  t.match(tree(['--until', '8:2']), { status: 0, names: 'abcd' })
  t.match(tree(['--until', 'two']), { status: 1, names: 'none', stderr: /no mark 'two'/ })
  const missing = tree(['--until', 'two'], input)
  t.match(missing, { status: 1, names: 'abcde', stderr: /ends without such a mark/ })
  t.match(tree(['--until', '9:2'], input), { status: 1, stderr: /ends without such a message/ })
  const { root } = tree(['--until', 'one'])
  t.match(runMirror([sync, '--until', 'one', spool, root]), { status: 0, stderr: '' }, 'there')
  t.match(runMirror([sync, '--until', 'mark:12', spool, root]), { status: 1, stderr: /go back/ })
  t.match(runMirror([sync, '--until', '8:1', spool, root]), { status: 1, stderr: /go back/ })
  t.match(runMirror([sync, '--until', '8:4', spool, root]), { status: 0, stderr: '' })
  t.match(runMirror([sync, '--until', 'mark:12', root], { input }), { status: 1 }, 'a stream')
})
