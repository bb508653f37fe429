// A program that makes files in a directory and removes them, in rounds of a thousand, with some of
// everything that a node can become meanwhile. Operands: the directory, and the number of files.

import * as fs from 'node:fs'
import { join } from 'node:path'

const [directory = '', count = '0'] = process.argv.slice(2)
const inRound = 1000

for (let made = 0; made < Number(count); made += inRound) round(join(directory, `round-${made}`))

function round(path: string): void {
  fs.mkdirSync(path)
  const at = (name: string, i: number) => join(path, `${name}-${i}`)
  for (let i = 0; i < inRound; i++) {
    fs.writeFileSync(at('file', i), 'content')
    if (i % 5 === 0) fs.linkSync(at('file', i), at('link', i))
    if (i % 7 === 0) fs.renameSync(at('file', i), at('moved', i))
    if (i % 11 === 0) fs.symlinkSync('nowhere', at('symbolic', i))
    if (i % 13 === 0) fs.mkdirSync(at('directory', i))
    if (i % 17 === 0) writeUnlinked(at('unlinked', i))
  }
  for (const { name } of fs.readdirSync(path, { withFileTypes: true })) {
    const entry = join(path, name)
    if (name.startsWith('directory')) fs.rmdirSync(entry)
    else fs.unlinkSync(entry)
  }
  fs.rmdirSync(path)
}

function writeUnlinked(path: string): void {
  const fd = fs.openSync(path, 'wx')
  fs.unlinkSync(path)
  fs.writeSync(fd, 'gone')
  fs.closeSync(fd)
}
