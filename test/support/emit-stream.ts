// A program: writes a stream of known content to standard output, as fast as that takes it.
// `BYTES PAYLOAD [wait [RATE]]`: about so many bytes in messages with about so many bytes of data
// each, 0 BYTES: until standard input ends; `wait`: when the first byte of standard input has come;
// RATE: no more than so many megabytes a second, and then one until standard input ends.

import { readSync, writeSync } from 'node:fs'
import { realTime } from '#posix'
import { limits } from '#wire'
import { messageOf, StreamWriter } from './stream-writer.js'

const [bytes = 0, payload = 4096] = process.argv.slice(2, 4).map(Number)
const waits = process.argv[4] === 'wait'
const rate = Number(process.argv[5] ?? 0)
const chunk = Buffer.alloc(limits.messageSizeMax + (1 << 20))

/** Writes all, also where standard output was made not to wait. */
function put(piece: Buffer): void {
  for (let at = 0; at < piece.length;) {
    try {
      at += writeSync(1, piece, at)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EPIPE') process.exit(0)
      if (code !== 'EAGAIN') throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
    }
  }
}

if (waits) readSync(0, Buffer.alloc(1))
let over = false
if (bytes === 0 || rate > 0) process.stdin.on('end', () => (over = true)).resume()
const data = Buffer.alloc(Math.max(payload * 2, 1), 'data')
put(new StreamWriter().bytes)
let seq = 1
let written = 0

const stamp = { sec: 0, nsec: 0 }

/** Writes messages of about so many bytes together. */
function some(least: number): void {
  let end = 0
  while (end < least) {
    // Sizes vary, by a rule: half of them or more of what was asked for.
    const size = (payload >> 1) + ((seq * 7919) % (payload + 1))
    const message = messageOf(
      'write',
      { path: 'f', offset: seq, data: data.subarray(0, Math.min(size, limits.dataSizeMax)) },
      { seq: ++seq, ...realTime(stamp) },
    )
    end += message.copy(chunk, end)
  }
  written += end
  put(chunk.subarray(0, end))
}

const megabyte = 1 << 20
let dueMs = performance.now()

function more(): void {
  const isAll = bytes > 0 && written >= bytes
  if (over || (isAll && rate === 0)) return put(messageOf('bye', {}, { seq: ++seq }))
  const before = written
  some(rate > 0 ? megabyte / 16 : megabyte)
  if (rate === 0) return void setImmediate(more)
  // What took longer is not made up for.
  dueMs = Math.max(dueMs, performance.now() - 10)
  dueMs += ((written - before) / megabyte / (isAll ? 1 : rate)) * 1000
  setTimeout(more, dueMs - performance.now())
}

more()
