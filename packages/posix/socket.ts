// Unix sockets as far as Node's net does not go: pairs, descriptors in messages, and sends that
// neither wait nor raise a signal.

import { errno } from './errno.js'
import { injected } from './faults.js'
import { addressOf, native, result } from './libc.js'
import { putInt64, within } from './numbers.js'
import { close } from './open.js'

const AF_UNIX = 1
export const SOCK_STREAM = 1
export const SOCK_DGRAM = 2
export const SOCK_SEQPACKET = 5
export const SOCK_NONBLOCK = 0o4000
const SOCK_CLOEXEC = 0o2000000
const SOL_SOCKET = 1
const SCM_RIGHTS = 1
const SO_PEERCRED = 17

export const MSG_PEEK = 0x02
export const MSG_DONTWAIT = 0x40
export const MSG_NOSIGNAL = 0x4000
const MSG_CTRUNC = 0x08
const MSG_CMSG_CLOEXEC = 0x40000000

const nativeSocketpair = native('socketpair', 'int', ['int', 'int', 'int', 'int64'])
const nativeSend = native('send', 'int64', ['int', 'int64', 'int64', 'int'])
const nativeSendmsg = native('sendmsg', 'int64', ['int', 'int64', 'int'])
const nativeRecvmsg = native('recvmsg', 'int64', ['int', 'int64', 'int'])

const nativeGetsockopt = native('getsockopt', 'int', ['int', 'int', 'int', 'int64', 'int64'])

const pair = new Int32Array(2)
const pairAddress = addressOf(new Uint8Array(pair.buffer))

/** socketpair(2) of SOCK_STREAM and so on: 0, both ends in `out`, or -errno. */
export function socketpair(type: number, out: [number, number]): number {
  const e =
    injected('socketpair') || result(nativeSocketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pairAddress))
  if (e < 0) return e
  out[0] = pair[0] as number
  out[1] = pair[1] as number
  return 0
}

/** Who is at the other end of a Unix socket, as of its connect(2) or listen(2). */
export interface PeerCredentials {
  /** 0 where it is in a PID namespace that cannot be seen from here. */
  pid: number
  uid: number
  gid: number
}

// struct ucred, and its socklen_t.
const ucred = new Uint32Array(4)
const ucredSize = 12
const ucredAddress = addressOf(new Uint8Array(ucred.buffer))

/** getsockopt(2) of SO_PEERCRED into `out`: 0 or -errno. */
export function peerCredentials(fd: number, out: PeerCredentials): number {
  ucred[3] = ucredSize
  const e =
    injected('getsockopt') ||
    result(nativeGetsockopt(fd, SOL_SOCKET, SO_PEERCRED, ucredAddress, ucredAddress + ucredSize))
  if (e < 0) return e
  out.pid = ucred[0] as number
  out.uid = ucred[1] as number
  out.gid = ucred[2] as number
  return 0
}

/** send(2), with MSG_NOSIGNAL always: bytes sent, or -errno (-EAGAIN with MSG_DONTWAIT). */
export function send(
  fd: number,
  buffer: Uint8Array,
  offset: number,
  length: number,
  flags = 0,
): number {
  const e = injected('send') || within(buffer, offset, length)
  if (e) return e
  const address = addressOf(buffer) + offset
  let done: number
  do done = result(nativeSend(fd, address, length, flags | MSG_NOSIGNAL))
  while (done === -errno.EINTR)
  return done
}

/** Descriptors in one message, at most. */
const descriptorsMax = 16
const cmsgHeader = 16

// struct msghdr, one struct iovec, and room for one control message: kept, at these bytes.
const iovAt = 56
const controlAt = iovAt + 16
const area = Buffer.alloc(controlAt + cmsgHeader + 4 * descriptorsMax)
const words = new Uint32Array(area.buffer, area.byteOffset, area.length / 4)
const areaAddress = addressOf(area)

/** Fills in the headers; `controlSize` 0 means no control message. */
function setMessage(address: number, length: number, controlSize: number): void {
  words.fill(0, 0, controlAt / 4)
  putInt64(words, 4, areaAddress + iovAt) // msg_iov
  words[6] = 1 // msg_iovlen
  if (controlSize > 0) putInt64(words, 8, areaAddress + controlAt) // msg_control
  words[10] = controlSize // msg_controllen
  putInt64(words, iovAt / 4, address)
  putInt64(words, iovAt / 4 + 2, length)
}

/** sendmsg(2) of bytes, at least one, and descriptors, at most 16: bytes sent, or -errno. */
export function sendmsg(
  fd: number,
  buffer: Uint8Array,
  offset: number,
  length: number,
  fds: readonly number[],
  flags = 0,
): number {
  const e = injected('sendmsg') || within(buffer, offset, length)
  if (e) return e
  if (fds.length > descriptorsMax) return -errno.EINVAL
  const size = fds.length === 0 ? 0 : cmsgHeader + 4 * fds.length
  // CMSG_SPACE: rounded up to 8.
  setMessage(addressOf(buffer) + offset, length, (size + 7) & ~7)
  const control = controlAt / 4
  putInt64(words, control, size)
  words[control + 2] = SOL_SOCKET
  words[control + 3] = SCM_RIGHTS
  for (const [i, descriptor] of fds.entries()) words[control + 4 + i] = descriptor
  let done: number
  do done = result(nativeSendmsg(fd, areaAddress, flags | MSG_NOSIGNAL))
  while (done === -errno.EINTR)
  return done
}

/**
 * recvmsg(2): bytes received, 0 at the end, or -errno. Descriptors that came along are appended to
 * `fds`, close-on-exec; more than 16 are refused with -EMSGSIZE and closed.
 */
export function recvmsg(
  fd: number,
  buffer: Uint8Array,
  offset: number,
  length: number,
  fds: number[],
  flags = 0,
): number {
  const e = injected('recvmsg') || within(buffer, offset, length)
  if (e) return e
  let done: number
  do {
    setMessage(addressOf(buffer) + offset, length, area.length - controlAt)
    done = result(nativeRecvmsg(fd, areaAddress, flags | MSG_CMSG_CLOEXEC))
  } while (done === -errno.EINTR)
  if (done < 0) return done
  const received = receivedDescriptors()
  if ((words[12] as number) & MSG_CTRUNC) {
    for (const descriptor of received) close(descriptor)
    return -errno.EMSGSIZE
  }
  fds.push(...received)
  return done
}

function receivedDescriptors(): number[] {
  const control = controlAt / 4
  const have = words[10] as number
  if (have < cmsgHeader) return []
  if (words[control + 2] !== SOL_SOCKET || words[control + 3] !== SCM_RIGHTS) return []
  const count = ((words[control] as number) - cmsgHeader) >> 2
  return Array.from(words.subarray(control + 4, control + 4 + count))
}
