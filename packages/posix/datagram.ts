// Datagrams to Unix sockets, which Node cannot send.

import { errno } from './errno.js'
import { injected } from './faults.js'
import { addressOf, native, result } from './libc.js'
import { close } from './open.js'
import { MSG_NOSIGNAL, SOCK_DGRAM } from './socket.js'

const AF_UNIX = 1
const SOCK_CLOEXEC = 0o2000000
/** sun_family, then sun_path (unix(7)). */
const pathAt = 2
const pathMax = 107

const nativeSocket = native('socket', 'int', ['int', 'int', 'int'])
const nativeSendto = native('sendto', 'int64', ['int', 'int64', 'int64', 'int', 'int64', 'uint32'])

/**
 * Sends `bytes`, one at least, to the datagram socket `path`; one that begins with NUL is abstract.
 * Bytes sent, or -errno.
 */
export function sendDatagram(path: Buffer, bytes: Uint8Array): number {
  if (path.length === 0 || path.length > pathMax) return -errno.ENAMETOOLONG
  const fd = injected('socket') || result(nativeSocket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0))
  if (fd < 0) return fd
  const address = Buffer.alloc(pathAt + pathMax + 1)
  address.writeUInt16LE(AF_UNIX, 0)
  path.copy(address, pathAt)
  // The NUL at the end belongs to a path, and not to an abstract name.
  const size = pathAt + path.length + (path[0] === 0 ? 0 : 1)
  const to = addressOf(address)
  const length = bytes.length
  const done =
    injected('sendto') || result(nativeSendto(fd, addressOf(bytes), length, MSG_NOSIGNAL, to, size))
  close(fd)
  return done
}
