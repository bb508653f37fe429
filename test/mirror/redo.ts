// Each message of a stream applied, but not noted: the next run finds it done and goes on.

import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Ids } from '#mirror'
import { clearFaults, errno, injectFault, type FaultCall } from '#posix'
import { decodeMessage, renameFlag, type Message } from '#wire'
import { RandomStream } from '../support/random-stream.js'
import { replay } from '../support/replay.js'
import { seeded } from '../support/seed.js'
import { tempDirectory } from '../support/temp-directory.js'
import { listTree } from '../support/tree-listing.js'

const isLong = process.env['TFS_LONG'] !== undefined

t.setTimeout(300_000)
t.teardown(clearFaults)

// How often the operation itself calls pwrite before its position is written.
function writesOf(message: Message, ids: Ids): number {
  if (message.name === 'symlink') return ids.kind === 'xattr' ? 1 : 0
  if (message.name === 'write') return message.body.data.length > 0 ? 1 : 0
  return message.name === 'rename' && message.body.flags === renameFlag.EXCHANGE ? 1 : 0
}

async function killBehindEach(t: Test, ids: Ids, count: number): Promise<void> {
  const stream = new RandomStream(seeded(t)).run(count).settle().writer.bye()
  const { path } = tempDirectory(t)
  const alone = join(path, 'alone')
  t.equal((await replay(stream.bytes, alone, { ids })).error, undefined)
  const root = join(path, 'mirror')
  const [hello] = stream.messages as [Buffer]
  const names = new Map<string, number>()
  for (const [i, bytes] of stream.messages.entries()) {
    const message = decodeMessage(bytes) as Message
    if (i === 0) continue
    names.set(message.name, (names.get(message.name) ?? 0) + 1)
    // The first write of a run says that it may be killed, the first of all that it has joined.
    const before = 1 + writesOf(message, ids) - (message.name === 'bye' ? 1 : 0)
    injectFault({ call: 'pwrite', nth: before + 1 + lockWrites, errno: errno.EIO, times: 2 })
    const piece = Buffer.concat([hello, bytes])
    const cut = await replay(piece, root, { ids, onDivergence: 'stop' })
    clearFaults()
    if (cut.error?.code !== 'EIO' || !cut.error.message.includes('.tfs/position'))
      t.fail(`${message.name}: not cut: ${cut.error}`)
    const again = await replay(piece, root, { ids, onDivergence: 'stop' })
    const isEnd = message.name === 'bye' ? !again.error : again.error?.code === 'EWIRE_TRUNCATED'
    if (!isEnd) t.fail(`message ${i + 1}, ${message.name}: ${again.error}`)
  }
  t.comment([...names].map(([name, n]) => `${name} ${n}`).join(', '))
  t.ok(names.size >= 14, 'nearly all operations, and bye')
  t.strictSame(listTree(root), listTree(alone))
}

void t.test('a kill behind each operation, before its position is noted', (t) =>
  killBehindEach(t, { kind: 'numeric' }, isLong ? 1500 : 500),
)
void t.test('the same with --ids xattr', (t) =>
  killBehindEach(t, { kind: 'xattr' }, isLong ? 700 : 300),
)

// Calls that follow the one that an operation begins with.
const steps: [FaultCall, number][] = [
  ['fchownat', 1],
  ['fchmodat', 1],
  ['utimensat', 1],
  ['utimensat', 2],
  ['setxattr', 1],
]

async function killBetween(t: Test, ids: Ids): Promise<void> {
  const stream = new RandomStream(seeded(t))
    .run(isLong ? 500 : 200)
    .settle()
    .writer.bye()
  const { path } = tempDirectory(t)
  const alone = join(path, 'alone')
  t.equal((await replay(stream.bytes, alone, { ids })).error, undefined)
  const root = join(path, 'mirror')
  const [hello] = stream.messages as [Buffer]
  let cuts = 0
  for (const [i, bytes] of stream.messages.entries()) {
    const piece = Buffer.concat([hello, bytes])
    const message = decodeMessage(bytes) as Message
    for (const [step, [call, nth]] of steps.entries()) {
      // A message alone is no position to go on from.
      if (i < 2 || message.name === 'bye') break
      // From there on nothing is written any more, as a kill would have it.
      const before = lockWrites + writesOf(message, ids) + (step === 0 ? 1 : 0)
      injectFault({ call, nth, errno: errno.EIO, times: 1e6 })
      injectFault({ call: 'pwrite', nth: before + 1, errno: errno.EIO, times: 1e6 })
      const cut = await replay(piece, root, { ids, onDivergence: 'stop' })
      clearFaults()
      if (cut.error?.code === 'EIO') cuts++
    }
    const again = await replay(piece, root, { ids, onDivergence: 'stop' })
    if (again.error && again.error.code !== 'EWIRE_TRUNCATED')
      t.fail(`message ${i + 1}, ${message.name}: ${again.error}`)
  }
  t.ok(cuts > stream.messages.length, `${cuts} cuts`)
  t.strictSame(listTree(root), listTree(alone))
}

void t.test('a kill between the steps of each operation', (t) =>
  killBetween(t, { kind: 'numeric' }),
)
void t.test('the same with --ids xattr', (t) => killBetween(t, { kind: 'xattr' }))

// The lock's pid.
const lockWrites = 1
