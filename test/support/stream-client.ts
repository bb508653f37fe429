// A client of a socket within the test's process: it reads or does not, and checks what it gets.

import { connect, type Socket } from 'node:net'
import { crc32 } from 'node:zlib'
import { decodeMessage, Framer, Numbering, type Message } from '#wire'

export interface StreamClient {
  readonly socket: Socket
  /** Bytes so far. */
  readonly size: () => number
  /** CRC-32 of them. */
  readonly crc: () => number
  /** Resolves once `size` bytes have come, or all; at the end, and not at an error. */
  readonly until: (size: number) => Promise<void>
  /** Resolves once the connection is over, in whatever way. */
  readonly ended: Promise<void>
}

/** One buffer for all clients: what they read is looked at before the next read. */
const shared = Buffer.allocUnsafeSlow(1 << 18)

/** Connects to `path`; `take` gets the bytes, which are valid during the call only. */
export function streamClient(
  path: string,
  take: (bytes: Buffer) => void = () => undefined,
  options: { allowHalfOpen?: boolean } = {},
): Promise<StreamClient> {
  let size = 0
  let crc = 0
  let over = false
  let waiting: { size: number; resolve: () => void }[] = []
  const wake = () => {
    waiting = waiting.filter((w) => {
      if (!over && w.size > size) return true
      w.resolve()
      return false
    })
  }
  const socket = connect({
    path,
    ...options,
    onread: {
      buffer: shared,
      callback(count, bytes) {
        const read = Buffer.from(bytes.buffer, bytes.byteOffset, count)
        size += count
        crc = crc32(read, crc)
        take(read)
        wake()
        return true
      },
    },
  })
  const ended = new Promise<void>((resolve) => {
    const end = () => {
      over = true
      wake()
      resolve()
    }
    socket.on('end', end).on('close', end)
  })
  const client: StreamClient = {
    socket,
    size: () => size,
    crc: () => crc,
    until: (wanted) =>
      new Promise((resolve) => {
        waiting.push({ size: wanted, resolve })
        wake()
      }),
    ended,
  }
  return new Promise((resolve, reject) => {
    socket.once('connect', () => {
      socket.removeListener('error', reject)
      // How a connection ends is what `ended` and the bytes say.
      socket.on('error', () => undefined)
      resolve(client)
    })
    socket.once('error', reject)
  })
}

/** Decodes and checks a stream as it comes; `seen` gets each message. */
export function checkedStream(seen: (message: Message) => void): {
  take: (bytes: Buffer) => void
  numbering: Numbering
} {
  const framer = new Framer()
  const numbering = new Numbering()
  return {
    numbering,
    take(bytes) {
      // A framer holds on to the start of a message.
      framer.push(Buffer.from(bytes))
      for (let message = framer.next(); message; message = framer.next()) {
        const decoded = decodeMessage(message)
        if (!decoded) continue
        numbering.check(decoded)
        seen(decoded)
      }
    },
  }
}
