// SIGUSR1: a program says how it is.

import { silence, stateOf, type StatusReport } from '#relay'
import type { Position } from '#wire'
import type { Log } from './log.js'

/**
 * Tells what `report` gives, if anything, with each SIGUSR1, until the function that it gives is
 * called.
 */
export function tellStatus(log: Log, report: () => StatusReport | undefined): () => void {
  const tell = () => {
    const told = report()
    if (told) log.status(told.lines, told.object)
  }
  process.on('SIGUSR1', tell)
  return () => void process.off('SIGUSR1', tell)
}

/** How a stream comes in, and goes on to who reads this program's output. */
export interface PassingState {
  /** Of the last message that came. */
  readonly position: Position | undefined
  /** That message ends its epoch. */
  readonly isEnded: boolean
  /** Undefined where the source is no connection. */
  readonly isConnected: boolean | undefined
  readonly connections: number
  /** Since anything has come. */
  readonly silentMs: number
  /** What has come and was not taken yet. */
  readonly waitingBytes: number
  /** Who reads the output takes less than comes. */
  readonly isHeld: boolean
}

export function passingReport(passing: PassingState): StatusReport {
  const { position, isEnded, isConnected, silentMs, waitingBytes, isHeld, connections } = passing
  const state = stateOf([
    ...(isConnected === false ? ['the source is not connected'] : []),
    ...(position === undefined ? ['waits for its source'] : []),
    ...(isEnded ? ['the stream has ended'] : silence(silentMs)),
    ...(isHeld ? ['its reader is behind'] : []),
  ])
  const at = position ? `at ${position.epoch}:${position.seq}` : 'nothing as yet'
  const connection =
    isConnected === undefined
      ? 'no connection'
      : `${isConnected ? 'connected' : 'not connected'}, ${connections} so far`
  return {
    object: {
      state,
      position: position ?? null,
      silentSeconds: silentMs / 1000,
      waitingBytes,
      isConnected: isConnected ?? null,
      connections,
    },
    lines: [
      `input: ${at}, ${connection}`,
      `output: ${waitingBytes} bytes wait for its reader`,
      `state: ${state}`,
    ],
  }
}
