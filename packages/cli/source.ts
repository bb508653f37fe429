// SOURCE, wherever a program reads a stream: standard input, a socket's path or a recorded file.

import { createReadStream, lstatSync, statSync, type Stats } from 'node:fs'
import { connect } from 'node:net'
import { Readable } from 'node:stream'
import { isatty } from 'node:tty'
import { UsageError } from './usage-error.js'

export interface Source {
  /** For messages to people. */
  readonly name: string
  readonly stream: Readable
}

const pieceSize = 1 << 20

/** Opens a SOURCE. Throws UsageError, or an Error that names it and the cure. */
export async function openSource(source: string): Promise<Source> {
  if (source === '-') return openInput()
  const stats = look(source)
  if (stats.isSocket()) return openSocket(source)
  if (stats.isDirectory())
    throw new UsageError(`'${source}' is a directory; a SOURCE is -, a socket or a recorded stream`)
  return { name: source, stream: createReadStream(source, { highWaterMark: pieceSize }) }
}

function openInput(): Source {
  if (isatty(0))
    throw new UsageError('standard input is a terminal; give a SOURCE, or pipe a stream in')
  // Not process.stdin, which reads 64 KiB at a time from a file.
  const stats = statSync('/dev/fd/0')
  const stream = stats.isFile()
    ? createReadStream('', { fd: 0, autoClose: false, highWaterMark: pieceSize })
    : process.stdin
  return { name: 'standard input', stream }
}

function look(source: string): Stats {
  try {
    const stats = lstatSync(source)
    return stats.isSymbolicLink() ? statSync(source) : stats
  } catch (cause) {
    const remote = /^([^/]+):(.+)$/.exec(source)
    if (remote)
      throw new UsageError(
        `'${source}' is not here; to read from another host: ssh ${remote[1]} nc -U ${remote[2]} | ... -`,
      )
    const why =
      (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'does not exist' : String(cause)
    throw new Error(`SOURCE '${source}' ${why}`, { cause })
  }
}

const pathMax = 107

function openSocket(path: string): Promise<Source> {
  // Node would cut it silently (sun_path, unix(7)).
  if (Buffer.byteLength(path) > pathMax)
    throw new UsageError(`'${path}': the path of a socket has at most ${pathMax} bytes`)
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.removeAllListeners('error')
      resolve({ name: path, stream: socket })
    })
    socket.once('error', (cause: NodeJS.ErrnoException) => {
      const refused = cause.code === 'ECONNREFUSED'
      const why = refused ? 'nobody serves it; start tfs-broadcast' : cause.message
      reject(new Error(`the socket '${path}' cannot be read: ${why}`, { cause }))
    })
  })
}
