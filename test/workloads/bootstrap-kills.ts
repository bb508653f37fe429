// kill -9 of the journal, of the mirror and of both, at random moments while a mirror is being made
// whole, repaired, or brought back from a position that its source does not know any more: it goes
// on by itself, never takes itself for whole before it is, and is exact in the end.

import t from 'tap'
import { allKinds, KillScene } from '../support/kills/kill-scene.js'
import { seed } from '../support/seed.js'

const isLong = process.env['TFS_LONG'] !== undefined
const rounds = isLong ? 4 : 1
const options = isLong
  ? {
      files: 5000,
      storms: 4,
      kinds: { bootstrap: allKinds, repair: allKinds, lost: allKinds },
      wanted: { bootstrap: 9, repair: 2, lost: 2 },
      windowMs: 4000,
    }
  : ({
      files: 300,
      storms: 1,
      kinds: { bootstrap: allKinds, repair: ['mirror'], lost: ['both'] },
      wanted: { bootstrap: 1, repair: 1, lost: 1 },
      windowMs: 400,
    } as const)
const timeoutMs = isLong ? 3_600_000 : 300_000

t.setTimeout(rounds * timeoutMs)
t.comment(`TFS_SEED=${seed}`)

for (let round = 0; round < rounds; round++)
  await t.test(`round ${round + 1}`, async (t) => {
    const scene = new KillScene(t, { ...options, seed: seed + round, timeoutMs })
    try {
      await scene.run(t)
    } catch (error) {
      t.comment(scene.told)
      throw error
    }
  })
