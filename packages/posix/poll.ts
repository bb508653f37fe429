// Waiting for a few descriptors, and waking a thread that waits.

import { errno } from './errno.js'
import { injected } from './faults.js'
import { addressOf, native, result } from './libc.js'
import { read, write } from './data.js'

export const POLLIN = 0x001
export const POLLPRI = 0x002
export const POLLOUT = 0x004
/** Only in answers. */
export const POLLERR = 0x008
export const POLLHUP = 0x010
export const POLLNVAL = 0x020

const nativePoll = native('poll', 'int', ['int64', 'uint64', 'int'])

/** A kept row of struct pollfd. */
export class PollSet {
  readonly #words: Int32Array
  /** Where the first struct lies. */
  readonly address: number
  /** How many there are. */
  readonly length: number

  constructor(length: number) {
    this.length = length
    this.#words = new Int32Array(2 * length).fill(-1)
    this.address = addressOf(new Uint8Array(this.#words.buffer))
  }

  /** Watches `fd` for `events` in place `index`; a negative `fd` leaves the place empty. */
  set(index: number, fd: number, events: number): void {
    const isPlace = Number.isInteger(index) && index >= 0 && index < this.length
    if (!isPlace) throw new RangeError(`no place ${index} to poll`)
    this.#words[2 * index] = fd
    this.#words[2 * index + 1] = events & 0xffff
  }

  /** What the last poll said of place `index`: POLL*. */
  revents(index: number): number {
    return (this.#words[2 * index + 1] as number) >>> 16
  }
}

/**
 * poll(2): how many places have something to say, 0 after `timeoutMs` (-1: no limit), or -errno.
 * -EINTR is left to the caller, whose time it is. After an error `revents` say nothing.
 */
export function poll(set: PollSet, timeoutMs: number): number {
  if (!Number.isInteger(timeoutMs) || timeoutMs < -1 || timeoutMs > 0x7fffffff) return -errno.EINVAL
  return injected('poll') || result(nativePoll(set.address, set.length, timeoutMs))
}

const EFD_NONBLOCK = 0o4000
const EFD_CLOEXEC = 0o2000000
const nativeEventfd = native('eventfd', 'int', ['uint32', 'int'])

/** A counter to poll on, at 0, that does not block: POLLIN once `eventfdSignal` was called. */
export function eventfd(): number {
  return injected('eventfd') || result(nativeEventfd(0, EFD_CLOEXEC | EFD_NONBLOCK))
}

const one = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0])
const counter = Buffer.alloc(8)

/** Wakes whoever polls `fd`, from any thread. 0 or -errno. */
export function eventfdSignal(fd: number): number {
  const done = write(fd, one, 0, 8)
  // A counter at its limit is signalled already.
  return done === 8 || done === -errno.EAGAIN ? 0 : done
}

/** Sets it back to 0: 1 where it was signalled, 0 where not, or -errno. */
export function eventfdClear(fd: number): number {
  const done = read(fd, counter, 0, 8)
  if (done === -errno.EAGAIN) return 0
  return done === 8 ? 1 : done
}
