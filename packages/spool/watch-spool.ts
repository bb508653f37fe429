// Wakes readers when a spool has grown, whoever has written it: the kernel says so (inotify), and a
// slow clock in case that it does not.

import { watch, type FSWatcher } from 'node:fs'
import type { Spool } from './spool.js'

const pollMs = 250
/** Where the kernel has no more watches to give. */
const pollAloneMs = 20

export interface SpoolWatch {
  close(): void
}

/**
 * Calls `changed` soon after anything was appended; now and then also when nothing was, with
 * `isTick` true.
 */
export function watchSpool(spool: Spool, changed: (isTick: boolean) => void): SpoolWatch {
  let watcher: FSWatcher | undefined
  let timer: NodeJS.Timeout
  const tickEach = (ms: number) => setInterval(() => changed(true), ms)
  const alone = () => {
    watcher?.close()
    watcher = undefined
    clearInterval(timer)
    timer = tickEach(pollAloneMs)
  }
  timer = tickEach(pollMs)
  try {
    // By its descriptor, so that it is the directory that is read.
    watcher = watch(`/proc/self/fd/${spool.fd}`, () => changed(false))
    watcher.on('error', alone)
  } catch {
    alone()
  }
  return {
    close() {
      watcher?.close()
      clearInterval(timer)
    },
  }
}
