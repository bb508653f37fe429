// What a source states to a mirror that asks it, as a stream made by hand.

import { hash } from 'node:crypto'
import { Readable } from 'node:stream'
import { content, dataKind, decodeMessage, encodeNames, type Body } from '#wire'
import { replay } from './replay.js'
import { StreamWriter, type Loose } from './stream-writer.js'

export const [directory, file, link] = [0o040000, 0o100000, 0o120000]
export const own = {
  uid: process.geteuid!(),
  gid: process.getegid!(),
  mtimeSec: 1_600_000_000,
  mtimeNsec: 5,
}

const namesOf = (names: Record<string, number>) =>
  encodeNames(Object.entries(names).map(([name, type]) => ({ name: Buffer.from(name), type })))

/** Statements of one assertion. */
export class StatedStream extends StreamWriter {
  #id = 0

  get id(): number {
    return this.#id
  }
  begin(asked: Loose<'assert-begin'> & { id: number }): this {
    this.#id = asked.id
    return this.add('assert-begin', asked)
  }
  state<K extends 'assert-file' | 'assert-data' | 'assert-absent'>(name: K, body: Loose<K>): this {
    return this.add(name, { id: this.#id, ...body })
  }
  /** What somebody else has asked for. */
  others(make: (stream: this) => unknown): this {
    const own = this.#id
    make(this.begin({ id: 99, depth: 1 }))
    this.#id = own
    return this
  }
  directory(path: string, names: Record<string, number>, mode = 0o755): this {
    const body = { id: this.#id, path, mode, ...own, names: namesOf(names) }
    return this.add('assert-dir', body)
  }
  file(path: string, data: string, more: Loose<'assert-file'> = {}): this {
    const size = data.length
    const body = { id: this.#id, path, mode: file | 0o644, ...own, size, data, ...more }
    return this.state('assert-file', body)
  }
  /** As one whose content is too much for one message. */
  large(path: string, data: string, mode = file | 0o644): this {
    const size = data.length
    return this.state('assert-file', { path, mode, ...own, size, content: content.FOLLOWS })
      .state('assert-data', { path, length: size, kind: dataKind.DATA, data })
      .state('assert-file', { path, mode, ...own, size, content: content.STATED })
  }
  /** The same, by its hash. */
  hashed(path: string, data: string, mode = file | 0o644): this {
    const size = data.length
    const sum = hash('sha256', data, 'buffer')
    return this.state('assert-file', { path, mode, ...own, size, content: content.FOLLOWS })
      .state('assert-data', { path, length: size, kind: dataKind.HASH, data: sum })
      .state('assert-file', { path, mode, ...own, size, content: content.STATED })
  }
  symlink(path: string, target: string): this {
    const body = { id: this.#id, path, mode: link | 0o777, ...own, target, content: content.STATED }
    return this.state('assert-file', body)
  }
  end(): this {
    return this.add('assert-end', { id: this.#id })
  }
}

let epochs = 7

/** Replays what `make` states once it is asked for; what was asked for comes back. */
export async function replayStated(
  root: string,
  make: (stream: StatedStream) => unknown,
  options: Parameters<typeof replay>[2] = {},
) {
  const asked: Body<'want-assert'>[] = []
  let tell: () => void = () => undefined
  const isAsked = new Promise<void>((resolve) => (tell = resolve))
  const upstream = {
    subscribe: () => undefined,
    send(bytes: Buffer) {
      const message = decodeMessage(bytes)
      if (message?.name !== 'want-assert') return true
      asked.push({ ...message.body, path: Buffer.from(message.body.path) })
      tell()
      return true
    },
    state: () => ({ received: undefined, connections: 1, isConnected: true }),
  }
  const stream = new StatedStream(++epochs)
  async function* pieces() {
    yield stream.add('tick').bytes
    const before = stream.messages.length
    await isAsked
    make(stream.begin(asked[0]!))
    yield Buffer.concat(stream.bye().messages.slice(before))
  }
  const source = Readable.from(pieces())
  const outcome = await replay([], root, {
    bootstrap: true,
    force: true,
    source,
    upstream,
    ...options,
  })
  return { ...outcome, asked }
}
