// A mirror that is made whole anew loses what its source does not have: one that was typed in error
// must not do that to it.

import { crc32 } from 'node:zlib'
import { escapeName } from '#posix'
import { MirrorError } from './mirror-error.js'
import type { PositionRecord } from './position-record.js'

/** Throws MirrorError EMIRROR_SOURCE where a mirror has followed another source than `name`. */
export function checkSource({ epoch, source }: PositionRecord, name: Buffer): void {
  if (epoch !== 0 && source !== crc32(name)) throw otherSource(name)
}

export const otherSource = (name: Buffer): MirrorError =>
  new MirrorError(
    'EMIRROR_SOURCE',
    `the source is '${escapeName(name)}', and not the one that the mirror has followed: ` +
      'nothing is done to it without --force',
  )
