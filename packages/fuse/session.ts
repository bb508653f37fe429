// The session: one synchronous loop that reads requests from the device, calls their handlers and
// writes their replies, with timers and wake-ups of its owner in the same thread.

import assert from 'node:assert'
import { errno, POLLIN, PollSet, poll, read, systemError } from '#posix'
import type { InitFlag } from './abi-flags.js'
import { FUSE_MIN_READ_BUFFER, fuse_in_header } from './abi-header.js'
import { Dispatcher } from './dispatch.js'
import type { Handlers } from './handler.js'
import { passthroughWants, type Kernel } from './init.js'
import type { Reply } from './reply.js'
import type { Device } from './statx-to-attr.js'

export interface SessionOptions {
  /** The device, mounted, O_NONBLOCK. The session does not close it. */
  fd: number
  handlers: Handlers
  /**
   * The device of the files that are shown. Inode numbers of other devices are changed then, since
   * callers see but one.
   */
  home?: Device | undefined
  /** INIT flags to use where the kernel offers them; READDIRPLUS only where it has a handler. */
  wants?: readonly InitFlag[]
  /** The largest WRITE, and the largest READ, in bytes: a multiple of 4096; 1 MiB if left out. */
  maxWrite?: number
  /** Bytes; 1 MiB if left out. The kernel takes the smaller of this and its own setting. */
  maxReadahead?: number
  /** Polled beside the device: `onWake` is called in the loop while it is readable. */
  wakeFd?: number
  onWake?: () => void
  /** Milliseconds from now until `onDeadline` is due (0 or less: now; Infinity: never). */
  nextDeadlineMs?: () => number
  onDeadline?: () => void
  /**
   * The caller of a request that is PENDING got a signal. The owner may answer it, with -EINTR say,
   * or go on. Without this hook the kernel is told not to send interrupts.
   */
  onInterrupt?: ((unique: number) => void) | undefined
  /** An exception of a handler or hook, or a malformed request: `during` names which. */
  onError: (error: unknown, during: string) => void
  /** Is given a line of text for each request with a handler, and for each reply. */
  onTrace?: ((line: string) => void) | undefined
}

/** Why `run` returned. After 'aborted' the mount is dead but still there. */
export type SessionEnd = 'unmounted' | 'aborted' | 'stopped'

const mebibyte = 1 << 20
/** Requests handled in a row before the owner's timers and wake-ups get a look. */
const burst = 32

export class Session {
  readonly #options: SessionOptions
  readonly #dispatcher: Dispatcher
  readonly #buffer: Buffer
  readonly #polled: PollSet
  #stopping = false

  constructor(options: SessionOptions) {
    const maxWrite = options.maxWrite ?? mebibyte
    assert(maxWrite >= 4096 && maxWrite % 4096 === 0, `maxWrite ${maxWrite}`)
    this.#options = options
    this.#dispatcher = new Dispatcher({
      fd: options.fd,
      handlers: options.handlers,
      init: {
        wants: wantsFor(options.handlers, options.wants ?? passthroughWants),
        maxWrite,
        maxReadahead: options.maxReadahead ?? mebibyte,
      },
      home: options.home,
      onInterrupt: options.onInterrupt,
      onError: options.onError,
      onTrace: options.onTrace,
    })
    // The kernel refuses a buffer smaller than header, fuse_write_in and max_write.
    this.#buffer = Buffer.alloc(
      Math.max(FUSE_MIN_READ_BUFFER, fuse_in_header.size + 4096 + maxWrite),
    )
    this.#polled = new PollSet(2)
    this.#polled.set(0, options.fd, POLLIN)
    this.#polled.set(1, options.wakeFd ?? -1, POLLIN)
  }

  /** What was agreed with the kernel; undefined before INIT. */
  get kernel(): Kernel | undefined {
    return this.#dispatcher.kernel
  }

  get counters(): Readonly<Dispatcher['counters']> {
    return this.#dispatcher.counters
  }

  /** Serves until the file system is unmounted or aborted, or `stop` is called. */
  run(): SessionEnd {
    const { fd } = this.#options
    const buffer = this.#buffer
    let inARow = 0
    while (!this.#stopping) {
      const size = read(fd, buffer, 0, buffer.length)
      if (size > 0) {
        this.#dispatcher.handle(buffer, size)
        if (++inARow < burst) continue
        inARow = 0
        this.#attend(false)
      } else if (size === -errno.EAGAIN) {
        inARow = 0
        this.#attend(true)
      } else if (size === 0 || size === -errno.ENODEV) return 'unmounted'
      else if (size === -errno.ECONNABORTED) return 'aborted'
      // The request was interrupted before it could be read.
      else if (size !== -errno.ENOENT) throw systemError(size, 'read', '/dev/fuse')
    }
    return 'stopped'
  }

  /** Makes `run` return after the request at hand. For handlers and hooks, in the loop's thread. */
  stop(): void {
    this.#stopping = true
  }

  /**
   * Answers a PENDING request, in the loop's thread: with `error` (negative), or 0 and what `fill`
   * puts into the reply. To be called exactly once for each.
   */
  answer(unique: number, error: number, fill?: (reply: Reply) => void): void {
    this.#dispatcher.answer(unique, error, fill)
  }

  /** Serves the owner: its deadline, its wake-up. With `wait`, waits for those or a request. */
  #attend(wait: boolean): void {
    const { nextDeadlineMs, onDeadline, onWake, wakeFd, onError } = this.#options
    let timeoutMs = nextDeadlineMs?.() ?? Infinity
    if (timeoutMs <= 0) {
      guard(() => onDeadline?.(), onError, 'onDeadline')
      timeoutMs = 0
    }
    if (this.#stopping || (!wait && wakeFd === undefined)) return
    const limitMs = timeoutMs === Infinity ? -1 : Math.min(Math.ceil(timeoutMs), 0x7fffffff)
    const ready = poll(this.#polled, wait ? limitMs : 0)
    if (ready < 0 && ready !== -errno.EINTR) throw systemError(ready, 'poll')
    if (ready > 0 && this.#polled.revents(1) !== 0) {
      guard(() => onWake?.(), onError, 'onWake')
    }
  }
}

function guard(hook: () => void, onError: SessionOptions['onError'], name: string): void {
  try {
    hook()
  } catch (error) {
    onError(error, name)
  }
}

function wantsFor(handlers: Handlers, wants: readonly InitFlag[]): readonly InitFlag[] {
  if (handlers.FUSE_READDIRPLUS) return wants
  return wants.filter((flag) => flag !== 'FUSE_DO_READDIRPLUS' && flag !== 'FUSE_READDIRPLUS_AUTO')
}
