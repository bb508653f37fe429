// A mirror is behind until it is not, and a file's exact time follows its writes after a quiet
// second: equality is waited for, but not for ever.

import { pause } from '../mirrored-mount.js'
import { treesDiffer } from '../tree-walk.js'

const behindMs = 10_000

/** What still differs between store and mirror after that time, times included; '' when nothing. */
export async function soonEqual(store: string, mirror: string): Promise<string> {
  const deadline = performance.now() + behindMs
  for (;;) {
    const found = await treesDiffer(store, mirror, { times: 'exact' })
    if (found === '' || performance.now() > deadline) return found
    await pause(200)
  }
}
