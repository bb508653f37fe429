// Where a relay reads its stream: a pipe or socket, straight into the window, or any other stream.

import { Socket, type SocketConnectOpts, type SocketConstructorOpts } from 'node:net'
import type { Readable } from 'node:stream'
import { setPipeSize } from '#posix'

/** Takes an input's bytes. */
export interface Sink {
  /** Where the next bytes go: a place for one at least, which stays until `filled`. */
  room(): Buffer
  /** The first `size` bytes of `room` are there. */
  filled(size: number): void
  /** There are no more; `error` says why, where that is not the end. */
  ended(error?: Error): void
}

export interface Input {
  start(sink: Sink): void
  /** No more bytes for now. May be called from `filled`. */
  pause(): void
  resume(): void
  /** No more bytes ever: `ended` follows, if it has not come yet. */
  destroy(): void
}

/** Pipes have 64 KiB unless one asks. A user may not have more; then it stays so. */
const pipeSize = 1 << 20

/** Reads the pipe or socket `fd`, and has it from now on. */
export function pipeInput(fd: number): Input {
  setPipeSize(fd, pipeSize)
  let socket: Socket | undefined
  let over = false
  return {
    start(sink) {
      // The options of connect(), which makes its sockets of them like this.
      const options: SocketConstructorOpts & Pick<SocketConnectOpts, 'onread'> = {
        fd,
        readable: true,
        writable: false,
        onread: {
          buffer: () => sink.room(),
          callback(size) {
            sink.filled(size)
            return true
          },
        },
      }
      socket = new Socket(options)
      if (over) socket.destroy()
      follow(socket, sink)
    },
    pause: () => socket?.pause(),
    resume: () => socket?.resume(),
    destroy() {
      over = true
      socket?.destroy()
    },
  }
}

/** Reads any stream, which brings buffers of its own. */
export function streamInput(stream: Readable): Input {
  return {
    start(sink) {
      stream.on('data', (piece: Buffer) => {
        for (let at = 0; at < piece.length && !stream.destroyed;) {
          const size = piece.copy(sink.room(), 0, at)
          at += size
          sink.filled(size)
        }
      })
      follow(stream, sink)
    },
    pause: () => stream.pause(),
    resume: () => stream.resume(),
    destroy: () => stream.destroy(),
  }
}

function follow(stream: Readable, sink: Sink): void {
  stream.on('end', () => sink.ended())
  stream.on('error', (error) => sink.ended(error))
  stream.on('close', () => sink.ended())
}
