// The target fails: the replay stops at that message, its position intact, and goes on exactly
// there.

import { join } from 'node:path'
import t from 'tap'
import { clearFaults, errno, injectFault, type FaultCall } from '#posix'
import { RandomStream } from '../support/random-stream.js'
import { replay } from '../support/replay.js'
import { seeded } from '../support/seed.js'
import { tempDirectory } from '../support/temp-directory.js'
import { listTree } from '../support/tree-listing.js'

t.setTimeout(300_000)
t.teardown(clearFaults)

const isLong = process.env.TFS_LONG === '1'
const calls: FaultCall[] = [
  ...(['openat', 'openat2', 'statx', 'reopen', 'mkdirat', 'mknodat', 'symlinkat'] as const),
  ...(['linkat', 'unlinkat', 'renameat2', 'fchownat', 'fchmodat', 'utimensat'] as const),
  ...(['pwrite', 'ftruncate', 'fallocate', 'copy_file_range', 'setxattr', 'removexattr'] as const),
]
const errors = ['ENOSPC', 'EDQUOT', 'EIO', 'EROFS', 'EACCES', 'EPERM', 'EMFILE', 'ENOMEM', 'ESTALE']

void t.test('12: calls fail with each error, somewhere', async (t) => {
  const random = seeded(t)
  const { bytes, seq } = new RandomStream(random).run(600).settle().writer.bye()
  const { path } = tempDirectory(t)
  const alone = join(path, 'alone')
  t.equal((await replay(bytes, alone)).error, undefined)
  const expected = listTree(alone)
  let struck = 0
  for (const [i, call] of calls.entries())
    for (const error of errors.filter((_, j) => isLong || (i + j) % 3 === 0)) {
      const root = join(path, `${call}-${error}`)
      // Twice, since a first failure is tried again on fresh descriptors.
      const nth = 15 + random.next(60)
      injectFault({ call, nth, errno: errno[error as 'EIO'], times: 3 })
      const cut = await replay(bytes, root, { onDivergence: 'stop' })
      clearFaults()
      if (!cut.error) continue
      struck++
      const isSaid = /^message \d+, byte \d+: |\.tfs\/position|, stat /.test(cut.error.message)
      if (cut.error.code !== error || !isSaid) t.fail(`${call} ${error}: ${cut.error}`)
      const again = await replay(bytes, root, { onDivergence: 'stop' })
      if (again.error || again.result?.suspects) t.fail(`after ${call} ${error}: ${again.error}`)
      if (!again.result || again.result.counts.skipped < 1 || again.result.counts.skipped >= seq)
        t.fail(`after ${call} ${error}: ${again.result?.counts.skipped} skipped`)
      const found = listTree(root)
      if (found.join() !== expected.join()) t.strictSame(found, expected, `${call} ${error}`)
    }
  t.ok(struck > 25, `${struck} failures`)
})

void t.test('a failure that passes is not noticed', async (t) => {
  const { bytes } = new RandomStream(seeded(t)).run(300).settle().writer.bye()
  const root = join(tempDirectory(t).path, 'mirror')
  // Behind what a mirror opens when it begins.
  for (const [nth, call] of (['openat', 'reopen', 'renameat2'] as const).entries())
    injectFault({ call, nth: 30 + nth, errno: errno.EMFILE })
  t.match(await replay(bytes, root), { error: undefined, result: { suspects: 0 } })
})
