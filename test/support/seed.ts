// Seeds for what is random in tests: another one each time, printed; `TFS_SEED` gives one again.

import { randomInt } from 'node:crypto'
import { random, type Random } from './random.js'

/** Random numbers for the test `t`, whose output says how to get them again. */
export function seeded(t: { comment(text: string): void }): Random {
  const seed = Number(process.env['TFS_SEED'] ?? randomInt(2 ** 32))
  t.comment(`TFS_SEED=${seed}`)
  return random(seed)
}
