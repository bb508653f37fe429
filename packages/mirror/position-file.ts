// Where a mirror is in its stream, on disk: written after each message, in two slots by turns, so
// that a write that is torn leaves the other one.

import { randomInt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { check, errno, fdatasync, fstat, ftruncate, pread, pwrite, Stat } from '#posix'
import { MirrorError } from './mirror-error.js'
import { decodeRecord, encodeRecord, recordMagic, recordSize } from './position-record.js'
import { firstVersion, recordVersion, type PositionRecord } from './position-record.js'
import { PastEpochs, pastSize } from './past-epochs.js'

// Apart, so that no sector holds both.
const slotSize = 4096
const fileSize = 2 * slotSize

/** The state of a mirror that has applied nothing. */
export const initialRecord = (): PositionRecord => ({
  magic: recordMagic,
  version: recordVersion,
  generation: 0,
  epoch: 0,
  source: 0,
  seq: 0,
  bytes: 0,
  timeLo: 0,
  timeHi: 0,
  durableSeq: 0,
  durableEpoch: 0,
  intent: 0,
  intentLow: 0,
  intentHigh: 0,
  suspects: 0,
  doubt: 0,
  ended: 0,
  boot0: 0,
  boot1: 0,
  boot2: 0,
  boot3: 0,
  who0: 0,
  who1: 0,
  messages: 0,
  pastCrc: 0,
  crc: 0,
})

/** What a file holds. */
export interface Stored {
  readonly record: PositionRecord
  readonly past: PastEpochs
}

export class PositionFile {
  /** The current values; change them, then `write`. */
  readonly record: PositionRecord
  readonly past: PastEpochs
  /** The machine has been started anew since the last record was written. */
  readonly isOtherBoot: boolean
  readonly fd: number
  /** Its path for people. */
  readonly shown: string
  readonly #out = Buffer.alloc(recordSize + pastSize)
  // The past epochs, as each slot has them.
  readonly #revisions = [-1, -1]

  private constructor(fd: number, shown: string, { record, past }: Stored) {
    this.fd = fd
    this.shown = shown
    this.record = record
    this.past = past
    if (record.who0 === 0 && record.who1 === 0)
      Object.assign(record, { who0: randomInt(1, 2 ** 32), who1: randomInt(2 ** 32) })
    const boot = bootId()
    this.isOtherBoot = record.epoch !== 0 && !isOfBoot(record, boot)
    Object.assign(record, boot)
  }

  /** Takes over `fd`. Throws MirrorError EMIRROR_STATE for a file that no mirror left like that. */
  static open(fd: number, shown: string): PositionFile {
    const stat = new Stat()
    check(fstat(fd, stat.buffer), 'stat', shown)
    if (stat.size === 0) {
      const stored = { record: initialRecord(), past: new PastEpochs() }
      const file = new PositionFile(fd, shown, stored)
      file.#begin()
      return file
    }
    return new PositionFile(fd, shown, readStored(fd, shown))
  }

  /** The values that a file holds, for who only looks. */
  static read(fd: number, shown: string): Stored {
    return readStored(fd, shown)
  }

  /** Writes the values. 0 or -errno. */
  write(): number {
    const { record, past } = this
    const slot = ++record.generation % 2
    this.#encode()
    const isThere = this.#revisions[slot] === past.revision
    const size = isThere ? recordSize : recordSize + pastSize
    const n = pwrite(this.fd, this.#out, 0, size, slot * slotSize)
    if (n !== size) return n < 0 ? n : -errno.EIO
    this.#revisions[slot] = past.revision
    return 0
  }

  #encode(): void {
    const { record, past } = this
    record.pastCrc = past.crc
    encodeRecord(this.#out, record)
    past.bytes.copy(this.#out, recordSize)
  }

  /** Makes what was written durable. Throws errno errors. */
  sync(): void {
    check(fdatasync(this.fd), 'fdatasync', this.shown)
  }

  /** Whether the file still has its name. Throws errno errors. */
  isThere(stat: Stat): boolean {
    check(fstat(this.fd, stat.buffer), 'stat', this.shown)
    return stat.nlink > 0
  }

  // Both slots, in one write: a file of this size is one that was begun.
  #begin(): void {
    const both = Buffer.alloc(fileSize)
    this.#encode()
    this.#out.copy(both, 0)
    this.#out.copy(both, slotSize)
    const n = pwrite(this.fd, both, 0, fileSize, 0)
    // Room for it is taken from now on: a full disk cannot stop the position.
    const e = n === fileSize ? 0 : n < 0 ? n : -errno.ENOSPC
    if (e < 0) ftruncate(this.fd, 0)
    check(e, 'write', this.shown)
  }
}

function readStored(fd: number, shown: string): Stored {
  const bytes = Buffer.alloc(fileSize)
  const length = check(pread(fd, bytes, 0, fileSize, 0), 'read', shown)
  const slots = [0, slotSize].map((at) => decodeRecord(bytes.subarray(0, length), at))
  const good = slots.filter((slot) => slot !== undefined)
  const [newest] = good.toSorted((a, b) => b.generation - a.generation)
  // Only a machine that stopped can have left one slot half written.
  if (!newest || (good.length < slots.length && isOfBoot(newest, bootId()))) {
    const reason = 'is damaged: the position of the mirror is not known any more'
    throw new MirrorError('EMIRROR_STATE', `${shown}: ${reason}`)
  }
  const { version } = newest
  if (version !== recordVersion && version !== firstVersion) {
    const reason = `is of version ${version}, this program knows ${recordVersion}`
    throw new MirrorError('EMIRROR_STATE', `${shown}: ${reason}`)
  }
  const past = new PastEpochs()
  const slot = slots[0] === newest ? 0 : slotSize
  if (version === recordVersion) past.read(bytes, slot + recordSize)
  return { record: { ...newest, version: recordVersion }, past }
}

type Boot = Pick<PositionRecord, 'boot0' | 'boot1' | 'boot2' | 'boot3'>

function bootId(): Boot {
  const text = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').replaceAll('-', '')
  const word = (at: number) => parseInt(text.slice(8 * at, 8 * at + 8), 16)
  return { boot0: word(0), boot1: word(1), boot2: word(2), boot3: word(3) }
}

const isOfBoot = (record: PositionRecord, boot: Boot) =>
  record.boot0 === boot.boot0 &&
  record.boot1 === boot.boot1 &&
  record.boot2 === boot.boot2 &&
  record.boot3 === boot.boot3
