// What the record of a mirror's position says.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { decodeRecord, type PositionRecord } from '../../packages/mirror/position-record.js'

/** The newer of the two records. Throws where there is none. */
export function mirrorPosition(root: string): PositionRecord {
  const bytes = readFileSync(join(root, '.tfs/position'))
  const [a, b] = [0, 4096].map((at) => decodeRecord(bytes, at))
  const newest = (a?.generation ?? 0) > (b?.generation ?? 0) ? a : b
  if (!newest) throw new Error(`${root}: no position`)
  return newest
}
