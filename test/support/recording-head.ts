// A program: a head that appends whole messages to FILE. MODE `plain`: whatever comes; `subscribe`:
// from where the file ends, which it asks for.
// With WHO it makes all durable and acknowledges it.

import {
  closeSync,
  fdatasyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readSync,
  writeSync,
} from 'node:fs'
import { decodeMessage, epochOf, Framer, seqOf, subscribeTo, type Position } from '#wire'
import { messageOf } from './stream-writer.js'

const [file = '', mode = 'plain', who = ''] = process.argv.slice(2)
const out = openSync(file, 'a')

/** Cuts off what a kill has left behind the last whole message, of which this is the position. */
function last(): Position | undefined {
  const framer = new Framer()
  framer.push(readFileSync(file))
  let position: Position | undefined
  for (let next = framer.next(); next; next = framer.next())
    position = { epoch: epochOf(next), seq: seqOf(next) }
  ftruncateSync(out, framer.offset)
  return position
}

const position = last()
let isWaiting = mode === 'subscribe' && position !== undefined
if (isWaiting) writeSync(1, subscribeTo(position!))
const framer = new Framer()
const buffer = Buffer.alloc(4096)
for (let size = readSync(0, buffer); size > 0; size = readSync(0, buffer)) {
  framer.push(Buffer.from(buffer.subarray(0, size)))
  const whole: Buffer[] = []
  for (let next = framer.next(); next; next = framer.next()) {
    const message = decodeMessage(next)
    if (message?.name === 'subscribed') isWaiting = false
    else if (message?.name === 'refused') throw new Error(message.body.reason.toString())
    else if (!isWaiting) whole.push(next)
  }
  const bytes = Buffer.concat(whole)
  for (let at = 0; at < bytes.length;) at += writeSync(out, bytes, at)
  const newest = whole.at(-1)
  if (who && newest) {
    fdatasyncSync(out)
    const [epoch, seq] = [epochOf(newest), seqOf(newest)]
    const ack = { who, epoch, received: seq, applied: seq, durable: seq }
    writeSync(1, messageOf('ack', ack, { seq: 0, epoch }))
  }
}
closeSync(out)
