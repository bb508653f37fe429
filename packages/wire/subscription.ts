// The request that a connection begins with where its reader has something, and the answers.

import { codecs, decodeMessage } from './codec.js'
import { flagsOf, seal, typeOf } from './header.js'
import * as limits from './limits.js'
import { flag, messageTable } from './message-table.js'
import type { Position } from './numbering.js'
import { WireError } from './wire-error.js'

const never = { sec: 0, nsec: 0 }

export function subscribeTo(position: Position): Buffer {
  return hopMessage((out) => codecs.subscribe.encode(out, position), position.epoch)
}

export function subscribedTo(position: Position): Buffer {
  return hopMessage((out) => codecs.subscribed.encode(out, position), position.epoch)
}

/** `errno` as on Linux; `reason` is for people. */
export function refusal(errno: number, reason: string): Buffer {
  const body = { errno, reason: Buffer.from(reason).subarray(0, limits.textSizeMax) }
  return hopMessage((out) => codecs.refused.encode(out, body), 0)
}

export const isRefusal = (message: Buffer): boolean => typeOf(message) === messageTable.refused.type

/**
 * The position that a HOP message from `name` says what follows comes after; undefined where it is
 * no answer and may be skipped. Throws WireError: EWIRE_REFUSED, and for what is not valid.
 */
export function answerOf(message: Buffer, name: string): Position | undefined {
  const decoded = decodeMessage(message)
  if (decoded?.name === 'subscribed') return decoded.body
  if (decoded?.name === 'refused')
    throw new WireError('EWIRE_REFUSED', `${name} refuses: ${decoded.body.reason.toString()}`)
  if (!decoded && !(flagsOf(message) & flag.REQUIRED)) return undefined
  const what = decoded?.name ?? `message of type 0x${typeOf(message).toString(16)}`
  throw new WireError('EWIRE_ORDER', `${name} sends a ${what}, for which nobody asked`)
}

function hopMessage(encode: (out: Buffer) => number, epoch: number): Buffer {
  const out = Buffer.alloc(limits.messageSizeMin + limits.textSizeMax + 64)
  const size = encode(out)
  seal(out, size, 0, never, epoch)
  return out.subarray(0, size)
}
