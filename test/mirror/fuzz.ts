// Streams that mean harm, 100,000 messages of them: nothing outside of the root changes, memory
// stays small, and whatever ends a replay is an error that says where and why.

import * as fs from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { check, MNT_DETACH, mount, umount2 } from '#posix'
import { seal } from '#wire'
import { hostileMessage } from '../support/hostile-message.js'
import { mutate } from '../support/random-message.js'
import { removeTree } from '../support/remove-tree.js'
import { replay } from '../support/replay.js'
import { runMirror } from '../support/run-mirror.js'
import { seeded } from '../support/seed.js'
import { messageOf, StreamWriter } from '../support/stream-writer.js'
import { tempDirectory } from '../support/temp-directory.js'
import { listTree } from '../support/tree-listing.js'

t.setTimeout(1_800_000)

const wanted = process.env.TFS_LONG === '1' ? 1_000_000 : 15_000
const mib = 1 << 20
const codes = /^(WireError EWIRE|MirrorError EMIRROR|TargetError E)/
const rng = seeded(t)

/** A disk of its own, so that no stream fills the machine's. */
function disk(t: Test): { directory: string; outside: string; targets: string[] } {
  const directory = tempDirectory(t).path
  const place = Buffer.from(directory)
  check(mount(Buffer.from('none'), place, 'tmpfs', 0, 'size=128m,nr_inodes=100k'), 'mount', place)
  const outside = join(directory, 'outside')
  const cwd = process.cwd()
  t.teardown(() => {
    process.chdir(cwd)
    check(umount2(place, MNT_DETACH), 'umount2', place)
  })
  fs.mkdirSync(join(outside, 'a/b'), { recursive: true })
  fs.mkdirSync(join(outside, 'sub'))
  for (const name of ['f', 'a/f', 'a/b/f', 'victim', 'sub/victim'])
    fs.writeFileSync(join(outside, name), 'precious', { mode: 0o640 })
  process.chdir(outside)
  const targets = [outside, '../outside', '../../outside/a', '..', '/proc/self/cwd', 'a']
  return { directory, outside, targets: [...targets, join(outside, 'victim'), '.tfs/position'] }
}

/** A stream of its own epoch; every `damage`th message is damaged. */
function stream(epoch: number, targets: readonly string[], damage: number) {
  const messages = [new StreamWriter(epoch).bytes]
  const damaged = new Set<number>()
  const count = 1 + rng.next(80)
  for (let i = 1; i <= count; i++) {
    const message = hostileMessage(rng, targets, 30)
    seal(message, message.length, i + 1, { sec: 5, nsec: 0 }, epoch)
    if (rng.next(damage) === 0) damaged.add(i)
    messages.push(damaged.has(i) ? mutate(rng, message) : message)
  }
  messages.push(messageOf('bye', {}, { seq: count + 2, epoch }))
  return { messages, damaged }
}

/** How many of `messages` a replay took up that ended with `error`. */
function taken(messages: readonly Buffer[], error: Error | undefined): number {
  if (!error) return messages.length
  const [, place = ''] = /^((?:message \d+)?(?:, )?(?:byte \d+)?): ./.exec(error.message) ?? []
  const [, seq] = /message (\d+)/.exec(place) ?? []
  const [, offset] = /byte (\d+)/.exec(place) ?? []
  if (place === '') throw new Error(`no place in the message: ${error.stack}`)
  // The input ended within a message.
  if (offset === undefined) return Math.min(messages.length, Number(seq))
  let count = 0
  for (let end = 0; count < messages.length && end <= Number(offset); count++)
    end += messages[count]!.length
  return count
}

