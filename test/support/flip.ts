// Exchanges two names of a directory, without a pause, until it is killed: `flip DIRECTORY A B`.

import { openSync } from 'node:fs'
import { RENAME_EXCHANGE, renameat2 } from '#posix'

const [directory = '', a = '', b = ''] = process.argv.slice(2)
const fd = openSync(directory, 'r')
const [one, other] = [Buffer.from(a), Buffer.from(b)]
process.stdout.write('begun\n')
setImmediate(function flip() {
  // In rows, between which the process can be told to end.
  for (let i = 0; i < 1000; i++) renameat2(fd, one, fd, other, RENAME_EXCHANGE)
  setImmediate(flip)
})
