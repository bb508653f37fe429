// Eight processes race on a mount: for the same few names, and for one inode. Whatever the order
// was, the stream has it: at the end the mirror is the store, and it never saw anything amiss.

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { Actor } from '../support/actor.js'
import { compiled } from '../support/compiled.js'
import { soonEqual } from '../support/differential/soon-equal.js'
import { withMirroredMount } from '../support/mirrored-mount.js'
import { at } from '../support/request-words.js'
import { seed } from '../support/seed.js'
import { treesDiffer } from '../support/tree-walk.js'

const run = promisify(execFile)
const seconds = process.env['TFS_LONG'] ? 30 : 4

const races = {
  names: 'renames, links, creations, writes and removals among few names',
  inode: 'writes, truncations, holes and reads on one inode whose names change',
  owned: 'writes on one inode, each found again by who wrote it',
}

t.setTimeout(600_000)

for (const [how, what] of Object.entries(races)) {
  void t.test(what, async (t) => {
    t.comment(`seed ${seed}`)
    await withMirroredMount(t, {}, async (m) => {
      const dir = join(m.mount, 'race')
      const maker = new Actor()
      await maker.request(`mkdirat ${at(dir)} n493`, 20_000)
      await maker.end()
      const args = [how, dir, `${seconds}`, `${seed}`]
      const options = { timeout: 1000 * (seconds + 60), killSignal: 'SIGKILL' } as const
      const { stdout } = await run(compiled('differential/racer'), args, options)
      t.ok(Number(stdout) > 100, `${Number(stdout)} calls succeeded`)
      await m.settle(240_000)
      t.equal(await m.compare(), '', 'rsync finds the mirror equal to the store')
      const exact = { times: 'exact' } as const
      t.equal(
        await soonEqual(join(m.store, 'race'), join(m.mirror, 'race')),
        '',
        'and so does the walk',
      )
      t.equal(await treesDiffer(join(m.store, 'race'), dir, exact), '', 'the mount shows the store')
      t.notMatch(m.logs(), /suspect|differed/, 'the mirror was never surprised')
    })
  })
}
