// The list of device nodes that were left out: how it follows, and what it can hold.

import * as fs from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { StreamWriter } from '../support/stream-writer.js'
import { replay } from '../support/replay.js'
import { tempDirectory } from '../support/temp-directory.js'

const device = 0o020000

void t.test('is bounded, also where renames make its paths longer', async (t) => {
  const root = join(tempDirectory(t).path, 'mirror')
  const deep = Array.from({ length: 30 }, () => 'x'.repeat(250))
  const stream = new StreamWriter().add('mkdir', { path: 'd', mode: 0o755 })
  for (let i = 0; i < 600; i++) stream.add('mknod', { path: `d/n${i}`, mode: device | 0o600 })
  for (const [i] of deep.entries())
    stream.add('mkdir', { path: deep.slice(0, i + 1).join('/'), mode: 0o755 })
  stream.add('rename', { path: 'd', newPath: `${deep.join('/')}/d` }).bye()
  const { error } = await replay(stream.bytes, root, { untrusted: true })
  t.equal(error, undefined)
  const { size } = fs.statSync(join(root, '.tfs/omitted'))
  t.ok(size <= 4 << 20, `${size} bytes`)
  t.ok(size > 3 << 20)
  const next = new StreamWriter(9).add('unlink', { path: `${deep.join('/')}/d/n0` }).bye()
  t.match(await replay(next.bytes, root, { untrusted: true, force: true }), { error: undefined })
  t.ok(fs.statSync(join(root, '.tfs/omitted')).size < size)
})