void t.test('by the library', async (t) => {
  const { directory, outside, targets } = disk(t)
  const mirrors = join(directory, 'mirrors')
  const before = listTree(outside)
  const ends = new Map<string, number>()
  const sum = { all: 0, damaged: 0, applied: 0, streams: 0 }
  let largest = 0
  while (sum.all < wanted || sum.damaged < wanted / 20) {
    const { messages, damaged } = stream(++sum.streams, targets, 20)
    const isLimited = rng.next(50) > 0
    // A mirror is soon full of traps and nothing else, and would refuse everything.
    const root = join(mirrors, `${Math.floor(sum.streams / 20)}`)
    fs.mkdirSync(mirrors, { recursive: true })
    const { error, result } = await replay(messages, root, {
      force: true,
      ids: { kind: rng.next(4) ? 'numeric' : 'xattr' },
      untrusted: rng.next(2) === 0,
      onDivergence: rng.next(10) ? 'repair' : 'stop',
      maxFileSize: isLimited ? mib >> 2 : Number.MAX_SAFE_INTEGER,
    })
    const end = error ? `${error.name} ${error.code}` : 'none'
    ends.set(end, (ends.get(end) ?? 0) + 1)
    if (error && !codes.test(end)) t.fail(`${error.stack}`)
    const count = taken(messages, error) - 1
    sum.all += count
    for (const i of damaged) if (i <= count) sum.damaged++
    if (result) sum.applied += count - result.counts.skipped
    largest = Math.max(largest, process.memoryUsage.rss())
    if (!isLimited || sum.streams % 200 === 0) removeTree(mirrors)
    if (sum.streams % 1000 === 0) t.strictSame(listTree(outside), before, 'nothing has changed')
  }
  t.strictSame(listTree(outside), before, 'nothing outside has changed')
  const found = fs.readdirSync(directory).filter((name) => name !== 'mirrors')
  t.strictSame(found, ['outside'])
  t.ok(largest < 256 * mib, `${Math.round(largest / mib)} MiB at most`)
  t.comment(JSON.stringify(sum))
  t.comment([...ends].map(([name, n]) => `${name}: ${n}`).join(', '))
  t.ok(sum.applied > wanted / 20, 'whole streams were applied')
  t.ok(ends.size > 10, 'it ended in many ways')
})

// A write that no mtime follows leaves the time of the replay; what is in the trash, and may be a
// link of what is not, goes sooner or later.
function timeless(root: string): string[] {
  removeTree(join(root, '.tfs/trash'))
  return listTree(root, { root: false }).map((line) => line.replace(/ mtime=-?\d+/, ''))
}

const exits: Readonly<Record<string, number>> = {
  none: 0,
  WireError: 2,
  EMIRROR_REFUSED: 2,
  EMIRROR_POSITION: 2,
  EMIRROR_ABORT: 2,
  EMIRROR_DIVERGED: 1,
  TargetError: 111,
}

void t.test('by the program, which says the same', async (t) => {
  const { directory, outside, targets } = disk(t)
  const before = listTree(outside)
  const seen = new Map<number, number>()
  for (let i = 0; i < 24; i++) {
    const { messages } = stream(7, targets, 30)
    const onDivergence = i % 3 ? 'repair' : 'stop'
    const [library, program] = [join(directory, `l${i}`), join(directory, `p${i}`)]
    const { error, result } = await replay(messages, library, { onDivergence, maxFileSize: mib })
    const args = ['--sync=none', '--max-file-size=1M', `--on-divergence=${onDivergence}`, program]
    const { status, stderr } = runMirror(args, { input: Buffer.concat(messages) })
    const key = error?.name === 'MirrorError' ? `${error.code}` : (error?.name ?? 'none')
    const expected = key === 'none' && result?.suspects ? 1 : exits[key]
    seen.set(status ?? -1, (seen.get(status ?? -1) ?? 0) + 1)
    if (status !== expected) t.fail(`${status}, not ${expected}: ${error?.stack}, ${stderr}`)
    const last = stderr.trimEnd().split('\n').at(-1)
    // What is wrong with a stream is said of its source.
    const source = error?.name === 'WireError' ? 'standard input: ' : ''
    if (error && last !== `tfs-mirror: ${source}${error.message}`) t.equal(last, error.message)
    t.strictSame(timeless(program), timeless(library))
    removeTree(library)
    removeTree(program)
  }
  t.strictSame(listTree(outside), before, 'nothing outside has changed')
  t.comment([...seen].map(([status, n]) => `${status}: ${n}`).join(', '))
  t.ok(seen.size > 1, 'different ends')
})
