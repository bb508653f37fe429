// Waits with an end.

import { setTimeout as sleep } from 'node:timers/promises'

/** Looks each 10 ms whether it is so. Throws where it is not after `limitMs`. */
export async function within(limitMs: number, what: string, isSo: () => boolean): Promise<void> {
  const endMs = performance.now() + limitMs
  while (!isSo()) {
    if (performance.now() > endMs) throw new Error(`${what}: not within ${limitMs} ms`)
    await sleep(10)
  }
}
