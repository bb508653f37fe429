// Streams made to order: messages by name and body, numbered and sealed, as one Buffer.

import { codecs, limits, messageTable, protocolMagic, protocolVersion, seal } from '#wire'
import type { Body, MessageName, Stamp } from '#wire'

/** Bodies with paths and names as text or bytes, and whatever is left out as zeros. */
export type Loose<K extends MessageName> = {
  [F in keyof Body<K>]?: Body<K>[F] extends number ? number : Buffer | string
}

const out = Buffer.alloc(limits.messageSizeMax)

/** One message. */
export function messageOf<K extends MessageName>(
  name: K,
  body: Loose<K>,
  options: { seq: number; epoch?: number } & Partial<Stamp>,
): Buffer {
  const { seq, epoch = 7, sec = 1_700_000_000, nsec = 0 } = options
  const full: Record<string, number | Buffer> = {}
  const given = body as Record<string, number | string | Buffer | undefined>
  for (const [field, { kind }] of Object.entries(messageTable[name].fields)) {
    const value = given[field]
    if (kind === 'number') full[field] = (value as number | undefined) ?? 0
    else
      full[field] =
        typeof value === 'string' ? Buffer.from(value) : ((value as Buffer) ?? Buffer.alloc(0))
  }
  const size = codecs[name].encode(out, full as Body<K>)
  seal(out, size, seq, { sec, nsec }, epoch)
  return Buffer.from(out.subarray(0, size))
}

/** Collects messages; each method call adds one and gives back the writer. */
export class StreamWriter {
  readonly messages: Buffer[] = []
  epoch: number
  seq = 0
  sec = 1_700_000_000

  constructor(epoch = 7, previous = { epoch: 0, seq: 0 }, source = 'test') {
    this.epoch = epoch
    this.add('hello', {
      magic: protocolMagic,
      version: protocolVersion,
      previousEpoch: previous.epoch,
      previousSeq: previous.seq,
      source,
    })
  }

  add<K extends MessageName>(name: K, body: Loose<K> = {}): this {
    const { epoch, sec } = this
    this.messages.push(messageOf(name, body, { seq: ++this.seq, epoch, sec }))
    return this
  }

  /** Ends the epoch. */
  bye(): this {
    return this.add('bye')
  }

  get bytes(): Buffer {
    return Buffer.concat(this.messages)
  }
}
