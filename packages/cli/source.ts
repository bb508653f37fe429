// SOURCE, wherever a program reads a stream: standard input, a socket's path, a recorded stream's
// file, a FIFO.

import {
  close,
  constants,
  createReadStream,
  fstatSync,
  open as openCallback,
  statSync,
  type Stats,
} from 'node:fs'
import { connect, Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { isatty } from 'node:tty'
import { promisify } from 'node:util'
import { hostPathOf } from './host-source.js'
import { UsageError } from './usage-error.js'

export interface Source {
  /** For messages to people. */
  readonly name: string
  readonly stream: Readable
}

const open = promisify(openCallback)
const pieceSize = 1 << 20

/** Opens a SOURCE. Throws UsageError, or an Error that names it and the cure. */
export async function openSource(source: string): Promise<Source> {
  if (source === '-') return openInput()
  refuseRemote(source)
  const stats = look(source)
  if (stats.isSocket()) return { name: source, stream: await connectToSocket(source) }
  if (stats.isDirectory())
    throw new UsageError(`'${source}' is a directory; a SOURCE is -, a socket or a recorded stream`)
  // A FIFO waits for its writer in the event loop, and not in a thread that nothing can stop.
  const fd = await open(source, constants.O_RDONLY | (stats.isFIFO() ? constants.O_NONBLOCK : 0))
  if (isatty(fd)) {
    close(fd)
    throw new UsageError(`'${source}' is a terminal; a SOURCE is -, a socket or a recorded stream`)
  }
  return { name: source, stream: stats.isFIFO() ? pipeStream(fd) : fileStream(fd, true) }
}

function openInput(): Source {
  if (isatty(0))
    throw new UsageError('standard input is a terminal; give a SOURCE, or pipe a stream in')
  const stats = fstatSync(0)
  if (stats.isDirectory()) throw new UsageError('standard input is a directory')
  // Not process.stdin, which reads 64 KiB at a time from a file.
  const stream = stats.isFile() ? fileStream(0, false) : process.stdin
  return { name: 'standard input', stream }
}

const fileStream = (fd: number, autoClose: boolean): Readable =>
  createReadStream('', { fd, autoClose, highWaterMark: pieceSize })

// Through the event loop: a read that waits in a thread would keep the process from ending.
const pipeStream = (fd: number): Readable => new Socket({ fd, readable: true, writable: false })

/** Looks what a SOURCE on this host is. Throws UsageError, or an Error that names it. */
export function look(source: string): Stats {
  try {
    return statSync(source)
  } catch (cause) {
    throw sourceError(source, cause as NodeJS.ErrnoException)
  }
}

/** Whether a SOURCE is a directory on this host; what is not there is none. */
export const isDirectory = (source: string): boolean =>
  statSync(source, { throwIfNoEntry: false })?.isDirectory() === true

function sourceError(source: string, cause: NodeJS.ErrnoException): Error {
  const isMissing = cause.code === 'ENOENT'
  const why = isMissing
    ? 'does not exist; a socket appears when its tfs-broadcast starts'
    : cause.message
  return new Error(`SOURCE '${source}' ${why}`, { cause })
}

function refuseRemote(source: string): void {
  const remote = hostPathOf(source)
  if (!remote) return
  throw new UsageError(
    `'${source}' is on another host; pipe it in: ssh ${remote.host} cat ${remote.path} | ... - ` +
      `(and a file here is ./${source})`,
  )
}

const pathMax = 107

// Node would cut it silently (sun_path, unix(7)).
function refuseLongSocket(path: string): void {
  if (Buffer.byteLength(path) > pathMax)
    throw new UsageError(`'${path}': the path of a socket has at most ${pathMax} bytes`)
}

function socketError(path: string, cause: NodeJS.ErrnoException): Error {
  const refused = cause.code === 'ECONNREFUSED'
  const why = refused ? 'nobody serves it; start tfs-broadcast' : cause.message
  return new Error(`the socket '${path}' cannot be read: ${why}`, { cause })
}

/** Rejects with UsageError, or an Error that names the socket and the cure. */
export async function connectToSocket(path: string): Promise<Socket> {
  refuseLongSocket(path)
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.removeAllListeners('error')
      resolve(socket)
    })
    socket.once('error', (cause: NodeJS.ErrnoException) => reject(socketError(path, cause)))
  })
}
