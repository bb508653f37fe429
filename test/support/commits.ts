// A program: writes into FILE as a database does into its log, COUNT times a block at the end and
// then fdatasync. PROGRESS, elsewhere, gets a byte for each.

import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs'

const [file = '', count = '0', progress = '/dev/null'] = process.argv.slice(2)
const fd = openSync(file, 'w')
const ticks = openSync(progress, 'a')
const block = Buffer.alloc(8192, 'x')
for (let done = 0; done < Number(count); done++) {
  writeSync(fd, block, 0, block.length, done * block.length)
  fdatasyncSync(fd)
  writeSync(ticks, '.')
}
closeSync(fd)
