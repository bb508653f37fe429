// The request that something be stated, and what tells its answer.

import { realTime } from '#posix'
import { codecs, limits, seal, type Body } from '#wire'

const out = Buffer.alloc(limits.messageSizeMin + limits.pathSizeMax + 256)
const now = { sec: 0, nsec: 0 }

export function wantAssert(body: Body<'want-assert'>): Buffer {
  const size = codecs['want-assert'].encode(out, body)
  seal(out, size, 0, realTime(now), 0)
  return Buffer.from(out.subarray(0, size))
}

/** Whether what begins is what was asked for, under whatever number. */
export const isSame = (asked: Body<'want-assert'>, begun: Body<'assert-begin'>): boolean =>
  asked.depth === begun.depth &&
  asked.form === begun.form &&
  asked.offset === begun.offset &&
  asked.length === begun.length &&
  asked.path.equals(begun.path)
