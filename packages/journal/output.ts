// Where the stream goes: a descriptor that takes whole messages, waits for a reader that is slow,
// and is let go of when the reader is gone.

import {
  AT_FDCWD,
  check,
  close,
  dup,
  dupOver,
  errno,
  errnoName,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  O_NONBLOCK,
  O_WRONLY,
  openat,
  pipeSize,
  poll,
  POLLOUT,
  PollSet,
  reopen,
  S_IFIFO,
  S_IFSOCK,
  send,
  setPipeSize,
  Stat,
  fstat,
  write,
} from '#posix'
import { untakenOf } from './untaken.js'

/** Where messages go. */
export interface Sink {
  /** Whether it takes anything. */
  readonly isAttached: boolean
  /** Bytes that its reader has not taken yet. */
  readonly untaken: number
  /** Bytes that it takes, about, while its reader takes nothing; Infinity for a file. */
  readonly capacity: number
  /** Takes the first `size` bytes of a buffer, a whole message. */
  write(buffer: Buffer, size: number): void
  /** What is written until `uncork` may wait for that, and goes together then. */
  cork(): void
  uncork(): void
  /** Looks whether the reader is still there, and lets go where it is not. */
  checkReader(): void
  close(): void
}

export interface OutputOptions {
  /** 'block': wait for the reader as long as it takes. 'detach': no longer than `fullTimeoutMs`. */
  readonly onFull: 'block' | 'detach'
  readonly fullTimeoutMs: number
  /** Whether to give up waiting, asked now and then; for an end that must not wait for a reader. */
  readonly isAbandoned: () => boolean
  /** It has waited for so long, and goes on waiting (null: it has drained). */
  readonly onStall: (seconds: number | null) => void
  /** The reader is gone or did not drain: from now on nothing is written. `why` is for people. */
  readonly onDetach: (why: string) => void
}

/** How long a wait for the reader lasts before the end is looked for again. */
const waitStepMs = 100
/** How long it waits before it says so. */
const stallMs = 5000
const pipeWanted = 1 << 20
/** What a socket takes at least, whatever the kernel counts with it. */
const socketSize = 64 << 10
/** PIPE_BUF of <linux/limits.h>. */
const pipeBuf = 4096
/** Bytes that wait for `uncork` at most. */
const corkedMax = 32 << 10

export class Output implements Sink {
  readonly #options: OutputOptions
  readonly #polled = new PollSet(1)
  #fd: number
  readonly #isSocket: boolean
  readonly #isPipe: boolean
  readonly #blocks: boolean
  readonly capacity: number = Infinity
  /** What `untaken` was when it detached. */
  leftBytes = 0
  readonly #corked = Buffer.allocUnsafe(corkedMax)
  #corkedSize = 0
  #isCorked = false

