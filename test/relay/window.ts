import { randomBytes } from 'node:crypto'
import t from 'tap'
import { flag, limits, WireError } from '#wire'
import { Scanner } from '../../packages/relay/scanner.js'
import { Window, type Block } from '../../packages/relay/window.js'
import { messageOf, StreamWriter } from '../support/stream-writer.js'
import { random } from '../support/random.js'

t.setTimeout(120_000)

function newWindow() {
  const handler = { retain: () => undefined, hop: () => undefined, note: () => undefined }
  const scanner = new Scanner(handler)
  return { scanner, window: new Window(scanner) }
}

/** Reads what the window offers, as a client does. */
class Reader {
  readonly pieces: Buffer[] = []
  readonly #window: Window
  #block: Block
  #offset: number

  constructor(window: Window) {
    this.#window = window
    this.#block = window.last
    this.#offset = window.last.end
    this.#block.cursors++
  }

  /** Takes what is there of one block. */
  read(): boolean {
    const { next } = this.#block
    if (this.#offset === this.#block.end && next) {
      this.#block.cursors--
      next.cursors++
      this.#block = next
      this.#offset = 0
      this.#window.trim()
    }
    const { data, end } = this.#block
    if (this.#offset === end) return false
    this.pieces.push(Buffer.from(data.subarray(this.#offset, end)))
    this.#offset = end
    return true
  }
}

/** Gives the window all of `bytes`, in pieces of up to `most` bytes. */
function feed(
  window: Window,
  bytes: Buffer,
  piece: () => number,
  fed: () => void = () => undefined,
) {
  for (let at = 0; at < bytes.length;) {
    const room = window.room()
    const size = Math.min(room.length, piece(), bytes.length - at)
    bytes.copy(room, 0, at, at + size)
    at += size
    window.filled(size)
    fed()
  }
}

void t.test('each reader gets whole messages, from where it joined, in any pieces', async (t) => {
  for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
    const { next } = random(seed)
    const stream = new StreamWriter()
    for (let i = 0; i < 60; i++) {
      const most = [100, 5000, 300_000, limits.dataSizeMax][next(4)] ?? 1
      stream.add('write', { path: 'f', data: randomBytes(next(most)) })
    }
    const { bytes } = stream.bye()
    const { window } = newWindow()
    const readers: { reader: Reader; from: number }[] = []
    const size = [1 << 12, 1 << 16, 1 << 20][next(3)] ?? 1
    feed(
      window,
      bytes,
      () => 1 + next(size),
      () => {
        if (next(20) === 0 && readers.length < 20)
          readers.push({ reader: new Reader(window), from: window.position })
        for (const { reader } of readers) if (next(3) === 0) reader.read()
      },
    )
    t.equal(window.position, bytes.length)
    t.equal(window.pending, 0)
    let starts = 0
    const boundaries = new Set(stream.messages.map((m) => (starts += m.length)))
    for (const { reader, from } of readers) {
      while (reader.read());
      t.ok(from === 0 || boundaries.has(from), `seed ${seed}: joined at a boundary`)
      t.ok(Buffer.concat(reader.pieces).equals(bytes.subarray(from)), `seed ${seed}: from ${from}`)
    }
    t.ok(window.first === window.last, 'nothing is kept that all have')
  }
})

void t.test('a reader that finds nothing more has it all, whatever the sizes', async (t) => {
  for (const [first, second] of [
    [250_000, 1 << 20],
    [262_000, 1 << 20],
    [262_000, 300_000],
    [1 << 20, 1 << 20],
  ] as const) {
    const stream = new StreamWriter()
    for (const size of [first, second, 10])
      stream.add('write', { path: 'f', data: Buffer.alloc(size) })
    const { bytes } = stream.bye()
    for (const piece of [1000, 1 << 16]) {
      const { window } = newWindow()
      const reader = new Reader(window)
      // Each by itself, so that a block ends with a message.
      for (const message of stream.messages) feed(window, message, () => piece)
      while (reader.read());
      t.equal(Buffer.concat(reader.pieces).length, bytes.length, `${first}, ${second}, ${piece}`)
      t.ok(window.first === window.last, 'nothing is kept')
    }
  }
})

void t.test('blocks are used again: memory does not grow with the stream', async (t) => {
  const { window } = newWindow()
  const reader = new Reader(window)
  const small = messageOf('write', { path: 'f', data: Buffer.alloc(4096) }, { seq: 1 })
  const large = messageOf('write', { path: 'f', data: Buffer.alloc(1 << 20) }, { seq: 1 })
  for (let i = 0; i < 300; i++) {
    feed(window, i % 3 ? small : large, () => 1 << 16)
    while (reader.read());
    reader.pieces.length = 0
  }
  t.ok(window.allocated < 4 << 20, `${window.allocated} bytes`)
})

void t.test('a block that a write still reads is not used again', async (t) => {
  const { window } = newWindow()
  const message = messageOf('write', { path: 'f', data: Buffer.alloc(200_000) }, { seq: 1 })
  feed(window, message, () => 1 << 16)
  const block = window.first
  block.writes++
  for (let i = 0; i < 50; i++) feed(window, message, () => 1 << 16)
  t.ok(block.left)
  t.ok(block.data.subarray(0, message.length).equals(message))
  const { allocated } = window
  block.writes--
  window.recycle(block)
  for (let i = 0; i < 50; i++) feed(window, message, () => 1 << 16)
  t.equal(window.allocated, allocated)
})

void t.test('what is for the relay alone does not go on', async (t) => {
  const hop = messageOf('mkdir', { path: 'x'.repeat(300) }, { seq: 0 })
  hop.writeUInt16LE(hop.readUInt16LE(6) | flag.HOP, 6)
  const { messages } = new StreamWriter().add('mkdir', { path: 'a' }).add('tick').bye()
  const [hello, mkdir, tick, bye] = messages as [Buffer, Buffer, Buffer, Buffer]
  const bytes = Buffer.concat([hop, hello, hop, hop, mkdir, tick, hop, bye, hop])
  for (const piece of [1, 7, 32, 100, 1000]) {
    const { window, scanner } = newWindow()
    const reader = new Reader(window)
    feed(
      window,
      bytes,
      () => piece,
      () => void reader.read(),
    )
    while (reader.read());
    t.same(Buffer.concat(reader.pieces), Buffer.concat(messages), `pieces of ${piece}`)
    t.equal(scanner.offset, bytes.length)
  }
})

void t.test('the messages before one that cannot be read are still there', async (t) => {
  const { window, scanner } = newWindow()
  const reader = new Reader(window)
  const hello = new StreamWriter().bytes
  feed(window, Buffer.concat([hello, Buffer.alloc(100, 0xff)]), () => 1 << 16)
  while (reader.read());
  t.same(Buffer.concat(reader.pieces), hello)
  t.ok(scanner.fault instanceof WireError)
})
