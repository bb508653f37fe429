// Writes 4 KiB at random places of FILE, each a pause after the one before, until its input ends;
// then it prints what they took: their number, and percentiles in microseconds, as JSON.

import { closeSync, openSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const [file = ''] = process.argv.slice(2)
const pauseMs = 1
const blocks = 4096
const block = Buffer.alloc(4096, 'w')
const fd = openSync(file, 'r+')
const taken: number[] = []
let isGoing = true
process.stdin.on('end', () => (isGoing = false)).resume()

for (let n = 1; isGoing; n = (n * 1_103_515_245 + 12_345) % 2 ** 31) {
  const begun = process.hrtime.bigint()
  writeSync(fd, block, 0, block.length, (n % blocks) * block.length)
  taken.push(Number(process.hrtime.bigint() - begun) / 1000)
  await sleep(pauseMs)
}
closeSync(fd)
taken.sort((a, b) => a - b)
const at = (share: number) => Math.round(taken[Math.floor(share * (taken.length - 1))] ?? 0)
console.log(JSON.stringify({ count: taken.length, p50: at(0.5), p99: at(0.99), max: at(1) }))
