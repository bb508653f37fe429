// The messages that one who joins gets first: the newest of each type that asks for it (hello is
// one), of the present epoch, and its end where it has ended.

import { codecs, epochOf, flag, flagsOf, messageTable, seqOf, typeOf, WireError } from '#wire'
import type { Position } from '#wire'

/** All of them together, in bytes; beyond it those that were kept longest go. */
const retainedSizeMax = 4 << 20

export class Retained {
  // By type, hello first, then by number.
  readonly #messages = new Map<number, Buffer>()
  #size = 0

  /** Keeps a copy. A hello begins an epoch, for which nothing of another one counts. */
  keep(message: Buffer): void {
    const type = typeOf(message)
    if (type === messageTable.hello.type) this.#clear()
    this.#drop(type)
    this.#messages.set(type, Buffer.from(message))
    this.#size += message.length
    for (const old of this.#messages.keys()) {
      if (this.#size <= retainedSizeMax) break
      if (old !== messageTable.hello.type && old !== type) this.#drop(old)
    }
  }

  /** In the order in which a client gets them. */
  get all(): Buffer[] {
    return [...this.#messages.values()]
  }

  /** Those of `epoch` with numbers of `from` at least. */
  since(epoch: number, from: number): Buffer[] {
    return this.all.filter((m) => epochOf(m) === epoch && seqOf(m) >= from)
  }

  #drop(type: number): void {
    this.#size -= this.#messages.get(type)?.length ?? 0
    this.#messages.delete(type)
  }

  #clear(): void {
    this.#messages.clear()
    this.#size = 0
  }
}

/** Whether the message begins an epoch. */
export const isHello = (message: Buffer): boolean =>
  typeOf(message) === messageTable.hello.type && (flagsOf(message) & flag.RETAIN) !== 0

/** The position behind which a hello says that its epoch goes on; undefined where it says none. */
export function previousOf(hello: Buffer): Position | undefined {
  try {
    const { previousEpoch, previousSeq } = codecs.hello.decode(hello)
    return previousEpoch === 0 ? undefined : { epoch: previousEpoch, seq: previousSeq }
  } catch (error) {
    // What is wrong with it is for readers to say.
    if (error instanceof WireError) return undefined
    throw error
  }
}

/** Whether a hello says that its epoch goes on behind that position. */
export function isAfter(hello: Buffer, { epoch, seq }: Position): boolean {
  const previous = previousOf(hello)
  return previous?.epoch === epoch && previous.seq === seq
}
