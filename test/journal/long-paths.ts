// A directory's new name can make paths below it longer than messages can say.

import t from 'tap'
import { JournalPlace } from '../support/journal-place.js'

// As far down as it goes, by relative names: then a file whose mtime is still to be told.
const script = `
  const { mkdirSync, openSync, writeSync, closeSync, renameSync } = require('node:fs')
  const top = process.env.TFS_MOUNT
  const [short, long] = [top + '/d', top + '/' + 'D'.repeat(200)]
  const isRefused = (act) => {
    try { act() } catch ({ code }) { return code === 'ENAMETOOLONG' }
    return false
  }
  const down = (name) => { mkdirSync(name); process.chdir(name) }
  process.chdir(top)
  down('d')
  while (!isRefused(() => down('n'.repeat(250))));
  const fd = openSync('f', 'w')
  writeSync(fd, 'before')
  renameSync(short, long)
  if (!isRefused(() => writeSync(fd, 'not to be said'))) process.exitCode = 1
  if (!isRefused(() => renameSync('f', top + '/out'))) process.exitCode = 2
  closeSync(fd)
  renameSync(long, short)
  renameSync('f', top + '/out')`

void t.test(
  'what can no longer be said is refused, and nothing before it is left out',
  async (t) => {
    const place = new JournalPlace(t)
    const { status, stderr } = place.record(`node -e "$SCRIPT"`, [], '', { SCRIPT: script })
    t.equal(status, 0, stderr)
    t.equal(stderr, '')
    const messages = place.messages()
    const names = messages.map(({ name }) => name).filter((name) => name !== 'mkdir')
    t.same(names, ['hello', 'create', 'write', 'setattr', 'rename', 'rename', 'rename', 'bye'])
    t.ok(messages.filter(({ name }) => name === 'mkdir').length > 100)
  },
)
