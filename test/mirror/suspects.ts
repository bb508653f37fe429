// The list of suspects, while a part of a mirror is repaired.

import * as fs from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Suspects } from '../../packages/mirror/suspects.js'
import { tempDirectory } from '../support/temp-directory.js'

void t.test('what was repaired is on the list no longer, and others are', async (t) => {
  const { path } = tempDirectory(t)
  const fd = fs.openSync(path, 'r')
  t.teardown(() => fs.closeSync(fd))
  const suspects = new Suspects(fd, join(path, 'suspects'), 0, () => undefined)
  const listed = () => fs.readFileSync(join(path, 'suspects'), 'utf8')
  suspects.note(1, Buffer.from('other'), 'differs')
  for (const seq of [5, 6]) suspects.repairing(seq, Buffer.from('part'))
  suspects.note(7, Buffer.from('third'), 'differs')
  t.equal(listed(), '1 other\n5 part\n7 third\n')
  suspects.repaired(false)
  t.equal(listed(), '1 other\n7 third\n')
  t.equal(suspects.count, 2)
  suspects.note(8, Buffer.from('part'), 'differs')
  suspects.repaired(false)
  t.equal(listed(), '1 other\n7 third\n8 part\n', 'nothing was being repaired')
  suspects.repaired(true)
  t.equal(suspects.count, 0)
  suspects.repairing(9, Buffer.from('part'))
  suspects.repaired(false)
  t.strictSame(fs.readdirSync(path), [])
  suspects.close()
})
