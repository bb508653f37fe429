// A program that changes a directory at random, and sets a mark after each so many bytes that it
// has written: operands are the directory, a seed, the bytes, and the first and the last mark.

import * as fs from 'node:fs'
import { join } from 'node:path'
import { random } from './random.js'

const [directory = '', seed = 0, bytes = 0, first = 0, last = 0] = [
  process.argv[2],
  ...process.argv.slice(3).map(Number),
]
const { next } = random(seed)
const writeMax = 300_000
const names = 60
const pool = Buffer.alloc(
  writeMax * 2,
  Array.from({ length: 9973 }, () => String.fromCharCode(next(256))).join(''),
  'latin1',
)

const path = () => join(directory, `d${next(6)}`, `n${next(names)}`)
const some = (max: number) => pool.subarray(next(writeMax), next(writeMax) + next(max))
let written = 0

function write(flags: string, at: number | null): void {
  const data = some(writeMax)
  const fd = fs.openSync(path(), flags)
  try {
    written += fs.writeSync(fd, data, 0, data.length, at)
  } finally {
    fs.closeSync(fd)
  }
}

const operations: (() => void)[] = [
  () => write('w', null),
  () => write('r+', next(writeMax)),
  () => write('a', null),
  () => fs.truncateSync(path(), next(2 * writeMax)),
  () => fs.renameSync(path(), path()),
  () => fs.linkSync(path(), path()),
  () => fs.symlinkSync(path(), path()),
  () => fs.unlinkSync(path()),
  () => fs.mkdirSync(path()),
  () => fs.rmdirSync(path()),
  () => fs.renameSync(join(directory, `d${next(6)}`), join(directory, `d${next(6)}`)),
  () => fs.mkdirSync(join(directory, `d${next(6)}`), { recursive: true }),
  () => fs.chmodSync(path(), next(0o10000)),
  () => fs.chownSync(path(), next(1000), next(1000)),
  () => fs.utimesSync(path(), next(2 ** 31), next(2 ** 31)),
]
// What the tree at hand does not have, or has already.
const usual = /^(ENOENT|EEXIST|ENOTDIR|EISDIR|ENOTEMPTY|EINVAL|ELOOP|EPERM)$/

function change(): void {
  try {
    operations[next(operations.length)]!()
  } catch (error) {
    if (!usual.test((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
}

for (let mark = first; mark <= last; mark++) {
  for (written = 0; written < bytes;) change()
  fs.writeFileSync(join(directory, '.tfs/mark'), `mark-${mark}\n`)
}
