// A program: a head that keeps nothing and acknowledges all that comes, as several copies: FILE has
// the name of one in each line, and may change.

import { readFileSync, writeSync } from 'node:fs'
import { epochOf, Framer, seqOf } from '#wire'
import { messageOf } from './stream-writer.js'

const [file = ''] = process.argv.slice(2)
const framer = new Framer()
let epoch = 0
let seq = 0

function acknowledge(): void {
  if (epoch === 0) return
  for (const who of readFileSync(file, 'utf8').split('\n').filter(Boolean)) {
    const numbers = { epoch, received: seq, applied: seq, durable: seq }
    writeSync(1, messageOf('ack', { ...numbers, who }, { seq: 0, epoch }))
  }
}

const timer = setInterval(acknowledge, 50)
process.stdin.on('data', (piece: Buffer) => {
  framer.push(piece)
  for (let next = framer.next(); next; next = framer.next()) {
    epoch = epochOf(next)
    seq = seqOf(next)
  }
  acknowledge()
})
process.stdin.on('end', () => clearInterval(timer))
