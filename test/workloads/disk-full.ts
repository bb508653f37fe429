// Disks that are full, one after another and several at once, while programs work on the mount:
// the store's, those of three spools in a row, the mirror's. Callers get ENOSPC where it is their
// matter, and notice nothing where it is not; reads go on; everything goes on by itself when there
// is room, but the mirror, which stops between two messages and is started again. In the end all is
// exact.

import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { decodeMessage, Framer, seqOf } from '#wire'
import { diskNames, FullDisks, type DiskName } from '../support/full-disks.js'
import { mirrorPosition } from '../support/mirror-position.js'
import { rsyncCompare } from '../support/rsync-compare.js'
import { runMirror } from '../support/run-mirror.js'
import { seeded } from '../support/seed.js'
import { shell } from '../support/shell.js'
import { readSpool } from '../support/spool-files.js'

if (process.getuid?.() !== 0) throw new Error('small file systems are mounted here: run it as root')

const isLong = process.env['TFS_LONG'] !== undefined
const rounds = isLong ? 20 : 1
const kind = isLong ? 'ext4' : 'tmpfs'
const diskSize = (isLong ? 1024 : 128) << 20
/** How long a disk stays full. */
const fullMs = isLong ? 3000 : 500
const tickedMs = 2500
/** Changes, and rounds of reading, that show that there is work. */
const some = { done: 20, reads: 10 }

async function storeIsFull(t: Test, at: FullDisks): Promise<void> {
  at.disks.store.fill()
  await at.progressBy({ refused: 20, reads: 10 })
  t.match(await at.status(), { state: 'journalling' })
  at.disks.store.free()
  await at.progressBy(some)
}

async function journalIsFull(t: Test, at: FullDisks): Promise<void> {
  at.disks.journal.fill()
  await at.progressBy({ refused: 20, reads: 10 })
  // Ticks come when nothing else does, and have to find room, or wait for it alone.
  await sleep(tickedMs)
  await at.progressBy({ reads: 10 })
  const attempts = await shell(
    `cd "$1"; for try in 'mkdir refused' 'echo x >>constant' 'truncate -s 5 constant' \\
       'mv constant refused' 'chmod 600 constant' 'setfattr -n user.a -v b constant' \\
       'ln constant refused' 'ln -s constant refused' 'mkfifo refused' 'cp constant refused'; do
      ! bash -c "$try" 2>&1 || echo "$try: that was done"
    done; ls -d refused 2>&1 || :; cmp constant "$2"; stat -c %a constant`,
    [at.mount, at.at('constant')],
  )
  t.equal(attempts.match(/No space left on device/g)?.length, 10, 'callers are told')
  t.notMatch(attempts, /that was done/)
  const store = at.tree('store')
  t.equal(await shell('ls -d "$1/refused" 2>/dev/null || echo none', [store]), 'none\n')
  t.equal(
    await shell('cmp "$1" "$2" && stat -c %a "$1"', [join(store, 'constant'), at.at('constant')]),
    '644\n',
    'and the store was not touched',
  )
  t.match(await at.status(), { state: 'full' })
  at.disks.journal.free()
  await at.progressBy(some)
  t.match(await at.status(), { state: 'journalling' })
}

/** Behind the journal's spool nobody on the mount notices. */
async function laterIsFull(t: Test, at: FullDisks, name: 'spool' | 'broadcast'): Promise<void> {
  const { refused } = at.progress()
  const said = at.journal.stderr().length
  at.disks[name].fill()
  const waits = new RegExp(`/${name}/tree: takes nothing, so the input waits: ENOSPC`)
  await at.progressBy({ done: 1 })
  await at.journal.said(waits)
  await at.progressBy(some)
  at.disks[name].free()
  await at.journal.said(new RegExp(`/${name}/tree: goes on`))
  t.match(at.journal.stderr().slice(said), waits, 'it is said that the input waits')
  await at.progressBy(some)
  t.equal(at.progress().refused, refused, 'nothing is refused on the mount')
}

async function mirrorIsFull(t: Test, at: FullDisks): Promise<void> {
  const { refused } = at.progress()
  at.disks.mirror.fill()
  const { code, stderr } = await at.mirror.ended
  t.equal(code, 111, stderr)
  t.match(stderr, /tfs-mirror: message \d+, .*: .*no space left on device/i)
  await at.progressBy(some)
  t.equal(at.progress().refused, refused, 'nothing is refused on the mount')
  await isPrefix(t, at)
  at.disks.mirror.free()
  at.startMirror()
  await at.progressBy(some)
}

