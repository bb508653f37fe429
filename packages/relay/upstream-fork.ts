// What clients send, to several outputs.

import type { UpstreamTarget } from './upstream-writer.js'

/** As slow as the slowest of `targets`. */
export function upstreamFork(targets: readonly UpstreamTarget[]): UpstreamTarget {
  return {
    write(message) {
      for (const target of targets) target.write(message)
    },
    acknowledge(who, message) {
      for (const target of targets) target.acknowledge(who, message)
    },
    hasRoom: (ready) => targets.every((target) => target.hasRoom(ready)),
    forget(ready) {
      for (const target of targets) target.forget(ready)
    },
    end: async (limitMs) => void (await Promise.all(targets.map((target) => target.end(limitMs)))),
    close() {
      for (const target of targets) target.close()
    },
  }
}
