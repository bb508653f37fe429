// The epochs that a mirror has behind it, and how far it had come in each: what a stream repeats of
// them is passed over.

import { crc32 } from 'node:zlib'
import { struct, u32, u64 } from '#schema'
import type { Position } from '#wire'

const entry = struct('past-epoch', { seq: u64, epoch: u32, reserved: u32 }, 16)
const countMax = 32

/** Bytes of all of them on disk; zeros where there are fewer. */
export const pastSize = countMax * entry.size

export class PastEpochs {
  /** Changes with each change. */
  revision = 0
  // The oldest first.
  #list: Position[] = []
  readonly #bytes = Buffer.alloc(pastSize)
  #crc = crc32(this.#bytes)

  /** As they lie on disk, and their checksum. */
  get bytes(): Buffer {
    return this.#bytes
  }
  get crc(): number {
    return this.#crc
  }

  /** Takes what lies at byte `at`. */
  read(bytes: Buffer, at: number): void {
    this.#list = []
    for (let i = 0; i < countMax; i++) {
      const { epoch, seq } = entry.decode(bytes, at + i * entry.size)
      if (epoch !== 0) this.#list.push({ epoch, seq })
    }
    this.#encode()
  }

  /** The mirror goes on behind this position in another epoch. */
  add(position: Position): void {
    this.#list = this.#list.filter(({ epoch }) => epoch !== position.epoch)
    this.#list.push(position)
    this.#list = this.#list.slice(-countMax)
    this.#encode()
  }

  /** The mirror is in that epoch again: neither it nor what came later is past. */
  backTo(epoch: number): void {
    const at = this.#list.findIndex((past) => past.epoch === epoch)
    if (at < 0) return
    this.#list = this.#list.slice(0, at)
    this.#encode()
  }

  /** The last message that was applied of a past epoch; undefined for any other. */
  lastOf(epoch: number): number | undefined {
    return this.#list.find((past) => past.epoch === epoch)?.seq
  }

  #encode(): void {
    this.revision++
    this.#bytes.fill(0)
    this.#list.forEach(({ epoch, seq }, i) =>
      entry.encode(this.#bytes, i * entry.size, { epoch, seq }),
    )
    this.#crc = crc32(this.#bytes)
  }
}