// The mirror is what the stream makes up to its position, but for the message that was at fault.
async function isPrefix(t: Test, at: FullDisks): Promise<void> {
  const { epoch, seq } = mirrorPosition(at.tree('mirror'))
  const [alone, spool] = [at.at('alone'), at.tree('broadcast')]
  const { status, stderr } = runMirror(['--sync=none', '--until', `${epoch}:${seq}`, spool, alone])
  t.equal(status, 0, stderr)
  const framer = new Framer()
  framer.push(readSpool(spool))
  let next: Buffer | undefined
  while ((next = framer.next()) && seqOf(next) <= seq);
  const fault = decodeMessage(next!)!
  const path = 'path' in fault.body ? fault.body.path.toString() : ''
  const found = await rsyncCompare(alone, at.tree('mirror'))
  const lines = found.split('\n').filter((line) => line !== '' && !/^\.d\.\.t.* \.\/$/.test(line))
  const concerned = lines.filter(
    (line) => !line.endsWith(` ${path}`) && !line.endsWith(` ${path}/`),
  )
  t.strictSame(concerned, [], `it stopped in front of ${fault.name} '${path}'`)
  await shell('rm -r "$1"', [alone])
}

const phases: Record<DiskName, (t: Test, at: FullDisks) => Promise<void>> = {
  store: storeIsFull,
  journal: journalIsFull,
  spool: (t, at) => laterIsFull(t, at, 'spool'),
  broadcast: (t, at) => laterIsFull(t, at, 'broadcast'),
  mirror: mirrorIsFull,
}

t.setTimeout(isLong ? 1_800_000 : 300_000)
void t.test('full disks, freed again: the mount lives, exact at the end', async (t) => {
  const random = seeded(t)
  const at = await FullDisks.start(t, diskSize, kind)
  const missed = missedBy(at)
  await at.progressBy(some)
  for (const name of diskNames) {
    await phases[name](t, at)
    await at.settle(`after-${name}`)
  }
  for (let round = 1; round <= rounds; round++) {
    const full = diskNames.filter(() => random.next(2) === 0)
    const before = at.progress()
    for (const name of full) at.disks[name].fill()
    await at.progressBy({ reads: 10 })
    await sleep(random.next(fullMs))
    for (const name of full.toSorted(() => random.next(3) - 1)) {
      at.disks[name].free()
      await sleep(random.next(fullMs))
    }
    await at.progressBy(some)
    await at.settle(`round-${round}`, true)
    const { done, refused } = at.progress()
    t.comment(
      `round ${round}: ${full.join(', ')} full: ${done - before.done} turns done, ` +
        `${refused - before.refused} refused`,
    )
  }
  t.comment(`the mirror was started again ${at.stops} times in those rounds`)
  await ending(t, at, missed)
})

// Messages before the mirror joined: more, and it has left some out; fewer, and some came twice.
function missedBy(at: FullDisks): number {
  const { seq, messages } = mirrorPosition(at.tree('mirror'))
  return seq - messages
}

async function ending(t: Test, at: FullDisks, missed: number): Promise<void> {
  const { codes, said } = await at.endWork()
  t.strictSame(codes, [0, 0], `programs on the mount: ${said}`)
  const { head } = await at.status()
  t.equal(head.restarts, 0, 'nothing was started again but the mirror')
  await at.settle('at-the-end')
  await shell('umount "$1"', [at.mount])
  t.equal((await at.journal.ended).code, 0, at.journal.stderr())
  const mirror = await at.mirror.ended
  t.equal(mirror.code, 0, mirror.stderr)
  t.match(mirror.stderr, /Messages applied before: 0\n/)
  t.equal(await rsyncCompare(at.tree('store'), at.tree('mirror')), '', 'the mirror is exact')
  const streams = (['journal', 'spool', 'broadcast'] as const).map((name) =>
    readSpool(at.tree(name)),
  )
  t.ok(
    streams.every((stream) => stream.equals(streams[0]!)),
    'all spools have the same stream',
  )
  const { messages } = mirrorPosition(at.tree('mirror'))
  t.equal(missedBy(at), missed, `each of ${messages} messages was applied once`)
}
