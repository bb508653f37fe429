// The 32 bytes that begin every message, its checksum, and the checks that need no table.

import { crc32 } from 'node:zlib'
import { struct, u16, u32, u64 } from '#schema'
import { messageAlign, messageSizeMax, messageSizeMin, offsetMax } from './limits.js'
import { flag } from './message-table.js'
import { WireError } from './wire-error.js'

/** `timeLo` and `timeHi` are one u64 of nanoseconds since 1970, kept apart to stay exact. */
export const header = struct(
  'header',
  { size: u32, type: u16, flags: u16, seq: u64, timeLo: u32, timeHi: u32, epoch: u32, crc: u32 },
  32,
)

const at = header.offsets
const paddingShift = 12
const knownFlags = flag.REQUIRED | flag.RETAIN | flag.ASSERT | flag.HOP | (15 << paddingShift)

export const sizeOf = (message: Buffer): number => message.readUInt32LE(at.size)
export const typeOf = (message: Buffer): number => message.readUInt16LE(at.type)
export const flagsOf = (message: Buffer): number => message.readUInt16LE(at.flags) & 0x0fff
export const paddingOf = (message: Buffer): number =>
  message.readUInt16LE(at.flags) >>> paddingShift
export const seqOf = (message: Buffer): number =>
  message.readUInt32LE(at.seq) + message.readUInt32LE(at.seq + 4) * 0x100000000
export const epochOf = (message: Buffer): number => message.readUInt32LE(at.epoch)
/** A view of the body, without the padding; of a message that `checkMessage` has passed. */
export const bodyOf = (message: Buffer): Buffer =>
  message.subarray(messageSizeMin, message.length - paddingOf(message))
/** Nanoseconds since 1970. */
export const timeOf = (message: Buffer): bigint => message.readBigUInt64LE(at.timeLo)

/** Whether a message can have this many bytes: all that a router looks at. */
export const isSize = (size: number): boolean =>
  size >= messageSizeMin && size <= messageSizeMax && size % messageAlign === 0

/** Rounds up to what a message can have. */
export const aligned = (size: number): number => (size + messageAlign - 1) & -messageAlign

/** Begins a message of `size` bytes, of which `padding` at the end are padding; zeroes them. */
export function writeHead(out: Buffer, size: number, type: number, flags: number, padding: number) {
  const flagBits = flags | (padding << paddingShift)
  header.encode(out, 0, { size, type, flags: flagBits })
  if (padding) out.fill(0, size - padding, size)
}

/** A moment as the header holds it. */
export interface Stamp {
  /** Seconds since 1970. */
  sec: number
  /** Nanoseconds, below 10^9. */
  nsec: number
}

/** Numbers, dates and checksums a message that lies at the start of `out`. */
export function seal(out: Buffer, size: number, seq: number, time: Stamp, epoch: number): void {
  const seqHi = Math.floor(seq / 0x100000000)
  out.writeUInt32LE(seq - seqHi * 0x100000000, at.seq)
  out.writeUInt32LE(seqHi, at.seq + 4)
  writeTime(out, time)
  out.writeUInt32LE(epoch, at.epoch)
  out.writeUInt32LE(0, at.crc)
  out.writeUInt32LE(crc32(out.subarray(0, size)), at.crc)
}

// sec * 10^9 passes 2^53, so it is multiplied in two halves that do not.
function writeTime(out: Buffer, { sec, nsec }: Stamp): void {
  const high = Math.floor(sec / 65536) * 1e9
  const low = (sec % 65536) * 1e9 + (high % 65536) * 65536 + nsec
  const carry = Math.floor(low / 0x100000000)
  out.writeUInt32LE(low - carry * 0x100000000, at.timeLo)
  out.writeUInt32LE(Math.floor(high / 65536) + carry, at.timeHi)
}

/** Sets a message's checksum to what its bytes ask for. */
export function sealChecksum(message: Buffer): void {
  message.writeUInt32LE(0, at.crc)
  message.writeUInt32LE(crc32(message), at.crc)
}

/**
 * Checks all of a whole message that does not depend on its type: size, checksum, flags, padding.
 * Throws WireError. `message` is one message exactly; it is the same afterwards.
 */
export function checkMessage(message: Buffer): void {
  const size = message.length
  if (size < messageSizeMin || sizeOf(message) !== size || !isSize(size))
    throw new WireError('EWIRE_SIZE', `a message of ${size} bytes`)
  checkSum(message)
  const seq = seqOf(message)
  const flags = message.readUInt16LE(at.flags)
  if (seq > offsetMax) throw new WireError('EWIRE_FIELD', `seq ${seq} is out of range`)
  if (flags & ~knownFlags && flags & flag.REQUIRED)
    throw new WireError('EWIRE_TYPE', newer(`flags 0x${flags.toString(16)}`), { seq })
  const padding = flags >>> paddingShift
  if (padding > size - messageSizeMin)
    throw new WireError('EWIRE_PADDING', `${padding} bytes of padding, more than the body`, { seq })
  for (let i = size - padding; i < size; i++)
    if (message[i] !== 0) throw new WireError('EWIRE_PADDING', 'padding that is not zeros', { seq })
}

function checkSum(message: Buffer): void {
  const crc = message.readUInt32LE(at.crc)
  message.writeUInt32LE(0, at.crc)
  const computed = crc32(message)
  message.writeUInt32LE(crc, at.crc)
  if (computed !== crc)
    throw new WireError('EWIRE_CRC', `the checksum is ${hex(crc)}, the bytes give ${hex(computed)}`)
}

const hex = (n: number) => n.toString(16).padStart(8, '0')

/** The words for what only a later version can mean. */
export const newer = (what: string): string => `${what}: not known here; a newer version wrote this`