  /**
   * Takes over what `fd` is and leaves /dev/null in its place, so that closing the output ends it
   * for its reader and no file opened later gets the number. A pipe is opened anew without
   * blocking, since that mode belongs to the open file, which others may share. Where another user
   * made it (sudo -u) that is not allowed, and it is written a small step at a time.
   */
  constructor(fd: number, options: OutputOptions) {
    const stat = new Stat()
    check(fstat(fd, stat.buffer), 'fstat', 'the output')
    this.#options = options
    this.#isSocket = stat.type === S_IFSOCK
    this.#isPipe = stat.type === S_IFIFO
    const opened = this.#isPipe ? reopen(fd, O_WRONLY | O_NONBLOCK) : dup(fd)
    this.#blocks = opened === -errno.EACCES
    this.#fd = check(this.#blocks ? dup(fd) : opened, 'open', 'the output')
    const nothing = check(openat(AT_FDCWD, Buffer.from('/dev/null'), O_WRONLY), 'open', '/dev/null')
    check(dupOver(nothing, fd), 'dup3')
    close(nothing)
    if (this.#isPipe) {
      // A larger pipe saves switches between writer and reader; what the kernel refuses is no harm.
      setPipeSize(this.#fd, pipeWanted)
      this.capacity = Math.max(pipeBuf, pipeSize(this.#fd))
    } else if (this.#isSocket) this.capacity = socketSize
  }

  get isAttached(): boolean {
    return this.#fd >= 0
  }

  /** Bytes that were written and that the reader has not taken yet. A file has taken everything. */
  get untaken(): number {
    if (this.#fd < 0 || !(this.#isPipe || this.#isSocket)) return 0
    return this.#corkedSize + untakenOf(this.#fd, this.#isPipe ? 'pipe' : 'socket')
  }

  cork(): void {
    this.#isCorked = true
  }

  uncork(): void {
    this.#isCorked = false
    this.#flush()
  }

  /**
   * Writes the first `size` bytes of a buffer, all of them unless it detaches: how many. Where it
   * is corked they count as written.
   */
  write(buffer: Buffer, size: number): number {
    if (this.#corkedSize + size > corkedMax) this.#flush()
    if (!this.#isCorked || size > corkedMax || this.#fd < 0) return this.#put(buffer, size)
    buffer.copy(this.#corked, this.#corkedSize, 0, size)
    this.#corkedSize += size
    return size
  }

  #flush(): void {
    const size = this.#corkedSize
    this.#corkedSize = 0
    const done = this.#put(this.#corked, size)
    // Where it has detached.
    this.leftBytes += size - done
  }

  #put(buffer: Buffer, size: number): number {
    let at = 0
    while (at < size && this.#fd >= 0) {
      const done = this.#isSocket
        ? send(this.#fd, buffer, at, size - at, MSG_DONTWAIT | MSG_NOSIGNAL)
        : this.#blocks
          ? this.#writeStep(buffer, at, size)
          : write(this.#fd, buffer, at, size - at)
      if (done >= 0) at += done
      else if (done === -errno.EAGAIN) this.#wait()
      else if (done === -errno.EPIPE || done === -errno.ECONNRESET)
        this.detach('its reader is gone')
      else this.detach(`it cannot be written (${errnoName(-done)})`)
    }
    return at
  }

  // A pipe that poll(2) calls writable takes PIPE_BUF bytes without blocking.
  #writeStep(buffer: Buffer, at: number, size: number): number {
    this.#polled.set(0, this.#fd, POLLOUT)
    if (poll(this.#polled, 0) === 0) return -errno.EAGAIN
    return write(this.#fd, buffer, at, Math.min(size - at, pipeBuf))
  }

  /** Looks whether the reader is still there, and detaches where it is not. */
  checkReader(): void {
    if (!this.#isPipe && !this.#isSocket) return
    this.#polled.set(0, this.#fd, 0)
    if (poll(this.#polled, 0) > 0) this.detach('its reader is gone')
  }

  /** Closes it; the reader sees the end of its input. */
  detach(why: string): void {
    this.leftBytes = this.untaken
    this.#corkedSize = 0
    this.close()
    this.#options.onDetach(why)
  }

  close(): void {
    if (this.#fd >= 0) close(this.#fd)
    this.#fd = -1
  }

  #wait(): void {
    const { onFull, fullTimeoutMs, isAbandoned, onStall } = this.#options
    const start = performance.now()
    let isStalled = false
    this.#polled.set(0, this.#fd, POLLOUT)
    while (poll(this.#polled, waitStepMs) === 0) {
      const waitedMs = performance.now() - start
      if (isAbandoned()) return this.detach('it did not drain before the end')
      if (onFull === 'detach' && waitedMs >= fullTimeoutMs)
        return this.detach(`its reader took nothing for ${fullTimeoutMs / 1000} s`)
      if (isStalled || waitedMs < stallMs) continue
      isStalled = true
      onStall(waitedMs / 1000)
    }
    if (isStalled) onStall(null)
  }
}
