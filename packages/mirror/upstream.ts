// What a mirror can ask of its source, and tell it, where that takes requests.

import type { Position } from '#wire'

export interface Upstream {
  /**
   * The stream is to go on behind a position; the answer comes first in it. `isEnded`: that is the
   * end of an epoch.
   */
  subscribe(position: Position, isEnded: boolean): void
  /** Sends a request; false: it cannot be sent now. Left out where nobody would take it. */
  readonly send?: ((message: Buffer) => boolean) | undefined
  readonly state: () => UpstreamState
}

export interface UpstreamState {
  /** Of the last message that came. */
  readonly received: Position | undefined
  /** How many connections there were. */
  readonly connections: number
  /** There is one, and it has brought something or may yet. */
  readonly isConnected: boolean
}
