// Whether the other end of a connection is closed altogether, also where this end has stopped reading.

import type { Socket } from 'node:net'
import { poll, PollSet, POLLERR, POLLHUP } from '#posix'

const set = new PollSet(1)

/** False also where that cannot be found out. */
export function isHungUp(socket: Socket): boolean {
  const fd = descriptorOf(socket)
  if (fd === undefined) return false
  set.set(0, fd, 0)
  return poll(set, 0) > 0 && (set.revents(0) & (POLLHUP | POLLERR)) !== 0
}

/** Node keeps it in the handle, unofficially and since for ever. */
export function descriptorOf(socket: Socket): number | undefined {
  const fd = (socket as { _handle?: { fd?: number } | null })._handle?.fd
  return fd === undefined || fd < 0 ? undefined : fd
}
