// Standard output whose reader has gone, noticed also while there is nothing to write.

import { poll, PollSet, POLLERR, POLLHUP } from '#posix'

const eachMs = 1000

/** Calls `gone` once where standard output is a pipe or a socket and nobody reads it any more. */
export function watchOutput(gone: () => void): { close(): void } {
  const set = new PollSet(1)
  const timer = setInterval(() => {
    set.set(0, 1, 0)
    if (poll(set, 0) <= 0 || !(set.revents(0) & (POLLERR | POLLHUP))) return
    clearInterval(timer)
    gone()
  }, eachMs)
  timer.unref()
  return { close: () => clearInterval(timer) }
}
