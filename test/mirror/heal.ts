// Places that somebody else has changed in a mirror: it finds them when the source changes them,
// and asks the source what is there.

import { existsSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { start } from '../support/broadcast-process.js'
import { HeadedJournal } from '../support/headed-journal.js'
import { until } from '../support/journal-place.js'
import { rsyncCompare } from '../support/rsync-compare.js'

t.setTimeout(120_000)
const built = join(import.meta.dirname, '../..')
const bin = (name: string) => join(built, 'bin', `${name}.js`)

void t.test('a name of a file with several is joined to the others again', async (t) => {
  const journal = new HeadedJournal(t)
  const [socket, copy] = [join(journal.dir, 'socket'), join(journal.dir, 'copy')]
  const head = [process.execPath, bin('tfs-broadcast'), '-q', socket]
  await journal.start('--exec', head.map((word) => `'${word}'`).join(' '))
  await until('the socket', () => existsSync(socket))
  mkdirSync(copy)
  const command = [bin('tfs-mirror'), '-v', '--bootstrap', socket, copy]
  const mirror = start(t, process.execPath, command, {})
  await mirror.said(/is exact from/)
  journal.sh('mkdir d e; seq 1000 > d/a; ln d/a d/b; ln d/a e/c; ln d/a e/d; echo x > sign')
  await until('mirrored', () => existsSync(join(copy, 'sign')))
  rmSync(join(copy, 'd/b'))
  renameSync(join(copy, 'e'), join(copy, 'f'))
  mkdirSync(join(copy, 'e'))
  writeFileSync(join(copy, 'e/c'), 'something else')
  journal.sh('mv d/b d/g; echo another > new')
  await mirror.said(/suspect paths are as the source states them now/)
  await until('joined', () => {
    const names = ['d/a', 'd/g', 'e/c', 'e/d'].map((name) => join(copy, name))
    const inodes = names.map((name) => statSync(name, { throwIfNoEntry: false })?.ino)
    return new Set(inodes).size === 1 && inodes[0] !== undefined
  })
  t.equal(await journal.end(), 'SIGTERM')
  t.match(await mirror.ended, { code: 0 })
  t.equal(await rsyncCompare(journal.store, copy), '')
})
