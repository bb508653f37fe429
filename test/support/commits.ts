// A program: writes into FILE as a database does into its log, COUNT times a block at the end and
// then fdatasync. Prints how often.

import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs'

const [file = '', count = '0'] = process.argv.slice(2)
const fd = openSync(file, 'w')
const block = Buffer.alloc(8192, 'x')
let done = 0
for (; done < Number(count); done++) {
  writeSync(fd, block, 0, block.length, done * block.length)
  fdatasyncSync(fd)
}
closeSync(fd)
console.log(done)
