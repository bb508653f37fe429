// What goes to a reader together, and what is known of it when the reader goes.

import { closeSync, readSync } from 'node:fs'
import t from 'tap'
import { check, close, pipe2 } from '#posix'
import { Output } from '../../packages/journal/output.js'

function piped(t: { teardown(end: () => unknown): void }) {
  const ends: [number, number] = [0, 0]
  check(pipe2(ends), 'pipe2')
  const [readFd, writeFd] = ends
  const detached: string[] = []
  const output = new Output(writeFd, {
    onFull: 'detach',
    fullTimeoutMs: 50,
    isAbandoned: () => false,
    onStall: () => undefined,
    onDetach: (why) => void detached.push(why),
  })
  close(writeFd)
  t.teardown(() => output.close())
  const taken = (size: number) => {
    const buffer = Buffer.alloc(size)
    return buffer.subarray(0, readSync(readFd, buffer))
  }
  return { output, readFd, detached, taken }
}

const message = (byte: string, size: number) => Buffer.alloc(size, byte)
const put = (output: Output, bytes: Buffer) => output.write(bytes, bytes.length)

void t.test('the reader gets it at the end, in its order', (t) => {
  const { output, readFd, taken } = piped(t)
  t.equal(put(output, message('a', 3)), 3)
  output.cork()
  t.equal(put(output, message('b', 2)), 2)
  t.equal(put(output, message('c', 1)), 1)
  t.equal(output.untaken, 6)
  t.equal(taken(100).toString(), 'aaa')
  t.equal(output.untaken, 3)
  output.uncork()
  t.equal(taken(100).toString(), 'bbc')
  t.equal(output.untaken, 0)
  put(output, message('d', 1))
  t.equal(taken(100).toString(), 'd')
  closeSync(readFd)
  t.end()
})

void t.test('what is too much to wait goes before', (t) => {
  const { output, readFd, taken } = piped(t)
  output.cork()
  put(output, message('a', 20_000))
  put(output, message('b', 20_000))
  t.ok(taken(20_000).equals(message('a', 20_000)))
  put(output, message('c', 50_000))
  t.ok(taken(70_000).equals(Buffer.concat([message('b', 20_000), message('c', 50_000)])))
  output.uncork()
  t.equal(output.untaken, 0)
  closeSync(readFd)
  t.end()
})

void t.test('a reader that goes has not taken what waits', (t) => {
  const { output, readFd, detached, taken } = piped(t)
  put(output, message('a', 10))
  taken(4)
  output.cork()
  put(output, message('b', 100))
  closeSync(readFd)
  output.uncork()
  t.same(detached, ['its reader is gone'])
  t.equal(output.leftBytes, 106)
  t.equal(put(output, message('c', 1)), 0)
  t.end()
})

void t.test('nor has one that takes nothing', (t) => {
  const { output, readFd, detached } = piped(t)
  let written = put(output, message('a', output.capacity - 4096))
  output.cork()
  written += put(output, message('b', 30_000))
  output.uncork()
  t.equal(detached.length, 1)
  t.equal(output.leftBytes, written)
  closeSync(readFd)
  t.end()
})
