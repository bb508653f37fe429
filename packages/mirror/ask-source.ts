// Whether a source can be reached and states what it is asked for, before anything is done that
// would be in vain if it did not.

import { randomInt } from 'node:crypto'
import type { Readable } from 'node:stream'
import { assertForm, decodeAny, flag, Framer } from '#wire'
import { MirrorError } from './mirror-error.js'
import type { Upstream } from './upstream.js'
import { wantAssert } from './want-assert.js'

/** Why a source that takes no requests is of no use. */
export const statesNothing =
  'it states nothing: SOURCE must be a socket or HOST:PATH of a tfs-broadcast that tfs-journal ' +
  'runs (--exec)'

export interface Asked {
  readonly stream: Readable
  readonly upstream?: Upstream | undefined
  /** Until something comes: somebody may have to log in first. */
  readonly reachMs: number
  /** Until what is asked for comes then. */
  readonly answerMs: number
}

/**
 * Asks for the attributes of the root, and reads until they come: the name that the source has. The
 * stream is destroyed. Throws MirrorError EMIRROR_INCOMPLETE where it takes no requests, and what
 * reading throws.
 */
export async function askSource({ stream, upstream, ...limits }: Asked): Promise<Buffer> {
  if (!upstream?.send) {
    stream.destroy()
    throw new MirrorError('EMIRROR_INCOMPLETE', statesNothing)
  }
  const fail = (why: string) => stream.destroy(new MirrorError('EMIRROR_INCOMPLETE', why))
  let timer = setTimeout(() => fail('nothing comes from it'), limits.reachMs)
  const id = randomInt(1, 2 ** 32)
  const what = { id, depth: 0, form: assertForm.DATA, offset: 0, length: 0, path: Buffer.alloc(0) }
  const framer = new Framer()
  let name = Buffer.alloc(0)
  let hasCome = false
  let isAsked = false
  try {
    for await (const piece of stream) {
      framer.push(piece as Buffer)
      if (!hasCome) {
        hasCome = true
        clearTimeout(timer)
        timer = setTimeout(() => fail(statesNothing), limits.answerMs)
      }
      for (let bytes = framer.next(); bytes; bytes = framer.next()) {
        const message = decodeAny(bytes)
        if (message.flags & flag.HOP) continue
        if (message.name === 'hello') name = Buffer.from(message.body.source)
        if (message.name === 'assert-begin' && message.body.id === id) return name
      }
      // Where it cannot be sent now, the next piece comes within a second.
      isAsked ||= upstream.send(wantAssert(what))
    }
  } finally {
    clearTimeout(timer)
  }
  throw new MirrorError('EMIRROR_INCOMPLETE', 'its stream has ended')
}
