// A program that works at random in all of a tree: DIRECTORY SEED SECONDS [patient]. What it tries
// may fail, since others do the same, but not for want of a mount; where it is patient, it waits
// until there is one again. It prints how much it did.

import * as fs from 'node:fs'
import { join } from 'node:path'
import { dataWorks, type Work } from './data-works.js'
import { random } from './random.js'

const [root = '', seed = '', seconds = '', patience] = process.argv.slice(2)
const rng = random(Number(seed))
const directories = [root, ...below(root)]
const fresh = Array.from({ length: 10 }, (_, i) => `new${i}-${seed}`)
const pick = <T>(from: readonly T[]): T => from[rng.next(from.length)] as T
const restMs = 10
const asleep = new Int32Array(new SharedArrayBuffer(4))
const fatal = ['ENOTCONN', 'EIO', 'ECONNABORTED', 'ENOSYS']

function below(directory: string): string[] {
  let here: fs.Dirent[] = []
  try {
    here = fs.readdirSync(directory, { withFileTypes: true }).filter((e) => e.isDirectory())
  } catch {
    // Another one has just removed it.
  }
  return here.flatMap(({ name }) => [join(directory, name), ...below(join(directory, name))])
}

function anyPath(): string {
  const directory = pick(directories)
  const names = rng.next(3) ? fs.readdirSync(directory) : []
  return join(directory, names.length > 0 ? pick(names) : pick(fresh))
}

const works: Work[] = [
  (one, other) => fs.renameSync(one, other),
  (one, other) => fs.renameSync(one, other),
  (one, other) => fs.linkSync(one, other),
  (one) => fs.writeFileSync(one, Buffer.alloc(rng.next(20_000), rng.next(256))),
  (one) => {
    const fd = fs.openSync(one, 'r+')
    try {
      fs.writeSync(fd, Buffer.alloc(rng.next(3000), rng.next(256)), 0, undefined, rng.next(9000))
    } finally {
      fs.closeSync(fd)
    }
  },
  (one) => fs.truncateSync(one, rng.next(9000)),
  (one) => (rng.next(200) ? fs.unlinkSync(one) : fs.rmSync(one, { recursive: true })),
  (one) => {
    fs.mkdirSync(one)
    directories.push(one)
  },
  (one) => fs.chmodSync(one, rng.next(0o1000) | 0o700),
  // copyFileSync does not end where somebody makes the file shorter meanwhile (libuv, 1.46).
  (one, other) => fs.writeFileSync(other, fs.readFileSync(one)),
  (one) => fs.symlinkSync(`target${rng.next(9)}`, one),
  (one) => fs.utimesSync(one, rng.next(2 ** 31), rng.next(2 ** 31)),
  ...dataWorks(rng),
]

let done = 0
for (const end = Date.now() + Number(seconds) * 1000; Date.now() < end; done++)
  try {
    pick(works)(anyPath(), anyPath())
  } catch (error) {
    if (!fatal.includes((error as NodeJS.ErrnoException).code ?? '')) continue
    if (patience !== 'patient') throw error
    Atomics.wait(asleep, 0, 0, restMs)
  }
console.log(done)
