// What a relay answers to who asks for all that follows a position: it comes from the window where
// that still has it, else from the spool; else what is left and a gap before it, or a refusal.

import { errno as errnos } from '#posix'
import { firstOf, gapMessage, lostMessages, oldest, SpoolError } from '#spool'
import { SpoolReader, type Spool, type SpoolErrorCode } from '#spool'
import { epochOf, refusal, sizeOf, subscribedTo, type Position } from '#wire'
import { findInWindow, helloInWindow } from './find-in-window.js'
import { readerAfter } from './reader-after.js'
import { isAfter, isHello, type Retained } from './retained.js'
import type { Scanner } from './scanner.js'
import type { WindowPlace } from './window-cursor.js'
import type { Window } from './window.js'

/** How a client's stream goes on; `first` is the answer itself, and what comes before the flow. */
export type Answer =
  | { readonly flow: 'window'; readonly first: Buffer[]; readonly place: WindowPlace }
  | { readonly flow: 'spool'; readonly first: Buffer[]; readonly reader: SpoolReader }
  | { readonly flow: 'refused'; readonly first: Buffer[]; readonly reason: string }

/** Epochs of which it is remembered that they were. */
const epochsMax = 1024

export class Subscriptions {
  /** Where what is not in the window any more comes from. */
  spool: Spool | undefined
  readonly #scanner: Scanner
  readonly #window: Window
  readonly #retained: Retained
  readonly #epochs = new Set<number>()

  constructor(scanner: Scanner, window: Window, retained: Retained) {
    this.#scanner = scanner
    this.#window = window
    this.#retained = retained
  }

  /** There is or was such an epoch. */
  know(epoch: number): void {
    this.#epochs.add(epoch)
    for (const first of this.#epochs) {
      if (this.#epochs.size <= epochsMax) break
      this.#epochs.delete(first)
    }
  }

  /** Undefined where that cannot be said before more of the stream has come. Throws SystemError. */
  answer(position: Position): Answer | undefined {
    let answer: Answer | undefined
    try {
      answer = this.#find(position)
    } catch (error) {
      if (!(error instanceof SpoolError)) throw error
      return refused(refusals[error.code] ?? errnos.EIO, error.message)
    }
    if (answer && answer.flow !== 'refused') answer.first.unshift(subscribedTo(position))
    return answer
  }

  #find(position: Position): Answer | undefined {
    const { epoch, seq } = position
    if (epoch === 0) return seq === 0 ? this.#oldest() : refused(errnos.ENODATA, unknown(position))
    const found = findInWindow(this.#window, position)
    if (found) {
      const { missing } = found
      const first = missing ? [gapMessage(epoch, missing.from, missing.to)] : []
      return { flow: 'window', first, place: found }
    }
    const { spool } = this
    const isKnown = this.#epochs.has(epoch)
    if (spool && (isKnown || spool.newest().epoch !== 0))
      return { flow: 'spool', first: [], reader: readerAfter(spool, position, undefined) }
    if (!isKnown)
      return this.#scanner.type === 0 ? undefined : refused(errnos.ENODATA, unknown(position))
    if (epoch !== this.#scanner.epoch || seq <= this.#scanner.seq) return this.#left(position)
    if (this.#scanner.joining) return undefined
    return refused(errnos.ERANGE, ahead(position, this.#scanner.seq))
  }

  #oldest(): Answer | undefined {
    const { spool } = this
    const { start } = this.#window
    if (start.epoch === 0 && this.#window.position > 0) return this.#fromWindow()
    const place = spool && oldest(spool)
    if (place) return fromOldest(new SpoolReader(spool, place))
    return this.#scanner.type === 0 ? undefined : this.#fromWindow()
  }

  #fromWindow(): Answer {
    const { hello, place } = this.#begin()
    return { flow: 'window', first: hello ? [hello] : [], place }
  }

  // What the window has, for who lacks more than that.
  #left(position: Position): Answer {
    const { hello, place, epoch, seq } = this.#begin()
    const isSuccessor = hello && isAfter(hello, position)
    const lost = lostMessages(position, { epoch, seq: seq + 1 }, hello)
    const first = !isSuccessor ? [lost] : seq > 1 ? [hello, gapMessage(epoch, 2, seq)] : [hello]
    return { flow: 'window', first, place }
  }

  // The first place in the window from which a reader can begin: `seq` is the number before it, and
  // `hello` what he needs to know of its epoch.
  #begin(): { place: WindowPlace; epoch: number; seq: number; hello: Buffer | undefined } {
    const { first: block, last, start } = this.#window
    const oldestPlace = { block, offset: 0, messages: start.messages }
    const next = messageAt(oldestPlace)
    const epoch = next ? epochOf(next) : start.epoch
    const seq = next ? firstOf(next) - 1 : start.seq
    if (seq === 0) return { place: oldestPlace, epoch, seq, hello: undefined }
    const hello = this.#retained.all.find((message) => epochOf(message) === epoch)
    if (hello && isHello(hello)) return { place: oldestPlace, epoch, seq, hello }
    // That epoch is gone but for its end.
    const place = helloInWindow(this.#window)
    const found = place && messageAt(place)
    if (place && found) return { place, epoch: epochOf(found), seq: 0, hello: undefined }
    const end = { block: last, offset: last.end, messages: last.messages }
    return { place: end, epoch: last.epoch, seq: last.seq, hello: this.#retained.all[0] }
  }
}

function fromOldest(reader: SpoolReader): Answer {
  try {
    const hello = reader.hello()
    return { flow: 'spool', first: hello ? [hello] : [], reader }
  } catch (error) {
    reader.close()
    throw error
  }
}

/** Of a spool that is not damaged. */
const refusals: Readonly<Partial<Record<SpoolErrorCode, number>>> = {
  ESPOOL_UNKNOWN: errnos.ENODATA,
  ESPOOL_AHEAD: errnos.ERANGE,
}

const refused = (errno: number, reason: string): Answer => ({
  flow: 'refused',
  first: [refusal(errno, reason)],
  reason,
})

function messageAt({ block, offset }: WindowPlace): Buffer | undefined {
  if (offset === block.end) return undefined
  const message = block.data.subarray(offset, block.end)
  return message.subarray(0, sizeOf(message))
}

const unknown = ({ epoch }: Position) => `epoch ${epoch} is not known here`
const ahead = ({ epoch, seq }: Position, last: number) =>
  `there is no message ${seq} of epoch ${epoch}: the last one is ${last}`
