// Where in the window the message behind a position is.

import { header, messageTable, type Position } from '#wire'
import { isAfter } from './retained.js'
import type { Block, StreamPlace, Window } from './window.js'
import type { WindowPlace } from './window-cursor.js'

const at = header.offsets
const { hello, gap } = messageTable

export interface FoundPlace extends WindowPlace {
  /** Messages that come next by their numbers, and are not there: first and last. */
  readonly missing?: { readonly from: number; readonly to: number }
}

/** Undefined where the window does not have what follows that position. */
export function findInWindow(window: Window, position: Position): FoundPlace | undefined {
  let before: StreamPlace = window.start
  for (let block: Block | undefined = window.first; block; block = block.next) {
    const found = mayHold(before, block, position) ? scan(before, block, position) : undefined
    if (found) return found
    before = block
  }
  const { last } = window
  return isAt(last, position)
    ? { block: last, offset: last.end, messages: last.messages }
    : undefined
}

/** The first hello of the window; undefined where there is none. */
export function helloInWindow(window: Window): WindowPlace | undefined {
  let before: StreamPlace = window.start
  for (let block: Block | undefined = window.first; block; block = block.next) {
    for (let offset = 0, { messages } = before; offset < block.end; messages++) {
      if (block.data.readUInt16LE(offset + at.type) === hello.type)
        return { block, offset, messages }
      offset += block.data.readUInt32LE(offset + at.size)
    }
    before = block
  }
  return undefined
}

// Most blocks are within one epoch, and need not be looked through.
function mayHold(before: StreamPlace, end: StreamPlace, { epoch, seq }: Position): boolean {
  if (before.epoch !== end.epoch) return true
  return epoch === end.epoch && before.seq <= seq && seq < end.seq
}

function scan(before: StreamPlace, block: Block, { epoch, seq }: Position): FoundPlace | undefined {
  const { data, end } = block
  let { messages, epoch: lastEpoch, seq: last } = before
  for (let offset = 0; offset < end; messages++) {
    if (lastEpoch === epoch && last === seq) return { block, offset, messages }
    const behind = offset + data.readUInt32LE(offset + at.size)
    const type = data.readUInt16LE(offset + at.type)
    if (type === hello.type && isAfter(data.subarray(offset, behind), { epoch, seq }))
      return { block, offset, messages }
    const next = data.readUInt32LE(offset + at.epoch)
    const number = seqAt(data, offset)
    if (next === epoch && lastEpoch === epoch && last < seq && seq < number)
      return type === gap.type
        ? { block, offset: behind, messages: messages + 1, missing: { from: seq + 1, to: number } }
        : { block, offset, messages, missing: { from: seq + 1, to: number - 1 } }
    lastEpoch = next
    last = number
    offset = behind
  }
  return undefined
}

const seqAt = (data: Buffer, offset: number): number =>
  data.readUInt32LE(offset + at.seq) + data.readUInt32LE(offset + at.seq + 4) * 0x100000000

const isAt = ({ epoch, seq }: StreamPlace, position: Position): boolean =>
  epoch === position.epoch && seq === position.seq
