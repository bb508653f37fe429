// Seeds for what is random in tests: the same in each usual run, which so speaks of the change at
// hand; another one each time, printed, at full length. TFS_SEED gives one again.

import { randomInt } from 'node:crypto'
import { random, type Random } from './random.js'

const usual = 272_343_815

/** The seed of this run. */
export const seed = Number(
  process.env['TFS_SEED'] ?? (process.env['TFS_LONG'] ? randomInt(2 ** 31) : usual),
)

/** Random numbers for the test `t`, whose output says how to get them again. */
export function seeded(t: { comment(text: string): void }): Random {
  t.comment(`TFS_SEED=${seed}`)
  return random(seed)
}
