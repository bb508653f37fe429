// What the kernel knows of the other end of a connection: who it is, and whether it is closed
// altogether, also where this end has stopped reading.

import type { Socket } from 'node:net'
import { peerCredentials, poll, PollSet, POLLERR, POLLHUP, type PeerCredentials } from '#posix'

const set = new PollSet(1)

/** False also where that cannot be found out. */
export function isHungUp(socket: Socket): boolean {
  const fd = descriptorOf(socket)
  if (fd === undefined) return false
  set.set(0, fd, 0)
  return poll(set, 0) > 0 && (set.revents(0) & (POLLHUP | POLLERR)) !== 0
}

/** Who connected, or undefined where that cannot be found out. */
export function peerOf(socket: Socket): PeerCredentials | undefined {
  const fd = descriptorOf(socket)
  const peer = { pid: 0, uid: 0, gid: 0 }
  return fd !== undefined && peerCredentials(fd, peer) === 0 ? peer : undefined
}

/** Node keeps it in the handle, unofficially and since for ever. */
function descriptorOf(socket: Socket): number | undefined {
  const fd = (socket as { _handle?: { fd?: number } | null })._handle?.fd
  return fd === undefined || fd < 0 ? undefined : fd
}
