// EPOCH:SEQ, as people write a position.

import type { Position } from '#wire'

/** The position that `text` spells, if it is one at all; its numbers may be out of their range. */
export function positionOf(text: string): Position | undefined {
  const [, epoch, seq] = /^(\d{1,10}):(\d{1,16})$/.exec(text) ?? []
  if (epoch === undefined || seq === undefined) return undefined
  return { epoch: Number(epoch), seq: Number(seq) }
}
