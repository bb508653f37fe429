// The record of a mirror's position on disk: fixed size, checksummed.

import { crc32 } from 'node:zlib'
import { struct, u32, u64, type Values } from '#schema'
import { pastSize } from './past-epochs.js'

/** 'TFSP' in the order of its bytes. */
export const recordMagic = 0x50534654
export const recordVersion = 2
/** Without past epochs, and with zeros where later versions have more. */
export const firstVersion = 1

export const positionRecord = struct(
  'position',
  {
    magic: u32,
    version: u32,
    /** +1 with each record: of two slots the higher one counts. */
    generation: u64,
    /** The last message that was applied; all zeros before the first. */
    epoch: u32,
    /** CRC-32 of the source's name. */
    source: u32,
    seq: u64,
    /** Bytes of all messages applied since the mirror began. */
    bytes: u64,
    /** Time of the last message, as its header has it. */
    timeLo: u32,
    timeHi: u32,
    /** The last message that survives a power cut. */
    durableSeq: u64,
    durableEpoch: u32,
    /** What was noted before the operation behind this position: see `intent`. */
    intent: u32,
    intentLow: u32,
    intentHigh: u32,
    /** Paths noted as suspect, of which the file lists the first. */
    suspects: u64,
    /** 1: the operation behind this position may have begun. */
    doubt: u32,
    /** 1: that message ended its epoch. */
    ended: u32,
    /** /proc/sys/kernel/random/boot_id of the run that wrote it. */
    boot0: u32,
    boot1: u32,
    boot2: u32,
    boot3: u32,
    /** A number at random that the mirror goes by; never zero once it has been drawn. */
    who0: u32,
    who1: u32,
    /** Messages that were applied since the mirror began. */
    messages: u64,
    /** CRC-32 of the past epochs, which follow the record. */
    pastCrc: u32,
    crc: u32,
  },
  128,
)

export type PositionRecord = { -readonly [K in keyof Fields]: Fields[K] }
type Fields = Values<typeof positionRecord.fields>

export const { size: recordSize } = positionRecord

/** Writes `record` to the start of `out`, with its checksum. */
export function encodeRecord(out: Buffer, record: PositionRecord): void {
  positionRecord.encode(out, 0, record)
  out.writeUInt32LE(crc32(out.subarray(0, crcAt)), crcAt)
}

const crcAt = positionRecord.offsets.crc

/**
 * The record at byte `at`, or undefined where there is none that can be trusted, with the past
 * epochs behind it.
 */
export function decodeRecord(bytes: Buffer, at: number): PositionRecord | undefined {
  if (bytes.length < at + recordSize) return undefined
  const record = positionRecord.decode(bytes, at)
  if (record.magic !== recordMagic) return undefined
  if (record.crc !== crc32(bytes.subarray(at, at + crcAt))) return undefined
  if (record.version !== recordVersion) return record
  const past = bytes.subarray(at + recordSize, at + recordSize + pastSize)
  return record.pastCrc === crc32(past) ? record : undefined
}
