// What the source has said so far, as its own spool has it.

import { afterPosition, Spool, SpoolReader, watchSpool, type SpoolWatch } from '#spool'
import type { Position } from '#wire'
import { StreamRecord } from './stream-record.js'

export class SourceRecord {
  readonly record = new StreamRecord()
  readonly #spool: Spool
  readonly #reader: SpoolReader
  readonly #watch: SpoolWatch

  /** Follows the spool `path`, which is there. */
  constructor(path: string) {
    this.#spool = new Spool(path)
    this.#reader = new SpoolReader(this.#spool)
    this.#watch = watchSpool(this.#spool, () => this.read())
  }

  /** Reads on to the end of what is there: the number of the last message. */
  read(): number {
    for (let block = this.#reader.next(); block; block = this.#reader.next())
      for (const message of messagesIn(block)) this.record.add(message)
    return this.record.seq
  }

  /** The first messages behind a position, at most so many. */
  behind(position: Position, count: number): Buffer[] {
    const reader = new SpoolReader(this.#spool, afterPosition(this.#spool, position))
    try {
      const found: Buffer[] = []
      while (found.length < count) {
        const block = reader.next()
        if (!block) break
        for (const message of messagesIn(block)) found.push(Buffer.from(message))
      }
      return found.slice(0, count)
    } finally {
      reader.close()
    }
  }

  close(): void {
    this.#watch.close()
    this.#reader.close()
    this.#spool.close()
  }
}

function* messagesIn(block: Buffer): Generator<Buffer> {
  for (let at = 0; at < block.length; at += block.readUInt32LE(at))
    yield block.subarray(at, at + block.readUInt32LE(at))
}
