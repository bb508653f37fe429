// Plays a theme's cases on a plain directory and on a mount: the results must be equal, the mount
// must show what the store holds, and the mirror must be the store.

import { chmodSync, chownSync, mkdirSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { actorOf, mountMemory, pause, unmount, withMirroredMount } from './mirrored-mount.js'
import type { MirroredMount, MountOptions } from './mirrored-mount.js'
import { at, str } from './request-words.js'
import { play, type Case } from './stage.js'
import { acceptedDifferences, firstDifference, type Transcript } from './transcript.js'
import { removeTree } from './remove-tree.js'
import { treesDiffer } from './tree-walk.js'

/** How many cases may hang or lose their mount before the rest is not tried. */
const lostMax = 3
const caseMs = 30_000
/** A mirror is behind until it is not: how long equality may take. */
const behindMs = 10_000

/** Runs `cases` as one tap test. TFS_CASES=text plays only those whose name has it; TFS_PLAIN=1
 * plays them on two plain directories, which shows that a case gives the same result twice. */
export async function conform(
  theme: string,
  cases: Case[],
  options: MountOptions = {},
): Promise<void> {
  const wanted = process.env['TFS_CASES'] ?? ''
  if (process.getuid?.() !== 0)
    throw new Error('these cases act as several users: run them as root')
  t.setTimeout(caseMs * cases.length)
  const chosen = cases.filter(
    (c) => c.name.includes(wanted) && (!c.long || process.env['TFS_LONG']),
  )
  const plain = mkdtempSync(join(tmpdir(), 'tfs-plain-'))
  chmodSync(plain, 0o755)
  if (options.storeSize !== undefined) mountMemory(plain, options.storeSize)
  try {
    if (process.env['TFS_PLAIN']) await onPlain(chosen, plain, options)
    else await onMount(theme, chosen, plain, options)
  } finally {
    if (options.storeSize !== undefined) unmount(plain)
    removeTree(plain)
  }
}

async function onPlain(
  cases: Case[],
  plain: string,
  { user, storeSize }: MountOptions,
): Promise<void> {
  for (const [i, one] of cases.entries()) {
    const [first, second] = [join(plain, `a-${i}`), join(plain, `b-${i}`)]
    for (const dir of [first, second]) {
      makeFor(user, dir)
      if (storeSize !== undefined) mountMemory(dir, storeSize)
    }
    const played = [await play(one, first, user), await play(one, second, user)] as const
    const tree = one.racy ? '' : await treesDiffer(first, second, { times: 'set' })
    report(one, ...played, { 'the two trees': tree })
    if (storeSize !== undefined) for (const dir of [first, second]) unmount(dir)
  }
}

function makeFor(user: number | undefined, dir: string): void {
  mkdirSync(dir)
  if (user !== undefined) chownSync(dir, user, user)
}

async function onMount(
  theme: string,
  cases: Case[],
  plain: string,
  options: MountOptions,
): Promise<void> {
  const { user } = options
  const mountOptions = user === undefined ? 'suid,dev' : ''
  await withMirroredMount(t, { mountOptions, ...options }, async (m) => {
    const maker = await actorOf(user)
    let lost = 0
    for (const [i, one] of cases.entries()) {
      if (lost >= lostMax) throw new Error(`${theme}: the mount does not answer\n${m.logs()}`)
      const sub = `${i}-${one.name.replace(/[^a-z0-9]+/gi, '-').slice(0, 60)}`
      makeFor(user, join(plain, sub))
      await maker.request(`mkdirat ${at(join(m.mount, sub))} n493`, 20_000)
      const expected = await play(one, join(plain, sub), user)
      const actual = await play(one, join(m.mount, sub), user)
      if (actual.failure?.includes('no answer')) lost++
      const trees = await treeDifferences(m, one, plain, sub, user === undefined)
      if (behind in trees) lost++
      report(one, expected, actual, trees)
      // The comparison of the whole at the end is rsync's.
      if (one.beyondRsync) await maker.request(removal(join(m.mount, sub)), 120_000)
    }
    await maker.end()
    await m.settle()
    t.equal(await m.compare(), '', `${theme}: at the end the mirror is the store`)
  })
}

function removal(path: string): string {
  return `run n110000 r1000 ${['rm', '-rf', '--', path].map(str).join(' ')}`
}

async function treeDifferences(
  m: MirroredMount,
  one: Case,
  plain: string,
  sub: string,
  isVisible: boolean,
): Promise<Record<string, string>> {
  const [store, mirror] = [join(m.store, sub), join(m.mirror, sub)]
  const failed = (error: unknown) => String((error as Error).message)
  const settled = await m.settle().then(() => '', failed)
  if (settled !== '') return { [behind]: settled }
  const blocks = one.holes ?? false
  const rsync = one.beyondRsync ? '' : await m.compare(sub)
  const [asPlain, asMount, asMirror] = await Promise.all([
    one.racy ? '' : treesDiffer(join(plain, sub), store, { times: 'set', blocks }).catch(failed),
    // Root has no way into another user's mount.
    isVisible ? treesDiffer(store, join(m.mount, sub), { times: 'exact' }).catch(failed) : '',
    soonEqual(() => treesDiffer(store, mirror, { times: 'exact', blocks }).catch(failed)),
  ])
  return {
    'the store is not as the plain directory': asPlain,
    'the mount does not show what the store holds': asMount,
    'the mirror is not as the store (walk)': asMirror,
    'the mirror is not as the store (rsync)': rsync,
  }
}

const behind = 'the mirror does not follow'

async function soonEqual(compare: () => Promise<string>): Promise<string> {
  const deadline = performance.now() + behindMs
  for (;;) {
    const found = await compare()
    if (found === '' || performance.now() > deadline) return found
    await pause(200)
  }
}

/** One assertion a case, so that the report names what differs and no more. */
function report(
  one: Case,
  expected: Transcript,
  actual: Transcript,
  trees: Record<string, string>,
): void {
  const problems: Record<string, unknown> = {}
  const difference = firstDifference(expected, actual)
  if (difference) problems['call'] = difference
  if (expected.failure !== undefined) problems['on the plain directory'] = expected.failure
  if (actual.failure !== undefined) problems['on the mount'] = actual.failure
  for (const [what, found] of Object.entries(trees)) if (found !== '') problems[what] = found
  for (const accepted of acceptedDifferences(expected, actual)) t.comment(accepted)
  if (actual.steps.length === 0) problems['steps'] = 'the case did nothing'
  t.strictSame(problems, {}, one.name)
}
