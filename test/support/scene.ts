// A mirror beside a tree that no stream may touch.

import * as fs from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { MessageName } from '#wire'
import { replay, type Outcome } from './replay.js'
import { StreamWriter, type Loose } from './stream-writer.js'
import { tempDirectory } from './temp-directory.js'
import { listTree } from './tree-listing.js'

export interface Scene {
  readonly root: string
  readonly outside: string
  /** Replays, and checks that nothing outside has changed. */
  readonly play: (
    stream: StreamWriter | Buffer,
    options?: Parameters<typeof replay>[2],
  ) => Promise<Outcome>
}

/** Owner and times, where they do not matter. */
export const me = { uid: 1, gid: 1, mtimeSec: 1, dirMtimeSec: 2 }

export function scene(t: Test): Scene {
  const directory = tempDirectory(t).path
  const outside = join(directory, 'outside')
  const root = join(directory, 'mirror')
  fs.mkdirSync(join(outside, 'sub'), { recursive: true })
  fs.writeFileSync(join(outside, 'victim'), 'precious', { mode: 0o640 })
  fs.symlinkSync('victim', join(outside, 'symlink'))
  const before = listTree(outside)
  return {
    root,
    outside,
    async play(stream, options) {
      const outcome = await replay(Buffer.isBuffer(stream) ? stream : stream.bytes, root, options)
      t.strictSame(listTree(outside), before, 'nothing outside has changed')
      return outcome
    },
  }
}

/** Ends with the message at fault refused: code, position before it, reason. */
export function refuses(t: Test, { error }: Outcome, code: string, reason: RegExp): void {
  t.equal(error?.code, code)
  t.match(error?.message ?? '', reason)
  t.match(error?.message ?? '', /^message \d+, byte \d+: /)
}

/** One operation with what every row needs. */
export function operation<K extends MessageName>(name: K, body: Loose<K>): StreamWriter {
  return new StreamWriter().add(name, { ...me, ...body })
}
