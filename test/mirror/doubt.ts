// What a mirror does with messages that change nothing: marks, and paths about which the source is
// in doubt.

import * as fs from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { replay } from '../support/replay.js'
import { StreamWriter } from '../support/stream-writer.js'
import { tempDirectory } from '../support/temp-directory.js'

const stream = new StreamWriter()
  .add('mkdir', { path: 'd', mode: 0o755 })
  .add('mark', { name: 'before' })
  .add('doubt', { path: 'd/f' })
  .add('doubt', { path: '' })
  .add('doubt', { path: 'left/out' })
  .bye()

void t.test('a mark is counted, a doubt is noted as suspect', async (t) => {
  const root = join(tempDirectory(t).path, 'mirror')
  const { error, result, said } = await replay(stream.bytes, root)
  t.equal(error, undefined)
  t.equal(result?.counts.applied.get('mark'), 1)
  t.equal(result?.counts.unknown, 0)
  t.equal(result?.suspects, 3)
  t.match(said.join('\n'), "'d/f': the source does not know whether its last change")
  t.equal(fs.readFileSync(join(root, '.tfs/suspects'), 'utf8'), '4 d/f\n5 .\n6 left/out\n')
})

void t.test('a path that is not mirrored is no suspect', async (t) => {
  const root = join(tempDirectory(t).path, 'mirror')
  const rules = [{ exclude: true, pattern: '/left/' }]
  const { error, result } = await replay(stream.bytes, root, { rules })
  t.equal(error, undefined)
  t.equal(result?.suspects, 2)
})
