// The messages of one epoch, each remembered by the checksum that it carries.

import { epochOf, header, seqOf } from '#wire'

export class StreamRecord {
  /** Of the last message. */
  epoch = 0
  seq = 0
  bytes = 0
  #checksums = new Uint32Array(1 << 16)

  /** Notes a message. Throws where it is of another epoch. */
  add(message: Buffer): void {
    const [epoch, seq] = [epochOf(message), seqOf(message)]
    if (this.epoch !== 0 && epoch !== this.epoch)
      throw new Error(`message ${seq} of epoch ${epoch} after epoch ${this.epoch}`)
    this.epoch = epoch
    this.seq = seq
    this.bytes += message.length
    while (seq >= this.#checksums.length) {
      const grown = new Uint32Array(2 * this.#checksums.length)
      grown.set(this.#checksums)
      this.#checksums = grown
    }
    this.#checksums[seq] = message.readUInt32LE(header.offsets.crc)
  }

  /** Of the message with that number; 0 where it never came. */
  checksum(seq: number): number {
    return this.#checksums[seq] ?? 0
  }

  /** Numbers of messages that are here and not the same in `other`. */
  differing(other: StreamRecord): number[] {
    const found: number[] = []
    for (let seq = 1; seq <= this.seq; seq++) {
      const own = this.checksum(seq)
      if (own !== 0 && own !== other.checksum(seq)) found.push(seq)
    }
    return found
  }
}
